import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createPrivateFile } from './private-file.ts';
import type { Snapshot, SnapshotPart, TableCount } from './snapshot.ts';
import { sqliteFault } from './sqlite-connection.ts';
import { type CopyThread, startCopyThread } from './sqlite-snapshot-thread.ts';

export interface SqliteSnapshotOptions {
  readonly file: string;
  /** Tables that are emptied in the copy, their bytes overwritten; the tables themselves stay. */
  readonly without: readonly string[];
  /** A folder; the copy stands there, readable by its owner alone, until `close`. */
  readonly scratch: string;
}

const PREFIX = 'snapshot-';
const READ_BYTES = 262_144;

/**
 * Copies a SQLite database while others write to it (SQLite's online backup, by a read-only connection in a thread of
 * its own), and wipes the tables that are to be left out. The copy is checked for integrity while it is being read;
 * reading it to the end fails where the check does.
 *
 * @throws STORAGE_UNAVAILABLE, STORAGE_FULL, STORAGE_DAMAGED
 */
export async function snapshotSqlite({ file, without, scratch }: SqliteSnapshotOptions): Promise<Snapshot> {
  await stat(file).catch((error: unknown) => Promise.reject(sqliteFault(withoutFile(error))));
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(scratch, PREFIX));
  const copy = join(folder, 'copy.db');
  createPrivateFile(copy); // SQLite's own default would be readable by others
  const thread = startCopyThread({ kind: 'copy', file, to: copy, without });
  const close = async (): Promise<void> => {
    await thread.end();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return snapshotOf(copy, thread, await thread.copied, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Removes copies that a process left in the scratch folder when it was killed. No snapshot may be open in it. */
export async function clearScratch(scratch: string): Promise<void> {
  const names = await readdir(scratch).catch(() => []);
  for (const name of names.filter((name) => name.startsWith(PREFIX))) {
    await rm(join(scratch, name), { recursive: true, force: true });
  }
}

function snapshotOf(
  copy: string,
  thread: CopyThread,
  migrations: readonly string[],
  close: () => Promise<void>,
): Snapshot {
  const tables: TableCount[] = [];

  async function* content(): AsyncGenerator<Uint8Array> {
    yield* createReadStream(copy, { highWaterMark: READ_BYTES });
    tables.splice(0, tables.length, ...(await thread.inspected).tables); // whoever reads to the end hears of damage
  }

  async function* parts(): AsyncGenerator<SnapshotPart> {
    yield { name: 'database', content: content() };
  }

  return { dialect: 'sqlite', migrations, tables, parts, close };
}

const SQLITE_CANTOPEN = 14;
const withoutFile = (error: unknown): Error =>
  Object.assign(new Error('the database file is not there', { cause: error }), { errcode: SQLITE_CANTOPEN });
