import { isDeepStrictEqual } from 'node:util';
import type { BlockEvent } from '../detection/index.ts';
import type { GatewayDeps } from '../gateway/index.ts';
import type { Route } from '../http/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import type { Config } from './config.ts';
import type { House } from './rooms.ts';
import { type OpenSurface, openSurface, type SurfaceDeps } from './surface.ts';
import { type SystemDeps, systemRoutes } from './system-routes.ts';

/** The surface that is served now, and the way to another one. */
export interface LiveSurface {
  current(): OpenSurface;
  /** Whose route it is; of an older surface too, for what runs is finished under it. */
  profileOf(route: Route): ServedProfile;
  /**
   * Opens the surface of another configuration, has it served, and lets the old one end.
   *
   * @returns settings that differ and need a restart
   * @throws CONFIG_INVALID, SESSION_SECRET_WEAK: then nothing has changed
   */
  reload(next: Config, serve: (opened: OpenSurface) => Promise<void>): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface LiveSurfaceDeps extends Omit<SurfaceDeps, 'nativeRoutes' | 'gatewayPorts' | keyof House> {
  readonly config: Config;
  readonly house: House;
  readonly system: SystemDeps;
  readonly gatewayPorts: Omit<GatewayDeps, 'config' | 'assertions'>;
}

/** Settings that a reload takes up. All others are read once, at the start. */
const RELOADED: ReadonlySet<string> = new Set(['backEnd', 'corsOrigins', 'gateway', 'profile', 'profiles']);

export async function openLiveSurface(deps: LiveSurfaceDeps): Promise<LiveSurface> {
  const { house, system } = deps;
  const owners = new WeakMap<Route, ServedProfile>();
  const known: SurfaceDeps = {
    ...deps,
    ...house,
    nativeRoutes: [...systemRoutes(system, () => live.routes), ...house.routes],
  };
  let config = deps.config;
  let live = await open(config);
  let turn: Promise<unknown> = Promise.resolve();

  async function open(next: Config): Promise<OpenSurface> {
    const opened = await openSurface(next, known);
    for (const route of opened.routes) owners.set(route, named(opened, route));
    return opened;
  }

  async function exchange(next: Config, serve: (opened: OpenSurface) => Promise<void>): Promise<readonly string[]> {
    const opened = await open(next);
    const old = live;
    try {
      await serve(opened);
    } catch (error) {
      await opened.close();
      throw error;
    }
    const changed = changedKeys(config, next);
    live = opened;
    config = next;
    tellChange(old, changed);
    void old.close().catch(deps.onError); // as soon as what runs there has ended
    return changed.filter((key) => !RELOADED.has(key));
  }

  const unlisten = house.blockNews.listen((event) => tellBlock(live, event));
  return {
    current: () => live,
    profileOf: (route) => owners.get(route) ?? named(live, route),
    reload: (next, serve) => {
      const done = turn.then(() => exchange(next, serve)); // two at once would each close what the other serves
      turn = done.catch(() => undefined);
      return done;
    },
    close: async () => {
      unlisten();
      await turn;
      await live.close();
    },
  };
}

function named({ profiles }: OpenSurface, { profile = 'twinkeep' }: Route): ServedProfile {
  return profiles.find(({ name }) => name === profile) ?? profiles[0];
}

function changedKeys(before: Config, after: Config): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const textOf = (config: Config, key: string): unknown => JSON.parse(JSON.stringify(Object(config)[key] ?? null));
  return [...keys].filter((key) => !isDeepStrictEqual(textOf(before, key), textOf(after, key)));
}

/** The names alone: a configuration holds secrets, and a log keeps what it is told (D10). */
function tellChange({ profiles }: OpenSurface, changed: readonly string[]): void {
  for (const { observer } of profiles)
    for (const component of changed)
      observer?.configurationChange({ user: 'operator', component, oldValue: '[redacted]', newValue: '[redacted]' });
}

function tellBlock({ profiles }: OpenSurface, { type, data }: BlockEvent): void {
  if (type !== 'address.blocked') return;
  for (const { observer } of profiles)
    observer?.violation(data.violation, { ip_address: data.address, reason: data.reason });
}
