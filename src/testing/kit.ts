import type { AddressInfo } from 'node:net';
import { type ConfigInput, configSchema, createTwinkeep, type Twinkeep } from '../app/index.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { ask } from './ask.ts';

/** A clock that stands still until it is told. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

/** @param start 2026-11-21T12:00:00Z unless told */
export function createTestClock(start = Date.UTC(2026, 10, 21, 12)): TestClock {
  let now = start;
  return {
    now: (): EpochMs => epochMs(now),
    advance: (ms) => {
      now += ms;
    },
  };
}

export interface Call {
  readonly token?: string | undefined;
  readonly key?: string | undefined;
  readonly tenant?: string | undefined;
  /** Sent as JSON; a string or Buffer as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body, `undefined` where it is none or not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
  readonly text: string;
}

/** A whole Twinkeep on a real database and a real port, and hands to try it with. */
export interface Kit {
  readonly twinkeep: Twinkeep;
  readonly clock: TestClock;
  readonly address: string;
  call(method: string, path: string, call?: Call): Promise<Answer>;
  /** Signs in and answers the access token; as the first administrator unless told. */
  signIn(username?: string, password?: string): Promise<string>;
  /** A person in the administrator's tenant, and a token of theirs. */
  person(username: string, ...roles: string[]): Promise<{ readonly id: string; readonly token: string }>;
  /** An API key of the administrator's tenant. */
  key(...scopes: string[]): Promise<string>;
  close(): Promise<void>;
}

export interface KitOptions {
  readonly config?: ConfigInput | undefined;
  /** `:memory:` unless told. */
  readonly storage?: Storage | undefined;
  readonly clock?: TestClock | undefined;
  /** True where it is shown how long a password hash takes: then each costs what it costs outside of tests. */
  readonly slowHashes?: boolean | undefined;
}

/** The least that argon2id takes. Many a kit makes many people, and what is shown with them is not the hash. */
const QUICK = { memoryKib: 8, passes: 1, parallelism: 1 };

/** The password of everybody in a kit. */
export const KIT_PASSWORD = 'correct horse battery staple';

/**
 * Starts a Twinkeep for a test: on `:memory:`, with a clock that stands still, limits that never hit, and
 * no look for attacks unless `config` asks for it.
 */
export async function createKit(options: KitOptions = {}): Promise<Kit> {
  const { config = {}, storage, clock = createTestClock(), slowHashes = false } = options;
  const full = configSchema.parse({
    port: 0,
    logLevel: 'silent',
    adminPassword: KIT_PASSWORD,
    ...config,
    detection: { failures: 1_000, ...config.detection, inspection: { mode: 'off', ...config.detection?.inspection } },
    limits: {
      signInPerAddress: 100_000,
      signInPerAccount: 100_000,
      signInFailuresPerAddressHour: 100_000,
      signInFailuresPerAccount: 100_000,
      signInFailuresPerAccountHour: 100_000,
      signInFailuresPerAccountDay: 100_000,
      codeFailuresPerAccountDay: 100_000,
      refusalMs: 0,
      badCredentialsPerAddress: 100_000,
      ...config.limits,
    },
  });
  const own = storage ?? createSqliteStorage({ file: ':memory:', clock });
  const twinkeep = await createTwinkeep(full, {
    clock,
    storage: own,
    ownFolder: false,
    passwordCost: slowHashes ? undefined : QUICK,
  });
  const { server } = twinkeep;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const address = `http://127.0.0.1:${port}`;
  const call = (method: string, path: string, more: Call = {}) => send(address, method, path, more);

  async function signIn(username = 'admin', password = KIT_PASSWORD): Promise<string> {
    const answer = await call('POST', '/v1/login', { body: { username, password } });
    if (answer.status !== 200) throw new Error(`signing in as ${username} answered ${answer.status}: ${answer.text}`);
    return answer.json.access_token;
  }

  return {
    twinkeep,
    clock,
    address,
    call,
    signIn,
    person: async (username, ...roles) => {
      const body = { username, password: KIT_PASSWORD, roles };
      const made = await call('POST', '/v1/users', { token: await signIn(), body });
      if (made.status !== 201) throw new Error(`creating ${username} answered ${made.status}: ${made.text}`);
      return { id: made.json.id, token: await signIn(username) };
    },
    key: async (...scopes) => {
      const made = await call('POST', '/v1/api-keys', { token: await signIn(), body: { name: 'kit', scopes } });
      if (made.status !== 201) throw new Error(`creating a key answered ${made.status}: ${made.text}`);
      return made.json.key;
    },
    close: () => twinkeep.close(),
  };
}

async function send(address: string, method: string, path: string, call: Call): Promise<Answer> {
  const { token, key, tenant, body, headers } = call;
  const plain = typeof body === 'string' || body instanceof Uint8Array;
  const { text, ...answer } = await ask(address + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'x-api-key': key }),
      ...(tenant === undefined ? {} : { 'twinkeep-tenant': tenant }),
      ...(body === undefined || plain ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: plain || body === undefined ? body : JSON.stringify(body),
  });
  return { ...answer, text, json: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
