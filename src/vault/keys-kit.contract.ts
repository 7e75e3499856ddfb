import assert from 'node:assert/strict';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { epochMs, tenantId } from '../kernel/brand.ts';
import { type Clock, days } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { type Bus, createSqliteStorage, insertion, type Migration, type Storage, statement } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { vaultFault } from './errors.ts';
import { type Act, createKeys, type Keys, type KeysDeps } from './keys.ts';
import { createMasterKey } from './master-key.ts';
import { type MasterKeys, singleMaster } from './masters.ts';
import { vaultMigrations } from './migrations/index.ts';
import { openVault, type Vault } from './vault.ts';

export const NORTH = tenantId('north');
export const SOUTH = tenantId('south');
export const place = { table: 'note', column: 'sealed', row: '1' };
export const random = createSystemRandom();
export const OPERATOR: Act = { principal: { kind: 'operator', tenantId: NORTH } };

/** A master key whose provider can be away. */
export interface FakeMasters extends MasterKeys {
  away: 'no' | 'within grace' | 'past grace';
}

export function createFakeMasters(): FakeMasters {
  const { current, of, state } = singleMaster(createMasterKey(random.bytes(32), random));
  const masters: FakeMasters = {
    away: 'no',
    get current() {
      if (masters.away !== 'no') throw vaultFault('VAULT_PROVIDER_AWAY');
      return current;
    },
    of: (id) => {
      if (masters.away !== 'no') throw vaultFault('VAULT_PROVIDER_AWAY');
      return of(id);
    },
    assertLent: () => {
      if (masters.away === 'past grace') throw vaultFault('VAULT_PROVIDER_AWAY');
    },
    state,
  };
  return masters;
}

/** One process on a database: its vault and its keys. */
export interface Node {
  readonly vault: Vault;
  readonly keys: Keys;
}

export interface NodeOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly masters?: MasterKeys;
  readonly bus?: Bus | undefined;
  readonly audit?: AuditSink;
  readonly maxRings?: number;
  readonly onError?: (error: unknown) => void;
  readonly keys?: Partial<Pick<KeysDeps, 'config' | 'retainedBy' | 'countUnder' | 'keepFor' | 'settingOf'>>;
}

export async function openNode({ storage, clock, bus, ...options }: NodeOptions): Promise<Node> {
  const masters = options.masters ?? createFakeMasters();
  const vault = await openVault({ storage, masters, clock, random, bus, ...pick(options) });
  const keys = createKeys({
    vault,
    storage,
    clock,
    audit: options.audit ?? { record: async () => undefined },
    config: { rotateEveryMs: days(30), maxSeals: 1_000 },
    retainedBy: async () => [],
    countUnder: async () => 0,
    keepFor: () => 0,
    ...options.keys,
  });
  return { vault, keys };
}

const pick = ({ maxRings, onError }: Pick<NodeOptions, 'maxRings' | 'onError'>) => ({ maxRings, onError });

export interface KeysKit extends Node {
  readonly storage: Storage;
  readonly clock: TestClock;
  readonly masters: FakeMasters;
  /** What was recorded by writes that are durable. */
  readonly entries: readonly AuditEntry[];
}

/** A vault and its keys on an empty database of one process. */
export async function withKeys(
  work: (kit: KeysKit) => Promise<void>,
  options: Partial<NodeOptions> = {},
): Promise<void> {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  const entries: AuditEntry[] = [];
  const audit: AuditSink = { record: async (tx, entry) => tx.afterCommit(() => entries.push(entry)) };
  const masters = createFakeMasters();
  try {
    await storage.migrate([...vaultMigrations, noteTable]);
    const node = await openNode({ storage, clock, masters, audit, ...options });
    await work({ ...node, storage, clock, masters, entries });
  } finally {
    await storage.close();
  }
}

export const versionOf = (sealed: string): string => sealed.split('.')[1] ?? '';

/** The facts that come with a fault of a code. */
export async function factsOf(code: string, promise: Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
  try {
    await promise;
  } catch (error) {
    if (isFault(error, code)) return error.facts;
    throw new Error(`expected ${code}`, { cause: error });
  }
  return assert.fail(`expected ${code}`);
}

/** A table of sealed values, as a room would have it. */
export const noteTable: Migration = {
  name: '202601010000_notes_tables',
  changes: [
    {
      kind: 'table',
      name: 'note',
      rows: 'platform',
      columns: { id: 'text', sealed: 'text', blind: 'text' },
      key: ['id'],
    },
  ],
};

const insertNote = insertion({
  reach: 'platform',
  table: 'note',
  columns: { id: 'text', sealed: 'text', blind: 'text' },
});
const selectNotes = statement({
  reach: 'platform',
  sql: 'select id, sealed, blind from note order by id desc limit :most',
  params: { most: 'int' },
  returns: { id: 'text', sealed: 'text', blind: 'text' },
});
const countNotes = statement({
  reach: 'platform',
  sql: 'select count(*) as notes from note where blind in (:a, :b)',
  params: { a: 'text', b: 'text' },
  returns: { notes: 'int' },
});

/** Writes a note in the way of a room: sealer first, then the write. */
export async function writeNote({ vault }: Node, storage: Storage, id: string, text: string): Promise<string> {
  const fields = await vault.fields(NORTH);
  const sealed = fields.seal({ ...place, row: id }, text);
  const blind = fields.index(place, text);
  await storage.write(platform, (tx) => tx.insert(insertNote, [{ id, sealed, blind }]));
  return sealed;
}

/** Reads the newest notes in the way of a room: the read first, then the sealer. @returns how many it opened */
export async function readNotes({ vault }: Node, storage: Storage, most = 50): Promise<number> {
  const rows = await storage.read(platform, (tx) => tx.all(selectNotes, { most }));
  const fields = await vault.fields(NORTH);
  for (const { id, sealed } of rows) assert.equal(fields.open({ ...place, row: id }, sealed), textOf(id));
  return rows.length;
}

/** How many notes are found under either of two index values. */
export const findNotes = async (storage: Storage, [a = '', b = '']: readonly string[]): Promise<number> =>
  (await storage.read(platform, (tx) => tx.one(countNotes, { a, b })))?.notes ?? 0;

export const textOf = (id: string): string => `the note ${id}`;

/** A clock that is ahead of another, as that of another machine. */
export const ahead = (clock: Clock, ms: number): Clock => ({ now: () => epochMs(clock.now() + ms) });
