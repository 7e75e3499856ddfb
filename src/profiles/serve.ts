import { knownOf } from '../flows/index.ts';
import { createCors, nativeFace } from '../http/index.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { createSecret } from '../kernel/secret.ts';
import { createSharedSecretTokens, type Tokens } from '../sessions/index.ts';
import { openAivillage } from './aivillage/aivillage.ts';
import { type ProfileConfig, type ProfileSettings, sessionMsOf } from './config.ts';
import { csrfPolicyOf } from './csrf.ts';
import { openDigitalTwinV1 } from './digital-twin-v1/digital-twin-v1.ts';
import { openDigitalTwinV2 } from './digital-twin-v2/digital-twin-v2.ts';
import { openEms } from './ems/ems.ts';
import type { Extras, ProfileDeps, ProfileGround } from './extras.ts';
import { type LegacyName, type Preset, presets } from './presets.ts';
import type { PolicyRule, ServedProfile } from './profile.ts';
import { createParcels, hasCookies } from './routes/parcels.ts';
import { routesOf } from './routes/routes.ts';

export type ServeDeps = Omit<ProfileDeps, 'csrf'>;

/** What each system has beside what all have. */
const openers: { readonly [Name in LegacyName]?: (config: ProfileConfig, deps: ProfileDeps) => Extras } = {
  'digital-twin-v1': () => openDigitalTwinV1(),
  'digital-twin-v2': (_, deps) => openDigitalTwinV2(deps),
  ems: (config, deps) => openEms(config.ems, deps),
  aivillage: () => openAivillage(),
};

/** One of the older systems, served as its clients know it. @throws SESSION_SECRET_WEAK */
export async function serveProfile(name: LegacyName, config: ProfileConfig, given: ServeDeps): Promise<ServedProfile> {
  const deps: ProfileDeps = { ...given, csrf: given.sessions.csrf };
  const settings: ProfileSettings = config[name];
  const preset: Preset = presets[name];
  const extras = openers[name]?.(config, deps) ?? {};
  const { face = { ...nativeFace, profile: name }, observer, start, close } = extras;
  const tokens = openTokens(name, settings, deps, extras);
  const ground = groundOf(name, settings, { deps, preset, tokens, extras });
  const { host, prefix } = settings;
  return {
    name,
    host,
    prefix,
    face,
    cors: createCors(settings.corsOrigins),
    tokens,
    cookies: hasCookies(preset, settings) ? preset.cookies : undefined,
    csrf: ground.csrfPolicy,
    rules: [...deps.generalRules, ...rulesOf(name, settings)],
    observer,
    blocksFirst: extras.blocksFirst,
    ...(start && { start }),
    ...(close && { close }),
    routes: routesOf(ground, settings, extras).map((route) => (host === undefined ? route : { ...route, host })),
  };
}

interface Parts {
  readonly deps: ProfileDeps;
  readonly preset: Preset;
  readonly tokens: Tokens;
  readonly extras: Extras;
}

function groundOf(
  profile: LegacyName,
  settings: ProfileSettings,
  { deps, preset, tokens, extras }: Parts,
): ProfileGround {
  const { accessMs, refreshMs, prefix } = settings;
  const refresh = preset.delivery !== 'none';
  const terms = {
    profile,
    tokens,
    accessMs,
    refresh,
    rotate: !('rotate' in settings) || settings.rotate,
    absoluteMs: sessionMsOf(profile, settings),
    idleMs: refreshMs, // the systems say how long a refresh token lives, and nothing of idleness
  };
  const { replyOf, observer } = extras;
  const csrfPolicy = csrfPolicyOf(settings);
  const parcels = createParcels({ preset, settings, csrf: deps.csrf, csrfPolicy, replyOf });
  const scheme = preset.scheme(settings);
  const signInOptions: ProfileGround['signInOptions'] = (context) => ({ terms, scheme, ...knownOf(context) });
  return { ...deps, profile, prefix, preset, terms, observer, parcels, csrfPolicy, signInOptions };
}

function openTokens(name: LegacyName, settings: ProfileSettings, deps: ProfileDeps, extras: Extras): Tokens {
  const { accessMs, previousSecret, secret = createSecret('') } = settings; // the configuration is refused without one, and so is this
  const claimsOf = async (holder: PersonPrincipal) => ({
    ...(await extras.claims?.(holder)),
    sub: holder.username,
    role: await roleOf(deps, holder),
  });
  const issuer = `${deps.issuer}/${name}`;
  const own = createSharedSecretTokens({ ...deps, profile: name, issuer, accessMs, previousSecret, secret, claimsOf });
  return extras.tokens?.(own) ?? own;
}

/** The one role of the old claim; the first of several. Back ends may look at it, we never do. */
async function roleOf(deps: ProfileDeps, holder: PersonPrincipal): Promise<string> {
  return (await deps.rolesOf(holder, holder.tenantId))[0] ?? 'none';
}

function rulesOf(name: LegacyName, { limits, limitsEnabled }: ProfileSettings): readonly PolicyRule[] {
  if (!limitsEnabled) return [];
  const own: readonly PolicyRule[] =
    limits === undefined
      ? presets[name].rules
      : limits.map((limit, index) => ({ ...limit, per: 'caller', name: `limit-${index + 1}` }));
  return own.map((rule) => ({ ...rule, name: `${name}.${rule.name}` })); // no two profiles share a count
}
