import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import type { Migration } from './schema.ts';
import type { PartDigest, Snapshot, SnapshotPart } from './snapshot.ts';
import { partDigests } from './snapshot.ts';
import { insertion, statement } from './statement.ts';
import type { Storage } from './storage.ts';
import { samples, tables } from './storage-kit.contract.ts';

/** Tables whose rows belong together, and one that no snapshot may have. */
export const shopTables: Migration = {
  name: '202601020000_contract_shop',
  changes: [
    { kind: 'table', name: 'debit', rows: 'platform', columns: { id: 'int', note: 'text' }, key: ['id'] },
    {
      kind: 'table',
      name: 'credit',
      rows: 'tenant',
      columns: { tenant_id: 'text', id: 'int' },
      key: ['tenant_id', 'id'],
    },
    { kind: 'table', name: 'vault_secret', rows: 'platform', columns: { id: 'text', wrapped: 'bytes' }, key: ['id'] },
    { kind: 'column', table: 'vault_secret', name: 'facts', type: 'json?' },
    { kind: 'index', name: 'debit_note', table: 'debit', columns: ['note'] },
  ],
};

export const migrations = [tables, shopTables];
export const WITHOUT = ['vault_secret'];
export const MARK = 'this-is-a-wrapped-key-that-no-backup-may-hold';
const COUNTED = ['debit', 'credit'] as const;

const debit = insertion({ reach: 'platform', table: 'debit', columns: { id: 'int', note: 'text' } });
const credit = insertion({ reach: 'tenant', table: 'credit', columns: { id: 'int' } });
const secret = insertion({
  reach: 'platform',
  table: 'vault_secret',
  columns: { id: 'text', wrapped: 'bytes', facts: 'json?' },
});

const debits = statement({ reach: 'platform', sql: 'select id from debit order by id', returns: { id: 'int' } });
export const credits = statement({
  reach: 'tenant',
  sql: 'select id from credit where tenant_id = :tenant_id order by id',
  returns: { id: 'int' },
});

/** A tenant that stands in no list, but has rows. */
const tenants: readonly TenantId[] = [tenantId('north'), tenantId('south'), tenantId('nobody-knows-of-me')];
export const tenantOf = (id: number): TenantId => tenants[id % tenants.length] ?? tenantId('north');

/** Two rows of two kinds in one write: a snapshot has both or neither. */
export async function pay(storage: Storage, id: number): Promise<void> {
  await storage.write(inTenant(tenantOf(id)), async (tx) => {
    await tx.insert(debit, [{ id, note: `number ${id}` }]);
    await tx.insert(credit, [{ id }]);
  });
}

export async function fill(storage: Storage): Promise<void> {
  for (let id = 0; id < 30; id++) await pay(storage, id);
  const bytes = Buffer.from([0, 1, 2, 254, 255]);
  const maybe = {
    maybe_text: null,
    maybe_int: null,
    maybe_real: null,
    maybe_bool: null,
    maybe_json: null,
    maybe_bytes: null,
  };
  const one = { a_text: 'Grüße, 世界 🌍', an_int: 2 ** 53 - 1, a_real: 0.1, a_bool: true, a_json: { a: [1, null] } };
  await storage.write(platform, async (tx) => {
    await tx.insert(samples.putMany, [
      { id: 'a', ...one, some_bytes: bytes, ...maybe },
      { id: 'b', ...one, a_bool: false, some_bytes: Buffer.alloc(0), ...maybe, maybe_bytes: bytes },
    ]);
    await tx.insert(secret, [
      { id: 'k1', wrapped: Buffer.from(MARK.repeat(100)), facts: { shares: [1, 'two'] } },
      { id: 'k2', wrapped: bytes, facts: null },
    ]);
  });
}

/** Writes on and on beside whatever happens. @returns ends it, and says how many it wrote */
export function writeOn(storage: Storage, from: number): () => Promise<number> {
  let ended = false;
  let id = from;
  const writing = (async () => {
    for (; !ended; id++) await pay(storage, id);
  })();
  return async () => {
    ended = true;
    await writing;
    return id - from;
  };
}

/** Every id of the one kind has its partner of the other. @returns how many there are */
export async function assertPaired(storage: Storage): Promise<number> {
  const paid = (await storage.read(platform, (tx) => tx.all(debits, {}))).map(({ id }) => id);
  const got: number[] = [];
  for (const tenant of tenants) {
    const rows = await storage.read(inTenant(tenant), (tx) => tx.all(credits, {}));
    got.push(...rows.map(({ id }) => id));
  }
  assert.deepEqual(
    got.sort((a, b) => a - b),
    paid,
  );
  return paid.length;
}

export const countsOf = (found: Pick<Snapshot, 'tables'>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    found.tables.filter(({ name }) => COUNTED.some((one) => one === name)).map(({ name, rows }) => [name, rows]),
  );

export interface Collected {
  readonly parts: ReadonlyMap<string, Buffer>;
  readonly digests: readonly PartDigest[];
}

export async function collect(snapshot: Snapshot): Promise<Collected> {
  const parts = new Map<string, Buffer>();
  for await (const { name, content } of snapshot.parts()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    parts.set(name, Buffer.concat(pieces));
  }
  return { parts, digests: await partDigests(partsFrom(parts)) };
}

/** @param fail throws behind the last part, as an archive does whose end is not as it should be */
export async function* partsFrom(parts: ReadonlyMap<string, Buffer>, fail?: () => Error): AsyncGenerator<SnapshotPart> {
  for (const [name, bytes] of parts) yield { name, content: piecesOf(bytes) };
  if (fail !== undefined) throw fail();
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-snapshot-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
