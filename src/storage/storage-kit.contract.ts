import assert from 'node:assert/strict';
import { tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Migration } from './schema.ts';
import { insertion, statement } from './statement.ts';
import type { Storage } from './storage.ts';

/** A storage to be held to the contract, on an empty database. */
export interface StorageUnderTest {
  readonly storage: Storage;
  close(): Promise<void>;
  /** Lets time pass for leases. */
  advance(ms: number): Promise<void>;
  /** Another storage on the same database, as a later version of the program would open. */
  reopen(): Promise<Storage>;
  /** False where a read waits for the writes before it (SQLite in memory). */
  readonly readsBesideWrites: boolean;
  /** Everything that the database keeps on the disk; empty where it has none. */
  files(): Promise<Buffer>;
}

export type MakeStorage = () => Promise<StorageUnderTest>;

export const north = tenantId('north');
export const south = tenantId('south');

export async function withStorage(make: MakeStorage, work: (made: StorageUnderTest) => Promise<void>): Promise<void> {
  const made = await make();
  try {
    await made.storage.migrate([tables]);
    await work(made);
  } finally {
    await made.close();
  }
}

export async function expectFault(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    if (isFault(error, code)) return true;
    throw new Error(`expected ${code}`, { cause: error });
  });
}

const SAMPLE = {
  id: 'text',
  a_text: 'text',
  an_int: 'int',
  a_real: 'real',
  a_bool: 'bool',
  a_json: 'json',
  some_bytes: 'bytes',
  maybe_text: 'text?',
  maybe_int: 'int?',
  maybe_real: 'real?',
  maybe_bool: 'bool?',
  maybe_json: 'json?',
  maybe_bytes: 'bytes?',
} as const;

export const tables: Migration = {
  name: '202601010000_contract_tables',
  changes: [
    { kind: 'table', name: 'sample', rows: 'platform', columns: SAMPLE, key: ['id'] },
    {
      kind: 'table',
      name: 'seat',
      rows: 'platform',
      columns: { person: 'text', seat: 'int' },
      key: ['person', 'seat'],
    },
    {
      kind: 'table',
      name: 'reading',
      rows: 'tenant',
      columns: { tenant_id: 'text', meter: 'text', at: 'int', value: 'real' },
      key: ['tenant_id', 'meter', 'at'],
    },
    { kind: 'table', name: 'ticket', rows: 'lookup', columns: { digest: 'bytes', owner: 'text' }, key: ['digest'] },
  ],
};

const columns = Object.keys(SAMPLE).join(', ');
const values = Object.keys(SAMPLE)
  .map((name) => `:${name}`)
  .join(', ');

export const samples = {
  put: statement({ reach: 'platform', sql: `insert into sample (${columns}) values (${values})`, params: SAMPLE }),
  putMany: insertion({ reach: 'platform', table: 'sample', columns: SAMPLE }),
  get: statement({
    reach: 'platform',
    sql: `select ${columns} from sample where id = :id`,
    params: { id: 'text' },
    returns: SAMPLE,
  }),
};

export const seats = {
  take: statement({
    reach: 'platform',
    sql: 'insert into seat (person, seat) values (:person, :seat)',
    params: { person: 'text', seat: 'int' },
  }),
  count: statement({
    reach: 'platform',
    sql: 'select count(*) as seats from seat where person = :person',
    params: { person: 'text' },
    returns: { seats: 'int' },
  }),
  move: statement({
    reach: 'platform',
    sql: 'update seat set seat = seat + 1 where person = :person',
    params: { person: 'text' },
  }),
  drop: statement({ reach: 'platform', sql: 'delete from seat where person = :person', params: { person: 'text' } }),
  all: statement({
    reach: 'platform',
    sql: 'select person, seat from seat order by person, seat',
    returns: { person: 'text', seat: 'int' },
  }),
  takeFree: insertion({
    reach: 'platform',
    table: 'seat',
    columns: { person: 'text', seat: 'int' },
    unless: ['person', 'seat'],
  }),
};

export const readings = {
  put: insertion({
    reach: 'tenant',
    table: 'reading',
    columns: { meter: 'text', at: 'int', value: 'real' },
    unless: ['meter', 'at'],
  }),
  all: statement({
    reach: 'tenant',
    sql: 'select tenant_id, meter, at, value from reading where tenant_id = :tenant_id order by meter, at',
    returns: { tenant_id: 'text', meter: 'text', at: 'int', value: 'real' },
  }),
  drop: statement({ reach: 'tenant', sql: 'delete from reading where tenant_id = :tenant_id' }),
};

export const tickets = {
  put: statement({
    reach: 'lookup',
    sql: 'insert into ticket (digest, owner) values (:digest, :owner)',
    params: { digest: 'bytes', owner: 'text' },
  }),
  find: statement({
    reach: 'lookup',
    sql: 'select owner from ticket where digest = :digest',
    params: { digest: 'bytes' },
    returns: { owner: 'text' },
  }),
};
