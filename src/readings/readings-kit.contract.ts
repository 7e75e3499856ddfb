import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { apiKeyId, epochMs, requestId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { type Facts, isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, type Vault, vaultMigrations } from '../vault/index.ts';
import type { TenantActor } from './batch.ts';
import { type ReadingConfig, readingConfig } from './config.ts';
import { readingMigrations } from './migrations/index.ts';
import { createReadings, type Readings } from './readings.ts';

/** The room on an empty, migrated database. */
export interface Kit {
  readonly readings: Readings;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly clock: TestClock;
  /** What was recorded by writes that are durable. */
  readonly entries: readonly AuditEntry[];
  /** The same room with other settings or another audit sink. */
  with(config: Partial<ReadingConfig>, audit?: AuditSink): Readings;
  /** Stores what is sent, as the route does. */
  send(actor: TenantActor, body: unknown): Promise<{ readonly stored: number; readonly repeated: number }>;
}

export interface StorageUnderTest {
  readonly storage: Storage;
  close(): Promise<void>;
}

export type MakeStorage = () => Promise<StorageUnderTest>;

/** The rules' clock stands still at this moment, unless a test moves it. */
export const NOW = epochMs(Date.UTC(2026, 0, 1));

export const inMemory: MakeStorage = async () => {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  return { storage, close: () => storage.close() };
};

export const inFile: MakeStorage = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-readings-'));
  const storage = createSqliteStorage({ file: join(folder, 'db'), clock: systemClock });
  return {
    storage,
    close: async () => {
      await storage.close();
      await rm(folder, { recursive: true });
    },
  };
};

export async function withKit(make: MakeStorage, work: (kit: Kit) => Promise<void>): Promise<void> {
  const { storage, close } = await make();
  try {
    await storage.migrate([...vaultMigrations, ...auditMigrations, ...readingMigrations]);
    await work(await createKit(storage));
  } finally {
    await close();
  }
}

async function createKit(storage: Storage): Promise<Kit> {
  const random = createSystemRandom();
  const clock = createTestClock(NOW);
  const vault = await openVault({
    storage,
    random,
    clock,
    masters: singleMaster(createMasterKey(random.bytes(32), random)),
  });
  const onError = (error: unknown) => assert.fail(String(error));
  const log = await createAudit({ storage, vault, clock, random, holder: 'test', head: memoryHead(), onError });
  const entries: AuditEntry[] = [];
  const sink: AuditSink = {
    record: async (tx, entry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => entries.push(entry));
    },
  };
  const withConfig: Kit['with'] = (config, audit = sink) =>
    createReadings({ storage, vault, audit, clock, config: readingConfig.parse(config) });
  const readings = withConfig({});
  return {
    ...{ readings, storage, vault, audit: sink, clock, entries },
    with: withConfig,
    send: async (actor, body) => readings.store(actor, await readings.parse(body)),
  };
}

const actorIn = (tenant: string): TenantActor => ({
  principal: { kind: 'api-key', apiKeyId: apiKeyId(`key-of-${tenant}`), tenantId: tenantId(tenant), scopes: [] },
  tenantId: tenantId(tenant),
  requestId: requestId('request-1'),
});

export const north = actorIn('north');
export const south = actorIn('south');

/** A reading as it is sent. */
export const sample = {
  meter_id: 'STEEL-01',
  timestamp: '2018-01-01T00:15:00+09:00',
  energy_consumption: 3.17,
  power_factor: 0.7321,
  location: 'Gwangyang, KR',
};

/** The same reading as it is given back. */
export const sampleItem = { ...sample, timestamp: '2017-12-31T15:15:00.000Z' };

/** `count` readings of one meter, a quarter of an hour apart. */
export function series(count: number, meter = 'M', first = Date.UTC(2020, 0, 1)) {
  return Array.from({ length: count }, (_, index) => ({
    meter_id: meter,
    timestamp: new Date(first + index * 900_000).toISOString(),
    energy_consumption: index,
  }));
}

export const linesOf = (values: readonly unknown[]): string =>
  values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join('');

/** A body that arrives in chunks of `size` bytes. */
export function streamOf(text: string | Buffer, size = 65_536): Readable {
  const bytes = Buffer.from(text);
  const chunks: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += size) chunks.push(bytes.subarray(from, from + size));
  return Readable.from(chunks, { objectMode: true });
}

/** All readings of a tenant, page by page. */
export async function readAll(readings: Readings, actor: TenantActor, limit = 10_000) {
  const items = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await readings.list(actor.tenantId, { limit, cursor });
    items.push(...page.items);
    if (page.next_cursor === null) return items;
    cursor = page.next_cursor;
  }
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
