import { z } from 'zod';
import { type Config, createTwinkeep } from '../app/index.ts';
import { strayLines } from '../detection/index.ts';
import type { Route } from '../http/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { failure } from './errors.ts';
import { generatePassword } from './password.ts';
import { loadSettings } from './setting.ts';

/** The routes of a configuration, for requests that nobody sends. */
export interface Rows {
  readonly config: Config;
  /** Exceptions that no request can come under, for there is no such route. */
  stray(exceptions: Config['detection']['inspection']['exceptions']): readonly string[];
  /** The row that answers a request; where there is none, one that is looked at whole. */
  of(request: { readonly method: string; readonly url: string; readonly host?: string | undefined }): Route;
  /** @throws CLI_FAILED where there is no such route */
  named(name: string): Route;
}

/** Stands for an address that has no row: as strict as any, and without fields of its own. */
const NO_ROW: Route = {
  method: 'GET',
  path: '(no route)',
  summary: 'Nothing.',
  access: { kind: 'public', because: 'there is nothing behind it' },
  body: z.unknown(),
  replies: {},
  faults: [],
  handle: () => Promise.reject(new TypeError('nobody asks it')),
};

/** Laid out on a database in memory: no data, server or lock is touched, and no back end, provider or mail server asked. */
export async function openRows(): Promise<Rows> {
  const config = await loadSettings({ redisUrl: undefined, adminPassword: generatePassword(), logLevel: 'error' });
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  const twinkeep = await createTwinkeep(alone(config), { storage, ownFolder: false });
  const { routes } = twinkeep;
  await twinkeep.close();
  const rows = routes.map((route) => ({ route, pattern: patternOf(route.path) })).toSorted(moreExact);
  return {
    config,
    stray: (exceptions) => strayLines(exceptions, routes),
    of: ({ method, url, host = '' }) => {
      const [path = '/'] = url.split('?', 1);
      const asked = method === 'HEAD' ? 'GET' : method;
      const name = host.replace(/:\d+$/, '').toLowerCase();
      const fits = ({ route, pattern }: Row): boolean =>
        route.method === asked && (route.host === undefined || route.host === name) && pattern.test(path);
      return rows.find(fits)?.route ?? NO_ROW;
    },
    named: (name) => {
      const [method = '', path = ''] = name.trim().split(/\s+/, 2);
      const found = routes.find((route) => route.method === method.toUpperCase() && route.path === path);
      if (found === undefined) throw failure(`There is no route "${name}"; see: twinkeep routes`);
      return found;
    },
  };
}

interface Row {
  readonly route: Route;
  readonly pattern: RegExp;
}

/** Without what would be asked at the start: the health of back ends, and a provider of keys. */
function alone(config: Config): Config {
  const { gateway, vault } = config;
  const backEnds = Object.entries(gateway.backEnds).map(([name, { health: _, ...backEnd }]) => [name, backEnd]);
  return {
    ...config,
    gateway: { ...gateway, backEnds: Object.fromEntries(backEnds) },
    vault: { ...vault, provider: undefined },
  };
}

/** `/x/:id` and `/api/*`, as the router reads them. */
function patternOf(path: string): RegExp {
  const parts = path.split(/(:[A-Za-z][A-Za-z0-9_]*|\*$)/);
  const sources = parts.map((part, at) => {
    if (at % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return part === '*' ? '.*' : '[^/]+';
  });
  return new RegExp(`^${sources.join('')}$`, 's');
}

/** A path with fewer open places before one with more; the longer before the shorter; one with a host first. */
function moreExact({ route: one }: Row, { route: other }: Row): number {
  const hosts = Number(other.host !== undefined) - Number(one.host !== undefined);
  return hosts || openness(one.path) - openness(other.path) || other.path.length - one.path.length;
}

const openness = (path: string): number => (path.endsWith('*') ? 100 : 0) + path.split(':').length;
