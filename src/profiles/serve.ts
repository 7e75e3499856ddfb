import type { ApiKeys, AssertMayGive } from '../apikeys/index.ts';
import type { SignIn } from '../flows/index.ts';
import { createCors, nativeFace, type Route } from '../http/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { KnownPrincipal, PersonPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import type { Readings } from '../readings/index.ts';
import { createSharedSecretTokens, type Revocations, type Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import type { ProfileConfig, ProfileSettings } from './config.ts';
import { openEms } from './ems/ems.ts';
import { type LegacyName, presets } from './presets.ts';
import type { PolicyRule, ServedProfile } from './profile.ts';
import { signInRoutes } from './sign-in-routes.ts';

/** The rooms and flows that profiles put their names on. */
export interface ProfileDeps {
  readonly issuer: string;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly revocations: Revocations;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly apiKeys: ApiKeys;
  readonly readings: Readings;
  readonly rolesOf: (caller: KnownPrincipal, tenantId: TenantId) => readonly string[] | Promise<readonly string[]>;
  readonly assertHolds: AssertMayGive;
  /** The limits that hold for every profile. */
  readonly generalRules: readonly PolicyRule[];
  readonly onError: (error: unknown) => void;
}

/** What a profile adds to what all of them have. */
export type Extras = Partial<Pick<ServedProfile, 'face' | 'observer' | 'start' | 'close'>> & {
  readonly routes?: readonly Route[];
};

/** One of the older systems, served as its clients know it. @throws SESSION_SECRET_WEAK */
export async function serveProfile(name: LegacyName, config: ProfileConfig, deps: ProfileDeps): Promise<ServedProfile> {
  const settings = config[name];
  const preset = presets[name];
  const { prefix, accessMs } = settings;
  const issuer = `${deps.issuer}/${name}`;
  const tokens = createSharedSecretTokens({
    ...deps,
    profile: name,
    issuer,
    accessMs,
    previousSecret: settings.previousSecret,
    secret: settings.secret ?? createSecret(''), // the configuration is refused without one, and so is this
    claimsOf: async (holder) => ({ sub: holder.username, role: await roleOf(deps, holder) }),
  });
  const extras: Extras = name === 'ems' ? openEms(config.ems, deps) : {};
  const terms = {
    profile: name,
    tokens,
    accessMs,
    refresh: preset.delivery !== 'none',
    absoluteMs: preset.delivery === 'none' ? accessMs : settings.refreshMs,
    idleMs: settings.refreshMs, // the systems say how long a refresh token lives, and nothing of idleness
  };
  const { sessions, signIn } = deps;
  const routes = [
    ...signInRoutes({ profile: name, prefix, preset, signIn, sessions, terms, observer: extras.observer }),
    ...(extras.routes ?? []),
  ];
  return {
    name,
    host: settings.host,
    prefix,
    face: { ...nativeFace, profile: name },
    cors: createCors(settings.corsOrigins),
    tokens,
    rules: [...deps.generalRules, ...rulesOf(name, settings)],
    ...extras,
    routes: routes.map((route) => (settings.host === undefined ? route : { ...route, host: settings.host })),
  };
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
