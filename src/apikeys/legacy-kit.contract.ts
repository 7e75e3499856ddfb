import { hash } from '@node-rs/bcrypt';
import { type Bcrypt, bcryptCostOf, createBcrypt, createHashQueue } from '../crypto/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { type Bus, createMemoryBus, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { type ApiKeys, createApiKeys } from './api-keys.ts';
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

/** A real hash, as the other system made it. */
export const hashed = (key: string, cost = 4): Promise<string> => hash(key, { cost, version: '2b' });

/** The rounds that hashes of these costs take. */
export const roundsOf = (costs: readonly number[]): number => costs.reduce((sum, cost) => sum + 2 ** cost, 0);
