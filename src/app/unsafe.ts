import { unsafeDelivery } from '../delivery/index.ts';
import type { Flaw } from '../kernel/errors.ts';
import { isLegacy, prefixOf } from '../profiles/index.ts';
import { judgeSecret } from '../sessions/index.ts';
import type { Config } from './config.ts';

/** Combinations that must not start: each with the way out of it. */
export function unsafe(config: Config): readonly Flaw[] {
  return [...inProduction(config), ...badSecrets(config), ...mounts(config)];
}

function inProduction({ production, limits, corsOrigins, profile, profiles, delivery }: Config): readonly Flaw[] {
  if (!production) return [];
  const flaws: Flaw[] = [...unsafeDelivery(delivery)];
  if (!limits.enabled)
    flaws.push({ at: 'TWINKEEP_LIMITS', reason: 'must not be off in production; remove it, or NODE_ENV=production' });
  const reason = 'must not hold * in production; name the origins';
  if (corsOrigins.includes('*')) flaws.push({ at: 'TWINKEEP_CORS_ORIGINS', reason });
  for (const name of profiles.filter(isLegacy))
    if (profile[name].corsOrigins.includes('*')) flaws.push({ at: `profile.${name}.corsOrigins`, reason });
  return flaws;
}

/** In the words of the system that says it at all (E19). */
function badSecrets({ profile, profiles, production }: Config): readonly Flaw[] {
  return profiles.filter(isLegacy).flatMap((name): readonly Flaw[] => {
    const own = `${prefixOf(name)}JWT_SECRET_KEY`;
    const secret = profile[name].secret?.reveal();
    if (secret === undefined)
      return [{ at: own, reason: `Required secret JWT_SECRET_KEY not found; set it, JWT_SECRET_KEY_FILE or ${own}` }];
    const verdict = judgeSecret(secret);
    const fix = 'set one of 32 random bytes: openssl rand -base64 32';
    if (verdict.kind === 'refused') return [{ at: own, reason: `${verdict.reason}; ${fix}` }];
    return verdict.kind === 'short' && production
      ? [{ at: own, reason: `has ${verdict.bytes} bytes, and needs 32 in production; ${fix}` }]
      : [];
  });
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
export function doubtful({ limits, profile, profiles }: Config): readonly string[] {
  const doubts = limits.enabled ? [] : ['limits are off: anybody may send as much as they like'];
  for (const name of profiles.filter(isLegacy)) {
    const verdict = judgeSecret(profile[name].secret?.reveal() ?? '');
    if (verdict.kind === 'short')
      doubts.push(`the secret of profile ${name} has ${verdict.bytes} bytes; 32 random ones cannot be guessed`);
  }
  return doubts;
}
