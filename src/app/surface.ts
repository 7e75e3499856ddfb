import { type Gateway, type GatewayConfig, type GatewayDeps, gatewayConfig, openGateway } from '../gateway/index.ts';
import { createCors, nativeFace, type Route } from '../http/index.ts';
import { isLegacy, type PolicyRule, type ServeDeps, type ServedProfile, serveProfile } from '../profiles/index.ts';
import { type Assertions, NATIVE_COOKIES, type Tokens } from '../sessions/index.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';

/** What of a running server can be exchanged for another: the profiles and the gateway, and so all routes. */
export interface OpenSurface {
  /** The native one is always among them; the first speaks where no other is mounted. */
  readonly profiles: readonly [ServedProfile, ...ServedProfile[]];
  readonly gateway: Gateway;
  readonly routes: readonly Route[];
  /** Lets what runs end for a while, and closes what it was opened with. */
  close(): Promise<void>;
  /** Lets what runs end, however long it takes, and what is `busy` on its way: another surface has taken its place. */
  retire(busy: () => boolean): Promise<void>;
}

export interface SurfaceDeps extends Omit<ServeDeps, 'generalRules'> {
  readonly tokens: Tokens;
  readonly assertions: Assertions;
  readonly gatewayPorts: Omit<GatewayDeps, 'config' | 'assertions' | 'cookies'>;
  /** The limits of the start: a reload does not take them up. */
  readonly ceilings: Config['limits'];
  /** Whether this thread is the one that owns the data: what is written once is written by it. */
  readonly isOwner: boolean;
  /** Whether a command has opened the folder for a moment: it takes nothing over. */
  readonly isVisit: boolean;
  /** Every permission that a role or key may hold; what routes to back ends ask for is added. */
  readonly catalogue: Set<string>;
  /** Those that every configuration has. */
  readonly nativeRoutes: readonly Route[];
}

/**
 * Opens the profiles and back ends of a configuration.
 *
 * @throws CONFIG_INVALID where two routes want one place, or a back end's certificate can't be read; SESSION_SECRET_WEAK
 */
export async function openSurface(config: Config, deps: SurfaceDeps): Promise<OpenSurface> {
  const generalRules = generalRulesOf(deps.ceilings);
  const native: ServedProfile = {
    name: 'twinkeep',
    host: undefined,
    prefix: '',
    face: nativeFace,
    cors: createCors(config.corsOrigins),
    tokens: deps.tokens,
    cookies: NATIVE_COOKIES,
    rules: generalRules,
    routes: deps.nativeRoutes,
  };
  const served: ServedProfile[] = [];
  let gateway: Gateway | undefined;
  const close = async (): Promise<void> => {
    await gateway?.close();
    for (const profile of served) await profile.close?.();
  };
  try {
    for (const name of config.profiles)
      served.push(
        isLegacy(name)
          ? await serveProfile(name, config.profile, { ...deps, generalRules }).catch(unusable(name))
          : native,
      );
    if (!served.includes(native)) served.push(native);
    assertServed(config, served);
    gateway = await openGateway({
      ...deps.gatewayPorts,
      config: gatewayOf(config),
      assertions: deps.assertions,
      cookies: served.flatMap(({ cookies = {} }) => Object.values(cookies)),
    });
    const routes = [...withHealth(served), ...gateway.routes];
    assertOnePlaceEach(routes);
    // Nothing is written before all is checked: a configuration that is refused leaves no trace.
    if (deps.isOwner && !deps.isVisit)
      for (const profile of served) await profile.start?.().catch(unusable(profile.name));
    for (const { access } of gateway.routes) if (access.kind === 'permission') deps.catalogue.add(access.permission);
    const [first = native, ...others] = served;
    const drained = gateway;
    const retire: OpenSurface['retire'] = async (busy) => {
      await drained.retire(busy);
      await close();
    };
    return { profiles: [first, ...others], gateway, routes, close, retire };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Every profile has its own open `/health` (E04), with the headers of its own face: at its host or prefix, and at the
 * root that of the profile which speaks there.
 */
function withHealth(served: readonly ServedProfile[]): readonly Route[] {
  const [first] = served;
  return served.flatMap(({ name, host, prefix, routes }) => {
    const isRoot = host === undefined && prefix === '';
    if (name === 'twinkeep') {
      const speaker = first !== undefined && first.host === undefined && first.prefix === '' ? first.name : name;
      return routes.map((route) => (route.path === HEALTH ? { ...route, profile: speaker } : route));
    }
    const native = served.find((profile) => profile.name === 'twinkeep')?.routes.find(({ path }) => path === HEALTH);
    if (isRoot || native === undefined) return routes;
    return [...routes, { ...native, profile: name, path: prefix + HEALTH, ...(host === undefined ? {} : { host }) }];
  });
}

const HEALTH = '/health';

/** Ceilings that hold for every profile, whatever its own limits are. */
function generalRulesOf(limits: Config['limits']): readonly PolicyRule[] {
  const perMinute = (name: 'address' | 'principal' | 'tenant', count: number) =>
    ({ name, per: name, count, windowMs: 60_000 }) as const;
  return [
    { ...perMinute('address', limits.addressPerMinute), early: true },
    perMinute('principal', limits.principalPerMinute),
    perMinute('tenant', limits.tenantPerMinute),
  ];
}

/** `backEnd` is the short form of a gateway with one back end for everything that is not ours. */
function gatewayOf({ backEnd, gateway, profiles: [profile] }: Config): GatewayConfig {
  if (backEnd === undefined) return gateway;
  const parsed = gatewayConfig.safeParse({
    ...gateway,
    backEnds: { ...gateway.backEnds, main: { url: new URL(backEnd).origin } },
    routes: [...gateway.routes, { path: '/*', to: 'main', sockets: true, profile }],
  });
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ message }) => ({ at: 'TWINKEEP_BACK_END', reason: message }));
  throw appFault('CONFIG_INVALID', { errors });
}

/** A route under a profile that is not served would be open to nobody, or worse, to those of another. */
function assertServed({ gateway }: Config, served: readonly ServedProfile[]): void {
  const names = served.map(({ name }) => name);
  const errors = gateway.routes.flatMap(({ profile }, index) =>
    names.includes(profile)
      ? []
      : [{ at: `gateway.routes.${index}.profile`, reason: `must be one that is served: ${names.join(', ')}` }],
  );
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
}

/** A file or folder that a profile names and nobody can open is a flaw of the configuration, not one of ours. */
const unusable =
  (name: string) =>
  (error: unknown): never => {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    const reason = `names a file or folder that cannot be used: ${error.message}`;
    throw appFault('CONFIG_INVALID', { errors: [{ at: `profile.${name}`, reason }] }, error);
  };

/** Of two routes at one place only one would ever be asked, and its reader could not tell which. */
function assertOnePlaceEach(routes: readonly Route[]): void {
  const seen = new Map<string, Route>();
  const errors: { at: string; reason: string }[] = [];
  for (const route of routes) {
    const place = `${route.host ?? ''} ${route.method} ${route.path.replace(/:[^/]+/g, ':')}`;
    const other = seen.get(place);
    if (other === undefined) seen.set(place, route);
    else {
      const owners = `${other.profile ?? 'twinkeep'} and ${route.profile ?? 'twinkeep'}`;
      const fix = 'mount one at another host or prefix';
      errors.push({
        at: 'TWINKEEP_PROFILE',
        reason: `${route.method} ${route.path} belongs to both ${owners}; ${fix}`,
      });
    }
  }
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
}
