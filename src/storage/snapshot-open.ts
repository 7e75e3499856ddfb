import type { Clock } from '../kernel/clock.ts';
import type { Migration } from './schema.ts';
import type { Restored, Snapshot, SnapshotPart } from './snapshot.ts';
import { snapshotSqlite } from './sqlite-snapshot.ts';
import { restoreSqlite } from './sqlite-snapshot-restore.ts';

/** Where a database is: a file of SQLite, or the URL of PostgreSQL. */
export type Place =
  | { readonly dialect: 'sqlite'; readonly file: string }
  | { readonly dialect: 'postgres'; readonly url: string };

export interface SnapshotOptions {
  readonly of: Place;
  /** Every migration that this program knows. */
  readonly migrations: readonly Migration[];
  /** Tables whose rows are left out; nothing of them is in any part. */
  readonly without: readonly string[];
  /** A folder on a disk with room for the database, where SQLite's copy stands until `close`. */
  readonly scratch: string;
}

/**
 * Opens a snapshot beside a running server, which it doesn't hold up: SQLite is copied in a thread of its own,
 * PostgreSQL is read in one read-only transaction.
 *
 * @throws STORAGE_UNAVAILABLE, STORAGE_FULL, STORAGE_NEWER, STORAGE_DAMAGED
 */
export async function openSnapshot({ of, migrations, without, scratch }: SnapshotOptions): Promise<Snapshot> {
  if (of.dialect === 'sqlite') return snapshotSqlite({ file: of.file, without, scratch });
  const { snapshotPostgres } = await import('./postgres-snapshot.ts');
  return snapshotPostgres({ url: of.url, migrations, without });
}

export interface RestoreOptions {
  /** SQLite: a file that is not there yet. PostgreSQL: a database without a row. */
  readonly to: Place;
  /** Every migration that this program knows. */
  readonly migrations: readonly Migration[];
  /** Names of the migrations that the snapshot has had. */
  readonly present: readonly string[];
  readonly parts: AsyncIterable<SnapshotPart>;
  readonly clock: Clock;
}

/**
 * Makes a database of a snapshot's parts. It stands when all parts were read without an error, and then as it was:
 * later migrations are for whoever opens it. After a failure nothing stands.
 *
 * @throws STORAGE_OCCUPIED, STORAGE_DAMAGED, STORAGE_FOREIGN, STORAGE_NEWER, STORAGE_FULL, STORAGE_UNAVAILABLE
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<Restored> {
  const { to, parts } = options;
  if (to.dialect === 'sqlite') return restoreSqlite({ file: to.file, parts });
  const { restorePostgres } = await import('./postgres-snapshot-restore.ts');
  return restorePostgres({ ...options, url: to.url });
}
