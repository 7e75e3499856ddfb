import { parseFernetKey } from '../crypto/index.ts';
import { unsafeDelivery } from '../delivery/index.ts';
import { type Flaw, isFault } from '../kernel/errors.ts';
import { notFound } from '../kernel/references.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { isLegacy, prefixOf, profileNames } from '../profiles/index.ts';
import { judgeSecret } from '../sessions/index.ts';
import { parseMasterKey } from '../vault/index.ts';
import type { Config } from './config.ts';
import { servesTls, unsafeTls } from './tls-config.ts';

/** Combinations that must not start: each with the way out of it. */
export function unsafe(config: Config): readonly Flaw[] {
  return [
    ...inProduction(config),
    ...badSecrets(config),
    ...fieldKeys(config),
    ...placeholders(config),
    ...mounts(config),
    ...unknownProfiles(config),
    ...unsafeTls(config),
  ];
}

/** A name that is mistyped would leave a profile without what it was to have. */
function unknownProfiles({ detection }: Config): readonly Flaw[] {
  const names: readonly string[] = profileNames;
  const at = 'detection.inspection.oldPatterns';
  return detection.inspection.oldPatterns
    .filter((name) => !names.includes(name))
    .map((name) => ({ at, reason: `names ${name}, which is none of ${names.join(', ')}` }));
}

function inProduction({
  production,
  limits,
  corsOrigins,
  profile,
  profiles,
  delivery,
  vault,
  accounts,
}: Config): readonly Flaw[] {
  if (!production) return [];
  const flaws: Flaw[] = [...unsafeDelivery(delivery)];
  if (!limits.enabled)
    flaws.push({ at: 'TWINKEEP_LIMITS', reason: 'must not be off in production; remove it, or NODE_ENV=production' });
  if (vault.provider !== undefined && !isPrivate(vault.provider.address)) {
    flaws.push({ at: 'vault.provider.address', reason: 'must be https in production, or on this machine' });
  }
  if (accounts.publicUrl !== undefined && !isPrivate(accounts.publicUrl)) {
    const reason = 'must be https in production, or on this machine: whoever reads its links on the way sets passwords';
    flaws.push({ at: 'accounts.publicUrl', reason });
  }
  const reason = 'must not hold * in production; name the origins';
  if (corsOrigins.includes('*')) flaws.push({ at: 'TWINKEEP_CORS_ORIGINS', reason });
  for (const name of profiles.filter(isLegacy))
    if (profile[name].corsOrigins.includes('*')) flaws.push({ at: `profile.${name}.corsOrigins`, reason });
  return [...flaws, ...cookieFlaws(profile, profiles)];
}

/** Cookies go along by themselves, and in the clear where nothing keeps them from it (B03, B09). */
function cookieFlaws(profile: Config['profile'], profiles: Config['profiles']): readonly Flaw[] {
  const reason = 'must not be off in production; remove it';
  return profiles.filter(isLegacy).flatMap((name) => {
    const settings = profile[name];
    if (!('csrfProtect' in settings)) return [];
    const flaws = [
      ...(settings.csrfProtect ? [] : ['csrfProtect']),
      ...(settings.cookieSecure === false ? ['cookieSecure'] : []),
    ];
    return flaws.map((key): Flaw => ({ at: `profile.${name}.${key}`, reason }));
  });
}

/** Whether what is said there stays secret: by TLS, or because it leaves no machine. */
function isPrivate(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** In the words of the system that says it at all (E19). */
function badSecrets({ profile, profiles, production }: Config): readonly Flaw[] {
  return profiles.filter(isLegacy).flatMap((name): readonly Flaw[] => {
    const own = `${prefixOf(name)}JWT_SECRET_KEY`;
    const secret = profile[name].secret?.reveal();
    if (secret === undefined)
      return [{ at: own, reason: `${notFound('JWT_SECRET_KEY')}; set it, JWT_SECRET_KEY_FILE or ${own}` }];
    const previous = profile[name].previousSecret?.reveal();
    const before = previous === undefined ? undefined : judgeSecret(previous);
    const flaws: readonly Flaw[] =
      before?.kind === 'refused' ? [{ at: `${own}_PREVIOUS`, reason: `${before.reason}; remove it` }] : [];
    const verdict = judgeSecret(secret);
    const fix = 'set one of 32 random bytes: openssl rand -base64 32';
    if (verdict.kind === 'refused') return [{ at: own, reason: `${verdict.reason}; ${fix}` }, ...flaws];
    return verdict.kind === 'short' && production
      ? [{ at: own, reason: `has ${verdict.bytes} bytes, and needs 32 in production; ${fix}` }, ...flaws]
      : flaws;
  });
}

/** What a system sealed its fields under is what a new key cannot open, so no other takes its place in silence (B11). */
const FIELD_KEYS = { 'digital-twin-v2': 'ENCRYPTION_KEY', aivillage: 'DIGITAL_TWIN_MASTER_KEY' } as const;

function fieldKeys({ profile, profiles, masterKey, previousMasterKey, vault }: Config): readonly Flaw[] {
  const flaws: Flaw[] = profiles.includes('digital-twin-v1') ? [...fernetFlaws(profile['digital-twin-v1'])] : [];
  for (const name of ['digital-twin-v2', 'aivillage'] as const) {
    const given = profile[name].encryptionKey;
    const variable = FIELD_KEYS[name];
    const own = `${prefixOf(name)}${variable}`;
    if (!profiles.includes(name)) continue;
    if (given !== undefined) flaws.push(...unfit(own, given));
    else if (masterKey === undefined && vault.provider === undefined) {
      const fix = 'or TWINKEEP_MASTER_KEY; make one: twinkeep keys generate';
      flaws.push({ at: own, reason: `${notFound(variable)}; set it, ${variable}_FILE, ${own} ${fix}` });
    }
  }
  const [one, two] = [profile['digital-twin-v2'].encryptionKey, profile.aivillage.encryptionKey];
  const both = profiles.includes('digital-twin-v2') && profiles.includes('aivillage');
  if (masterKey === undefined && both && one !== undefined && two !== undefined && one.reveal() !== two.reveal()) {
    const reason = 'and DIGITAL_TWIN_MASTER_KEY say different things; set TWINKEEP_MASTER_KEY to the one to seal by';
    flaws.push({ at: 'ENCRYPTION_KEY', reason });
  }
  if (masterKey !== undefined && vault.provider !== undefined) {
    const reason = 'and vault.provider both name one; hand this in as TWINKEEP_MASTER_KEY_PREVIOUS';
    flaws.push({ at: 'TWINKEEP_MASTER_KEY', reason });
  }
  if (masterKey !== undefined) flaws.push(...unfit('TWINKEEP_MASTER_KEY', masterKey));
  if (previousMasterKey !== undefined) flaws.push(...unfit('TWINKEEP_MASTER_KEY_PREVIOUS', previousMasterKey));
  return flaws;
}

/** Digital Twin v1 seals by Fernet until it is told otherwise: without a key its functions could only fail (A09). */
function fernetFlaws({ encryptionKey, fieldForm }: Config['profile']['digital-twin-v1']): readonly Flaw[] {
  const at = 'DIGITAL_TWIN_V1_ENCRYPTION_KEY';
  if (encryptionKey === undefined) return [];
  const bytes = parseFernetKey(encryptionKey.reveal());
  if (bytes === undefined) return [{ at, reason: 'is no Fernet key: 32 bytes in base64url' }];
  const isMadeUp = fieldForm === 'fernet' && new Set(bytes).size < LEAST_BYTES_THAT_DIFFER;
  return isMadeUp
    ? [{ at, reason: 'is a placeholder, not a secret; make one: twinkeep keys generate --form fernet' }]
    : [];
}

/** 32 random bytes have 30 that differ, and never fewer than this in the life of the universe. */
const LEAST_BYTES_THAT_DIFFER = 16;

function unfit(at: string, key: Secret): readonly Flaw[] {
  try {
    parseMasterKey(key);
    return [];
  } catch (error) {
    const reason = isFault(error) ? String(error.facts['reason']) : 'is no key';
    return [{ at, reason: `${reason}; make one: twinkeep keys generate` }];
  }
}

/** Passwords out of a sample; the keys and shared secrets are judged by the rooms that use them. */
const ASKS = /change.?me|change.?this|replace.?me|your.?(secret|password)|placeholder/i;

function placeholders({ adminPassword, databaseUrl, redisUrl, vault }: Config): readonly Flaw[] {
  const secrets: (readonly [string, Secret | undefined])[] = [
    ['TWINKEEP_ADMIN_PASSWORD', adminPassword],
    ['vault.provider.token', vault.provider?.token],
  ];
  const flaws: Flaw[] = [];
  for (const [at, url] of [
    ['TWINKEEP_DATABASE_URL', databaseUrl],
    ['TWINKEEP_REDIS_URL', redisUrl],
  ] as const) {
    const password = passwordOf(url);
    if (password === undefined)
      flaws.push({ at, reason: 'has a password with a % that encodes nothing; write it as %25' });
    else secrets.push([at, password]);
  }
  const madeUp = secrets
    .filter(([, secret]) => secret !== undefined && ASKS.test(secret.reveal()))
    .map(([at]) => ({ at, reason: 'is a placeholder, not a secret; choose your own' }));
  return [...flaws, ...madeUp];
}

/** @returns undefined for one that is not percent-encoded as it must be */
function passwordOf(url: Secret | undefined): Secret | undefined {
  const password = url === undefined ? '' : (URL.parse(url.reveal())?.password ?? '');
  try {
    return createSecret(decodeURIComponent(password));
  } catch {
    return undefined;
  }
}

/** Two profiles at one place must not own the same paths; which do is seen when the routes are laid out. */
function mounts({ profile, profiles }: Config): readonly Flaw[] {
  const twice = profiles.filter((name, at) => profiles.indexOf(name) !== at);
  const flaws = twice.map((name): Flaw => ({ at: 'TWINKEEP_PROFILE', reason: `names ${name} twice` }));
  for (const name of profiles.filter(isLegacy)) {
    if (/^\/v1(\/|$)/.test(profile[name].prefix))
      flaws.push({ at: `profile.${name}.prefix`, reason: 'must not be /v1, which is always the native API' });
  }
  return flaws;
}

/** What starts all the same, and had better not stay so: a sentence each for the log. */
export function doubtful(config: Config): readonly string[] {
  const { limits, profile, profiles } = config;
  const doubts = limits.enabled ? [] : ['limits are off: anybody may send as much as they like'];
  if (isInTheClear(config))
    doubts.push(
      'passwords and tokens come in the clear: set TWINKEEP_TLS_CERT_FILE and TWINKEEP_TLS_KEY_FILE (twinkeep tls ' +
        'generate), or TWINKEEP_TRUSTED_PROXIES where a proxy speaks TLS',
    );
  for (const name of profiles.filter(isLegacy)) {
    const settings = profile[name];
    if ('csrfProtect' in settings && !settings.csrfProtect)
      doubts.push(`profile ${name} asks for no X-CSRF-TOKEN: a page of another site may act for whoever is signed in`);
    if ('rotate' in settings && !settings.rotate)
      doubts.push(`profile ${name} keeps one refresh token: that somebody else uses it too is not noticed`);
    const verdict = judgeSecret(settings.secret?.reveal() ?? '');
    if (verdict.kind === 'short')
      doubts.push(`the secret of profile ${name} has ${verdict.bytes} bytes; 32 random ones cannot be guessed`);
  }
  return doubts;
}

/** Whether others than this machine may come, in production, and nobody speaks TLS that is known of. */
function isInTheClear({ production, tls, trustedProxies, host }: Config): boolean {
  const isLocal = host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
  return production && !servesTls(tls) && trustedProxies.length === 0 && !isLocal;
}
