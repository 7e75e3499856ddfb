import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Clock } from '../kernel/clock.ts';
import { leaseMigration } from './lease-table.ts';
import { refuseNewer } from './newer.ts';
import { createPostgresStorage } from './postgres.ts';
import { postgresFault } from './postgres-errors.ts';
import { markRestoring } from './postgres-restoring.ts';
import { connectTo, IN_PEACE, listOf, migrationsOf, readTable } from './postgres-snapshot.ts';
import type { Migration } from './schema.ts';
import { partDigests, type Restored, type SnapshotPart, type TableCount } from './snapshot.ts';
import { snapshotFault } from './snapshot-errors.ts';
import { amongMigrations, type TableShape, tablesOf } from './snapshot-tables.ts';

export interface PostgresRestoreOptions {
  /** The user must own the database and be allowed to create roles, as for migrations. */
  readonly url: string;
  readonly migrations: readonly Migration[];
  /** Names of the migrations that the snapshot has had. */
  readonly present: readonly string[];
  readonly parts: AsyncIterable<SnapshotPart>;
  readonly clock: Clock;
}

/**
 * Fills an empty PostgreSQL database from the parts of a snapshot: migrated as the snapshot was, then all rows in one
 * transaction, and with them the mark of a restore, which `unmarkRestoring` takes away when the rest is done too. When
 * it fails no row stands, and no table either where there was none before.
 *
 * @throws STORAGE_OCCUPIED for a database with a row in it, STORAGE_FOREIGN, STORAGE_NEWER, STORAGE_UNAVAILABLE, and
 *   whatever the parts throw
 */
export async function restorePostgres(options: PostgresRestoreOptions): Promise<Restored> {
  refuseNewer(new Set(options.present), [leaseMigration, ...options.migrations]);
  const client = await connectTo(options.url);
  try {
    await lockOut(client);
    const before = await tablesIn(client);
    try {
      return await fill(client, await migrate(client, before, options), options.parts);
    } catch (error) {
      if (before.length === 0) await dropEmpty(client, tablesOf(options.migrations));
      throw error;
    }
  } catch (error) {
    throw isPostgres(error) ? postgresFault(error) : error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const LOCK = 0x74776e6d; // "twnm"

/** One restore at a time: another one that fails would take the tables from under this one. */
async function lockOut(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ held: boolean }>(`select pg_try_advisory_lock(${LOCK}) as held`);
  if (rows[0]?.held !== true) throw snapshotFault('STORAGE_OCCUPIED', { reason: 'another restore is running' });
}

const isPostgres = (error: unknown): boolean => error instanceof Error && 'severity' in error;

/** @returns the migrations that the database has now */
async function migrate(
  client: pg.Client,
  before: readonly string[],
  { url, migrations, present, clock }: PostgresRestoreOptions,
): Promise<readonly Migration[]> {
  const ours = new Set(['twinkeep_migration', ...tablesOf(migrations).map(({ name }) => name)]);
  const foreign = before.find((name) => !ours.has(name));
  if (foreign !== undefined) throw snapshotFault('STORAGE_OCCUPIED', { table: foreign });
  const had = before.includes('twinkeep_migration') ? await migrationsOf(client) : [];
  const wanted = amongMigrations(migrations, [...present, ...had]);
  const storage = createPostgresStorage({ url, clock, poolSize: 1 });
  try {
    await storage.migrate(wanted);
  } finally {
    await storage.close();
  }
  return wanted;
}

async function fill(
  client: pg.Client,
  migrations: readonly Migration[],
  parts: AsyncIterable<SnapshotPart>,
): Promise<Restored> {
  const shapes = new Map(tablesOf(migrations).map((shape) => [`table/${shape.name}`, shape]));
  try {
    await client.query('begin');
    await client.query(`${IN_PEACE}; set local maintenance_work_mem = '128MB'`);
    await setForce(client, shapes.values(), 'no force'); // the owner may not COPY into what is forced on it too
    for (const shape of shapes.values()) await assertEmpty(client, shape);
    const tables = await copyAll(client, shapes, parts);
    const digests = await partDigests(partsOf(client, shapes, tables));
    await setForce(client, shapes.values(), 'force');
    const names = await migrationsOf(client);
    await markRestoring(client);
    await client.query('commit');
    return { migrations: names, tables, digests };
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function copyAll(
  client: pg.Client,
  shapes: ReadonlyMap<string, TableShape>,
  parts: AsyncIterable<SnapshotPart>,
): Promise<readonly TableCount[]> {
  const tables: TableCount[] = [];
  for await (const { name: part, content } of parts) {
    const shape = shapes.get(part);
    const repeated = tables.some(({ name }) => name === shape?.name);
    if (shape === undefined || repeated) throw snapshotFault('STORAGE_FOREIGN', { part });
    const { name, columns } = shape;
    const rebuild = await dropIndexes(client, name);
    await client.query(`truncate "${name}"`); // empty as it is, its rows now lie in the order in which they come
    const text = `copy "${name}" (${listOf(Object.keys(columns))}) from stdin (format binary)`;
    const stream = client.query(copyFrom(text));
    await pipeline(Readable.from(content), stream);
    await rebuild();
    await client.query(`analyze "${name}"`); // until it knows its rows PostgreSQL plans as for an empty table
    tables.push({ name, rows: stream.rowCount });
  }
  return tables;
}

/** What stands, read back. */
async function* partsOf(
  client: pg.Client,
  shapes: ReadonlyMap<string, TableShape>,
  tables: readonly TableCount[],
): AsyncGenerator<SnapshotPart> {
  for (const { name } of tables) {
    const shape = shapes.get(`table/${name}`);
    if (shape !== undefined) yield { name: `table/${name}`, content: readTable(client, shape).content };
  }
}

/**
 * Takes a table's keys and indexes away until its rows are in: sorting them once is several times faster than finding
 * each row its place. @returns puts them back, and fails where the rows don't fit them
 */
async function dropIndexes(client: pg.Client, table: string): Promise<() => Promise<void>> {
  const { rows: keys } = await client.query<{ name: string; text: string }>(
    `select quote_ident(conname) as name, pg_get_constraintdef(oid) as text from pg_constraint
       where conrelid = $1::regclass and contype in ('p', 'u') order by conname`,
    [table],
  );
  const { rows: indexes } = await client.query<{ name: string; text: string }>(
    `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as text from pg_index i
       where i.indrelid = $1::regclass and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`,
    [table],
  );
  for (const { name } of keys) await client.query(`alter table "${table}" drop constraint ${name}`);
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  return async () => {
    for (const { name, text } of keys) await client.query(`alter table "${table}" add constraint ${name} ${text}`);
    for (const { text } of indexes) await client.query(text);
  };
}

async function setForce(client: pg.Client, shapes: Iterable<TableShape>, word: 'force' | 'no force'): Promise<void> {
  for (const { name, rows } of shapes) {
    if (rows === 'tenant') await client.query(`alter table "${name}" ${word} row level security`);
  }
}

/** Locked from here on, so that a server that is started on it meanwhile can't put a row in. */
async function assertEmpty(client: pg.Client, { name }: TableShape): Promise<void> {
  await client.query(`lock table "${name}" in access exclusive mode`);
  const { rows } = await client.query(`select from "${name}" limit 1`);
  if (rows.length > 0) throw snapshotFault('STORAGE_OCCUPIED', { table: name });
}

async function tablesIn(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_class
       where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') order by relname`,
  );
  return rows.map(({ name }) => name);
}

/** Leaves everything where a row has come in by now, from whomever: the failure itself is what the caller is told. */
async function dropEmpty(client: pg.Client, shapes: readonly TableShape[]): Promise<void> {
  try {
    const there = new Set(await tablesIn(client));
    const made = shapes.filter(({ name }) => there.has(name));
    await client.query('begin');
    await setForce(client, made, 'no force');
    for (const shape of made) await assertEmpty(client, shape);
    await client.query(`drop table if exists ${listOf(['twinkeep_migration', ...made.map(({ name }) => name)])}`);
    await client.query('commit');
  } catch {
    await client.query('rollback').catch(() => undefined);
  }
}
