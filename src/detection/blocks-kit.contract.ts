import assert from 'node:assert/strict';
import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { requestId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { type Facts, isFault } from '../kernel/errors.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import {
  createMemoryBus,
  createMemoryHotState,
  createSqliteStorage,
  type HotState,
  type Storage,
} from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../vault/index.ts';
import type { BlockWish } from './block.ts';
import type { BlockEvent } from './block-words.ts';
import { type BlockDeps, type Blocks, createBlocks } from './blocks.ts';
import { type DetectionConfig, detectionConfig } from './config.ts';
import { createFailures, type Failure, type Failures } from './failures.ts';
import { detectionMigrations } from './migrations/index.ts';
import { createSuspicion, type Suspicion, type SuspicionPolicy } from './suspicion.ts';

export interface StorageUnderTest {
  readonly storage: Storage;
  close(): Promise<void>;
}

export type MakeStorage = () => Promise<StorageUnderTest>;

export const inMemory: MakeStorage = async () => {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  return { storage, close: () => storage.close() };
};

/** The room on an empty, migrated database, as one process has it. */
export interface Node {
  readonly blocks: Blocks;
  readonly failures: Failures;
  readonly suspicion: Suspicion;
}

export interface Kit extends Node {
  readonly clock: TestClock;
  readonly deps: BlockDeps;
  readonly hot: HotState;
  /** What was recorded and announced by writes that are durable. */
  readonly entries: AuditEntry[];
  readonly events: BlockEvent[];
  readonly errors: unknown[];
  /** The room again on the same database, as a restarted process has it; started unless it is told otherwise. */
  again(change?: Change): Promise<Node>;
}

interface Change {
  readonly config?: Partial<DetectionConfig>;
  readonly deps?: Partial<BlockDeps>;
  readonly hot?: HotState;
}

export async function withKit(make: MakeStorage, work: (kit: Kit) => Promise<void>): Promise<void> {
  const { storage, close } = await make();
  const stops: (() => Promise<void>)[] = [];
  try {
    await storage.migrate([...vaultMigrations, ...auditMigrations, ...detectionMigrations]);
    await work(await createKit(storage, stops));
  } finally {
    for (const stop of stops) await stop();
    await close();
  }
}

async function createKit(storage: Storage, stops: (() => Promise<void>)[]): Promise<Kit> {
  const random = createSystemRandom();
  const clock = createTestClock();
  const bus = createMemoryBus((error) => errors.push(error));
  const errors: unknown[] = [];
  const entries: AuditEntry[] = [];
  const events: BlockEvent[] = [];
  const room = { storage, random, clock, bus, masters: singleMaster(createMasterKey(random.bytes(32), random)) };
  const vault = await openVault(room);
  const onError = (error: unknown): void => void errors.push(error);
  const log = await createAudit({ storage, vault, clock, random, holder: 'test', head: memoryHead(), onError });
  const audit: AuditSink = {
    record: async (tx, entry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => entries.push(entry));
    },
  };
  const announce: BlockDeps['announce'] = async (tx, event) => tx.afterCommit(() => void events.push(event));
  const isTrustedProxy = (address: string): boolean => address === '192.0.2.80';
  const config = detectionConfig.parse({ never: ['198.51.100.0/24', '2001:db8:ffff::5'], neverBlocked: ['spared'] });
  const deps = { storage, audit, bus, clock, random, config, announce, isTrustedProxy, onError };
  const hot = createMemoryHotState({ clock });

  const again: Kit['again'] = async (change = {}) => {
    const own = { ...deps, ...change.deps, config: { ...config, ...change.config } };
    const blocks = createBlocks(own);
    await blocks.start();
    stops.push(blocks.stop);
    const counting = { ...own, hot: change.hot ?? hot, blocks };
    const failures = createFailures({ ...counting, policyOf: () => own.config });
    const suspicion = createSuspicion({ ...counting, policyOf: (profile) => policyFor(profile, own.config) });
    return { blocks, failures, suspicion };
  };
  return { ...(await again()), clock, deps, hot, entries, events, errors, again };
}

/** As the app makes it: `ems` blocks on one pattern. */
export const policyFor = (profile: string, config: DetectionConfig): SuspicionPolicy => ({
  ...config,
  blockOnPattern: profile.startsWith('ems'),
  permanent: profile === 'ems-permanent',
});

export const operator: Actor = {
  principal: { kind: 'operator', tenantId: tenantId('main') },
  requestId: requestId('request-of-operator'),
};

export const nobody: Actor = { principal: anonymous, requestId: requestId('request-of-nobody') };

export const minute = 60_000;

/** A wish of an operator: an hour unless told. */
export const wishFor = (
  value: string,
  length: BlockWish['length'] = { kind: 'fixed', ms: 60 * minute },
  kind: BlockWish['kind'] = 'address',
): BlockWish => ({
  kind,
  value,
  violation: 'ip_blocked',
  reason: 'operator',
  evidence: { note: 'scans the console' },
  length,
});

/** A wish of the room itself. */
export const offence = (value: string, kind: BlockWish['kind'] = 'address'): BlockWish => ({
  ...wishFor(value, { kind: 'escalating', firstMs: 15 * minute }, kind),
  reason: 'too_many_failed_attempts',
  evidence: { failures: 5 },
});

let requests = 0;

export function failureFrom(address: string, addressBlock = address, more: Partial<Failure> = {}): Failure {
  const id = requestId(`request-${++requests}`);
  return { what: 'password', profile: 'twinkeep', address, addressBlock, requestId: id, ...more };
}

/** @returns the facts of the fault with which the promise is rejected */
export async function expectFault(code: string, promise: Promise<unknown>): Promise<Facts> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}, but nothing was refused`),
    (reason: unknown) => reason,
  );
  if (isFault(error, code)) return error.facts;
  throw new Error(`expected ${code}`, { cause: error });
}
