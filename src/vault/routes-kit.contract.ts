import assert from 'node:assert/strict';
import { type Context, parseWith, type Route } from '../http/index.ts';
import type { AuditEntry } from '../kernel/audit.ts';
import { requestId, type TenantId, tenantId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { keyRoutes } from './key-routes.ts';
import { createKeys, type Keys } from './keys.ts';
import { createMasterKey } from './master-key.ts';
import type { MasterActs } from './master-routes.ts';
import { singleMaster } from './masters.ts';
import { vaultMigrations } from './migrations/index.ts';
import { createRewrap } from './rewrap.ts';
import { vaultRoutes } from './routes.ts';
import { openVault, type Vault } from './vault.ts';

export const main = tenantId('main');
export const other = tenantId('other');

export interface Given {
  readonly params?: object;
  readonly query?: object;
  readonly body?: unknown;
  readonly tenant?: TenantId;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
  readonly records: number | undefined;
  readonly object: string | undefined;
}

/** A vault on a real database, and its routes called as the request line calls them: from the schemas to the reply. */
export interface RoutesKit {
  readonly vault: Vault;
  readonly keys: Keys;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly entries: readonly AuditEntry[];
  /** Everything that was asked of the master key. */
  readonly asked: readonly unknown[];
  route(method: string, path: string): Route;
  call(method: string, path: string, given?: Given): Promise<Answer>;
  close(): Promise<void>;
}

export async function routesKit(): Promise<RoutesKit> {
  const clock = createTestClock();
  const random = createSystemRandom();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate(vaultMigrations);
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const vault = await openVault({ storage, masters, clock, random });
  const entries: AuditEntry[] = [];
  const audit = { record: async (_tx: unknown, entry: AuditEntry) => void entries.push(entry) };
  const onError = (error: unknown) => assert.fail(String(error));
  const rewrap = createRewrap({ vault, storage, audit, clock, fields: [], holder: 'kit', onError });
  const keys = createKeys({
    ...{ vault, storage, audit, clock, config: { maxSeals: 2 ** 30 } },
    retainedBy: async () => [],
    countUnder: rewrap.countUnder,
    keepFor: () => 0,
  });
  const asked: unknown[] = [];
  const routes = [
    ...vaultRoutes({ vault, keys, clock }),
    ...keyRoutes({ keys, rewrap, master: masterOf(asked, clock) }),
  ];

  const route = (method: string, path: string): Route =>
    routes.find((one) => one.method === method && one.path === path) ?? assert.fail(`${method} ${path}`);
  return {
    vault,
    keys,
    clock,
    entries,
    asked,
    route,
    call: (method, path, given = {}) => call(route(method, path), given, clock),
    close: () => storage.close(),
  };
}

/** The master key's acts are the app's to fill in: here they say what they were asked. */
function masterOf(asked: unknown[], clock: RoutesKit['clock']): MasterActs {
  return {
    rotate: async ({ principal }) => {
      asked.push(['rotate', principal.kind]);
      return { oldMaster: 'a'.repeat(16), newMaster: 'b'.repeat(16), keys: 3 };
    },
    makeShares: async (wish, { principal }) => {
      asked.push(['shares', wish, principal.kind]);
      return { set: '0123abcd', texts: Array.from({ length: wish.count }, (_, at) => `share ${at}`) };
    },
    confirmShares: async (set, { principal }) => {
      asked.push(['confirm', set, principal.kind]);
    },
    status: async () => ({
      ...{
        id: 'a'.repeat(16),
        provider: 'file',
        reachable: true,
        reachedAt: clock.now(),
        graceMs: 3_600_000,
        earlier: [],
      },
      shares: { threshold: 2, count: 3, at: clock.now() },
    }),
  };
}

async function call(route: Route, given: Given, clock: RoutesKit['clock']): Promise<Answer> {
  const context: Context = {
    requestId: requestId('request-1'),
    receivedAt: clock.now(),
    ...{ address: '192.0.2.1', addressBlock: '192.0.2.1', secure: false, operator: true },
    ...{ method: route.method, url: route.path, headers: {} },
  };
  const read = (schema: Route['body'], value: unknown, at: 'path' | 'query' | 'body') =>
    schema === undefined ? undefined : parseWith(schema, value ?? {}, at);
  const input = {
    params: read(route.params, given.params, 'path'),
    query: read(route.query, given.query, 'query'),
    body: read(route.body, given.body, 'body'),
  };
  const tenant = given.tenant ?? main;
  const caller = { kind: 'operator', tenantId: tenant } as const;
  const reply = await route.handle({ ...input, stream: undefined, context, caller, tenantId: tenant });
  const promised = route.replies[reply.status] ?? assert.fail(String(reply.status));
  const { status, records, object } = reply;
  const json = typeof promised === 'string' ? undefined : JSON.parse(JSON.stringify(promised.parse(reply.body)));
  return { status, json, records, object };
}
