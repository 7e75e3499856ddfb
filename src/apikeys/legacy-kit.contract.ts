import { hash } from '@node-rs/bcrypt';
import { type Bcrypt, bcryptCostOf, createBcrypt, createHashQueue } from '../crypto/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { type Bus, createMemoryBus, createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres, type TestClock } from '../testing/index.ts';
import { type ApiKeys, createApiKeys } from './api-keys.ts';
import { apiKeyMigrations } from './index.ts';
import type { LegacyCounts, LegacyWish } from './legacy-import.ts';

/** The rules of keys on a real database, with every slow hash written down by its cost. */
export interface LegacyKit {
  readonly apiKeys: ApiKeys;
  readonly clock: TestClock;
  readonly entries: readonly AuditEntry[];
  /** Costs of the hashes so far, those that were pretended too. */
  readonly costs: number[];
  take(file: string | object, wish?: Partial<LegacyWish>, tenant?: TenantId): Promise<LegacyCounts>;
}

export const north = tenantId('north');
export const south = tenantId('south');
export const operator: Actor = { principal: { kind: 'operator', tenantId: north } };
export const allowed = async (): Promise<void> => undefined;

export interface LegacyKitOptions {
  readonly storage: Storage;
  readonly bus?: Bus;
  readonly clock?: TestClock;
  /** Stands in front of every hash. */
  readonly gate?: () => Promise<void>;
}

export function createLegacyKit(options: LegacyKitOptions): LegacyKit {
  const { storage, bus = createMemoryBus(), clock = createTestClock(), gate } = options;
  const entries: AuditEntry[] = [];
  const costs: number[] = [];
  const audit: AuditSink = { record: async (tx, entry) => tx.afterCommit(() => entries.push(entry)) };
  const real = createBcrypt({ queue: createHashQueue() });
  const bcrypt: Bcrypt = {
    verify: async (hashed, secret) => {
      costs.push(bcryptCostOf(hashed) ?? 0);
      await gate?.();
      return real.verify(hashed, secret);
    },
    pretend: async (cost) => {
      costs.push(cost);
      await gate?.();
      return real.pretend(cost);
    },
  };
  const apiKeys = createApiKeys({ storage, audit, bus, clock, random: createSystemRandom(), bcrypt });
  return {
    apiKeys,
    clock,
    entries,
    costs,
    take: (file, wish, tenant = north) =>
      apiKeys.importLegacy(operator, tenant, file, { scopes: ['read'], source: 'test', ...wish }, allowed),
  };
}

/** Counts of an import that does nothing but what is said. */
export const counted = (counts: Partial<LegacyCounts>): LegacyCounts => ({
  ...{ added: 0, kept: 0, ended: 0, revoked: 0, rescoped: 0, otherScopes: 0, skipped: [] },
  ...counts,
});

export type WithKit = (work: (kit: LegacyKit, storage: Storage) => Promise<void>) => () => Promise<void>;

/** Holds a contract to SQLite and PostgreSQL; each test gets a database of its own. */
export async function onBothDatabases(contract: (name: string, withKit: WithKit) => void): Promise<void> {
  const withKit =
    (make: () => Promise<Storage>): WithKit =>
    (work) =>
    async () => {
      const storage = await make();
      try {
        await storage.migrate(apiKeyMigrations);
        await work(createLegacyKit({ storage }), storage);
      } finally {
        await storage.close();
      }
    };
  contract(
    'SQLite',
    withKit(async () => createSqliteStorage({ file: ':memory:', clock: systemClock })),
  );
  await serverSuite('PostgreSQL', startPostgres, (server) => {
    const open = async () =>
      openPostgresStorage({ url: await server.createDatabase(), clock: systemClock, onError: () => undefined });
    contract('PostgreSQL', withKit(open));
  });
}

/** A real hash, as the other system made it. */
export const hashed = (key: string, cost = 4): Promise<string> => hash(key, { cost, version: '2b' });

/** The rounds that hashes of these costs take. */
export const roundsOf = (costs: readonly number[]): number => costs.reduce((sum, cost) => sum + 2 ** cost, 0);
