import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import {
  type Contender,
  type Environment,
  freePort,
  type Headers,
  launch,
  mustExist,
  PROXIED,
  type Server,
  type Stage,
} from '../contender.ts';
import { makePeople, type Person, post, probing } from './people.ts';

/** As `bin/twinkeep` has it. */
const YOUNG = '--max-semi-space-size=16';
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const KEY_SECONDS = 3_600;

const login = z.object({ access_token: z.string() });
const apiKey = z.object({ key: z.string() });

const NATIVE = {
  me: '/v1/me',
  login: '/v1/login',
  readings: '/v1/readings',
  bulk: { path: '/v1/readings', format: 'ndjson', status: 200 },
  kept: 'stored',
} as const;

const UNLIMITED = { TWINKEEP_LIMITS: 'off' };

/** The product, started as a user starts it: its own command, an empty data folder, everything on but the limits. */
export const twinkeep: Contender = {
  ...NATIVE,
  name: 'Twinkeep',
  start: (stage, folder) => startTwinkeep(stage, folder, { settings: UNLIMITED }),
};

/** Many people sign in at once, and it tells how late its event loop is meanwhile. */
export const twinkeepLogins = (people: number): Contender => ({
  ...NATIVE,
  name: 'Twinkeep (argon2id)',
  start: (stage, folder) => startTwinkeep(stage, folder, { settings: UNLIMITED, people, probed: true }),
});

export const twinkeepWorkers = (workers: number): Contender => ({
  ...NATIVE,
  name: `Twinkeep, --workers ${workers}`,
  start: (stage, folder) => startTwinkeep(stage, folder, { args: ['--workers', String(workers)], settings: UNLIMITED }),
});

/** In front of the back end, with everything on. */
export const twinkeepGateway: Contender = {
  ...PROXIED,
  name: 'Twinkeep',
  start: async (stage, folder) => {
    const file = join(folder, 'twinkeep.config.json');
    writeFileSync(file, JSON.stringify(gatewayTo(await stage.backEnd())));
    return startTwinkeep(stage, folder, { settings: { TWINKEEP_CONFIG: file } });
  },
};

/** Beside another proxy, which asks about each request that it carries; with everything on. */
export const twinkeepForwardAuth: Contender = {
  ...NATIVE,
  name: 'Twinkeep, forward-auth',
  me: '/v1/forward-auth',
  start: async (stage, folder) => {
    const file = join(folder, 'twinkeep.config.json');
    const routes = [{ path: '/api/*', access: { permission: { read: 'read:twin', write: 'write:twin' } } }];
    const asked = {
      limits: WIDE,
      trustedProxies: ['127.0.0.1'],
      gateway: { forwardAuth: { proxies: ['127.0.0.1'], routes } },
    };
    writeFileSync(file, JSON.stringify(asked));
    return startTwinkeep(stage, folder, { settings: { TWINKEEP_CONFIG: file } });
  },
};

/** Limits count each request, and are too wide to refuse one: what is measured is the work, not the refusal. */
const WIDE = { addressPerMinute: 1_000_000, principalPerMinute: 1_000_000, tenantPerMinute: 1_000_000 };

const gatewayTo = (url: string) => ({
  limits: WIDE,
  gateway: {
    backEnds: { twin: { url } },
    routes: [{ path: '/api/*', to: 'twin', access: { permission: { read: 'read:twin', write: 'write:twin' } } }],
  },
});

/** How one process of Twinkeep is started. */
export interface TwinkeepWish {
  readonly args?: readonly string[];
  readonly settings: Environment;
  /** How many people to make, who sign in. */
  readonly people?: number;
  readonly probed?: boolean;
  /** The first administrator's, where another process has made it. */
  readonly password?: string;
}

export async function startTwinkeep(stage: Stage, folder: string, wish: TwinkeepWish): Promise<Server> {
  const port = await freePort();
  const password = wish.password ?? passwordOf(folder);
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const loopFile = wish.probed === true ? join(folder, 'loop.json') : undefined;
  const probe = loopFile === undefined ? { args: [], env: {} } : probing(loopFile);
  const env = {
    TWINKEEP_PORT: String(port),
    TWINKEEP_HOST: '127.0.0.1',
    TWINKEEP_DATA: data,
    TWINKEEP_ADMIN_USERNAME: 'admin',
    TWINKEEP_ADMIN_PASSWORD: password,
    ...wish.settings,
    ...probe.env,
  };
  const args = [YOUNG, ...probe.args, mustExist(MAIN), 'serve', ...(wish.args ?? [])];
  const launched = await launch(stage.children, { command: process.execPath, args, env, folder, port });
  const stop = (): Promise<void> => stage.children.stop(launched.child);
  try {
    const person = await signIn(port, { name: 'admin', password });
    const keyWish = { name: 'bench', scopes: ['read', 'write:meter_data', 'seal:fields'], expires_in: KEY_SECONDS };
    const { key } = apiKey.parse((await post(port, '/v1/api-keys', person, keyWish)).json);
    const logins = await peopleIn(port, person, wish.people ?? 0);
    return { ...launched, port, helpers: [], person, machine: { 'x-api-key': key }, logins, loopFile, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @returns the headers of the session that it begins */
export async function signIn(port: number, { name: username, password }: Person): Promise<Headers> {
  const { json } = await post(port, NATIVE.login, {}, { username, password });
  return { authorization: `Bearer ${login.parse(json).access_token}` };
}

/** @returns the bodies with which they sign in */
async function peopleIn(port: number, admin: Headers, count: number): Promise<readonly string[]> {
  const people = makePeople(count).map(({ name: username, password }) => ({ username, password }));
  for (const person of people) await post(port, '/v1/users', admin, { ...person, roles: ['viewer'] });
  return people.map((person) => JSON.stringify(person));
}

/** Made at the first start in a folder and kept there, for a second start takes none. */
function passwordOf(folder: string): string {
  const file = join(folder, 'password');
  if (!existsSync(file)) writeFileSync(file, `Tk-${randomBytes(18).toString('base64url')}-9`, { mode: 0o600 });
  return readFileSync(file, 'utf8');
}
