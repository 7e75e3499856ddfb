import { isDeepStrictEqual } from 'node:util';
import type { BlockEvent } from '../detection/index.ts';
import type { GatewayDeps } from '../gateway/index.ts';
import { httpFault, type Route } from '../http/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import { violationOf } from './block-news.ts';
import type { Config } from './config.ts';
import { changedKeys, changesOf, type Reloaded } from './config-changes.ts';
import { openForwardAuth } from './forward-auth.ts';
import type { House } from './rooms.ts';
import { type OpenSurface, openSurface, type SurfaceDeps } from './surface.ts';
import { type SystemDeps, systemRoutes } from './system-routes.ts';

/** The surface that is served now, and the way to another one. */
export interface LiveSurface {
  current(): OpenSurface;
  /** Whose route it is; of an older surface too, for what runs is finished under it. */
  profileOf(route: Route): ServedProfile;
  /** Keeps the surface of a route open while a request is on its way through the line. @returns what lets it go */
  hold(route: Route): () => void;
  /** For what runs on: a route that is gone, or that asks for something else now, is no longer open. @throws HTTP_NOT_FOUND */
  assertServed(route: Route): void;
  /**
   * Opens the surface of another configuration, has it served, and lets the old one end.
   *
   * @returns what differs now, and which settings need a restart
   * @throws CONFIG_INVALID, SESSION_SECRET_WEAK: then nothing has changed
   */
  reload(read: () => Promise<Config>, serve: Serve): Promise<Reloaded>;
  close(): Promise<void>;
}

export interface LiveSurfaceDeps extends Omit<SurfaceDeps, 'nativeRoutes' | 'gatewayPorts' | 'ceilings' | keyof House> {
  readonly config: Config;
  readonly house: House;
  readonly system: SystemDeps;
  readonly gatewayPorts: Omit<GatewayDeps, 'config' | 'assertions'>;
}

type Serve = (opened: OpenSurface, next: Config) => Promise<void>;

/** Settings that a reload takes up. All others are read once, at the start. */
const RELOADED: ReadonlySet<string> = new Set(['backEnd', 'corsOrigins', 'gateway', 'profile', 'profiles']);

export async function openLiveSurface(deps: LiveSurfaceDeps): Promise<LiveSurface> {
  const { house, system } = deps;
  const owners = new WeakMap<Route, ServedProfile>();
  const known: SurfaceDeps = {
    ...deps,
    ...house,
    ceilings: deps.config.limits,
    nativeRoutes: [...systemRoutes(system, () => live.routes), ...house.routes],
  };
  let config = deps.config;
  const heldOf = new WeakMap<OpenSurface, { readonly count: number }>();
  const retired = new Set<OpenSurface>();
  const holds = new WeakMap<Route, { count: number }>(); // how many requests are on their way to the gateway of a route
  let live = await open(config);
  let turn: Promise<unknown> = Promise.resolve();

  async function open(next: Config): Promise<OpenSurface> {
    const opened = await withForwardAuth(next, await openSurface(next, known));
    const held = { count: 0 };
    for (const route of opened.routes) owners.set(route, named(opened, route));
    for (const route of opened.gateway.routes) holds.set(route, held);
    heldOf.set(opened, held);
    return opened;
  }

  /** With the endpoint at which other proxies ask about what they carry. */
  async function withForwardAuth(next: Config, opened: OpenSurface): Promise<OpenSurface> {
    const { trustedProxies } = deps.config;
    try {
      const asked = await openForwardAuth({
        ...opened,
        ...house,
        config: next,
        trustedProxies,
        rows: { ...deps, ...house },
      });
      for (const [row, profile] of asked.owners) owners.set(row, profile);
      return { ...opened, routes: [...opened.routes, ...asked.routes] };
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  async function exchange(read: () => Promise<Config>, serve: Serve): Promise<Reloaded> {
    const next = await read(); // in its turn, so that the newest that was read is the one that stays
    const rules = house.detection.prepare(next.detection.inspection);
    const digest = house.detection.rulesDigest();
    const old = live;
    let opened: OpenSurface | undefined;
    try {
      await house.adopt(next); // before the first token is signed that lives longer than any before
      opened = await open(next);
      await serve(opened, next);
    } catch (error) {
      rules.drop();
      await opened?.close();
      throw error;
    }
    rules.take();
    const changes = changesOf(config, next, [digest, house.detection.rulesDigest()], opened.routes);
    const changed = changedKeys(config, next);
    const waiting = changedKeys(atStart(config), atStart(next)).filter((key) => !RELOADED.has(key));
    live = opened;
    config = next;
    if (deps.isOwner) tellChange(old, changed);
    retired.add(old);
    void old
      .retire(() => (heldOf.get(old)?.count ?? 0) > 0)
      .catch(deps.onError)
      .finally(() => retired.delete(old));
    return { restart_needed: [...waiting], ...changes };
  }

  const unlisten = house.blockNews.listen((event) => tellBlock(live, event));
  return {
    current: () => live,
    profileOf: (route) => owners.get(route) ?? named(live, route),
    hold: (route) => {
      const held = holds.get(route);
      if (held === undefined) return release;
      held.count++;
      return () => {
        held.count--;
      };
    },
    assertServed: (route) => {
      if (!live.routes.includes(route) && !live.routes.some((other) => isSame(other, route)))
        throw httpFault('HTTP_NOT_FOUND');
    },
    reload: (read, serve) => {
      const done = turn.then(() => exchange(read, serve)); // two at once would each close what the other serves
      turn = done.catch(() => undefined);
      return done;
    },
    close: async () => {
      unlisten();
      await turn;
      await Promise.all([live, ...retired].map((surface) => surface.close()));
    },
  };
}

const release = (): void => undefined;

const isSame = (one: Route, other: Route): boolean =>
  one.method === other.method &&
  one.path === other.path &&
  one.host === other.host &&
  one.profile === other.profile &&
  isDeepStrictEqual(one.access, other.access);

function named({ profiles }: OpenSurface, { profile = 'twinkeep' }: Route): ServedProfile {
  return profiles.find(({ name }) => name === profile) ?? profiles[0];
}

/** What waits for a start, by its name; all else of detection is taken up. */
const atStart = ({ detection: { anomalies, suspicion }, ...config }: Config): object => ({
  ...config,
  ...Object.fromEntries(Object.entries(anomalies).map(([key, value]) => [`detection.anomalies.${key}`, value])),
  'detection.suspicion.halfLifeMs': suspicion.halfLifeMs,
});

/** The names alone: a configuration holds secrets, and a log keeps what it is told (D10). */
function tellChange({ profiles }: OpenSurface, changed: readonly string[]): void {
  for (const { observer } of profiles)
    for (const component of changed)
      observer?.configurationChange({ user: 'operator', component, oldValue: '[redacted]', newValue: '[redacted]' });
}

function tellBlock({ profiles }: OpenSurface, event: BlockEvent): void {
  const violation = violationOf(event);
  if (violation === undefined) return;
  for (const { observer } of profiles) observer?.violation(violation.type, violation.details);
}
