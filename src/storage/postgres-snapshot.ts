import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { leaseMigration } from './lease-table.ts';
import { refuseNewer } from './newer.ts';
import { postgresFault } from './postgres-errors.ts';
import { ensureWholeSight, WHOLE_SETTING } from './postgres-snapshot-sight.ts';
import type { Migration } from './schema.ts';
import type { Snapshot, SnapshotPart, TableCount } from './snapshot.ts';
import { amongMigrations, type TableShape, tablesOf } from './snapshot-tables.ts';

export interface PostgresSnapshotOptions {
  /** The user must own the tables, as the one does who migrated them. */
  readonly url: string;
  /** Every migration that this program knows. */
  readonly migrations: readonly Migration[];
  /** Tables that are left out. */
  readonly without: readonly string[];
}

const CONNECT_MS = 5_000;

/**
 * Reads a PostgreSQL database in one read-only transaction, so that every row is of the same moment while others go
 * on writing: each table as a binary COPY, in the order in which its rows lie there (that of the key costs ten times as
 * much where the two differ).
 *
 * @throws STORAGE_UNAVAILABLE, STORAGE_NEWER, STORAGE_SCOPE where the user doesn't own the tables
 */
export async function snapshotPostgres(options: PostgresSnapshotOptions): Promise<Snapshot> {
  const client = await connectTo(options.url);
  const close = async (): Promise<void> => void (await client.end().catch(() => undefined));
  try {
    const names = await migrationsOf(client);
    refuseNewer(new Set(names), [leaseMigration, ...options.migrations]);
    const shapes = tablesOf(amongMigrations(options.migrations, names));
    const left = shapes.filter(({ name }) => !options.without.includes(name));
    await ensureWholeSight(client, left);
    await client.query('begin isolation level repeatable read, read only');
    await client.query(`select set_config('${WHOLE_SETTING}', 'on', true)`);
    await client.query(IN_PEACE);
    const inside = await migrationsOf(client); // and with it the moment that all parts are of
    if (inside.join() !== names.join()) throw new Error('the database was migrated meanwhile');
    return snapshotOf(client, names, left, close);
  } catch (error) {
    await close();
    throw postgresFault(error);
  }
}

/** Rows in the order in which they lie there, which a restored database has too; and as long as it takes. */
export const IN_PEACE = `set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
  set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0; set local enable_indexscan = off;
  set local enable_indexonlyscan = off; set local enable_bitmapscan = off`;

/** A connection outside the pool, without time limits of ours. @throws STORAGE_UNAVAILABLE */
export async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'twinkeep-backup',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
  });
  client.on('error', () => undefined); // whoever reads is told by the stream
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw postgresFault(error);
  }
}

export async function migrationsOf(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>('select name from twinkeep_migration order by name');
  return rows.map(({ name }) => name);
}

function snapshotOf(
  client: pg.Client,
  migrations: readonly string[],
  shapes: readonly TableShape[],
  close: () => Promise<void>,
): Snapshot {
  const tables: TableCount[] = [];

  async function* contentOf(shape: TableShape): AsyncGenerator<Uint8Array> {
    const { content, rows } = readTable(client, shape);
    yield* content;
    tables.push({ name: shape.name, rows: rows() });
  }

  async function* parts(): AsyncGenerator<SnapshotPart> {
    for (const shape of shapes) yield { name: `table/${shape.name}`, content: contentOf(shape) };
  }

  return { dialect: 'postgres', migrations, tables, parts, close };
}

/** A table by binary COPY, and how many rows it had once it was read to its end. */
export function readTable(
  client: pg.Client,
  { name, columns }: TableShape,
): { readonly content: AsyncGenerator<Uint8Array>; rows(): number } {
  const text = `copy (select ${listOf(Object.keys(columns))} from ${listOf([name])}) to stdout (format binary)`;
  let rows = 0;
  async function* content(): AsyncGenerator<Uint8Array> {
    const stream = client.query(copyTo(text));
    try {
      for await (const bytes of stream) if (bytes instanceof Uint8Array) yield bytes;
    } catch (error) {
      throw postgresFault(error);
    }
    rows = stream.rowCount;
  }
  return { content: content(), rows: () => rows };
}

/** Names from our own migrations, which are plain ones. */
export const listOf = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
