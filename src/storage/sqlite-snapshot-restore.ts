import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageFault } from './errors.ts';
import { partDigests, type Restored, type SnapshotPart } from './snapshot.ts';
import { snapshotFault } from './snapshot-errors.ts';
import { startCopyThread } from './sqlite-snapshot-thread.ts';

export interface SqliteRestoreOptions {
  /** Where the database is to stand; neither it nor a log of one may be there. */
  readonly file: string;
  readonly parts: AsyncIterable<SnapshotPart>;
}

/**
 * Writes a database file of a snapshot's only part beside its place, checks it, and gives it its name when all is
 * well and durable. After a failure nothing is left.
 *
 * @throws STORAGE_OCCUPIED, STORAGE_FOREIGN, STORAGE_DAMAGED, STORAGE_FULL, and whatever the parts throw
 */
export async function restoreSqlite({ file, parts }: SqliteRestoreOptions): Promise<Restored> {
  assertFree(file);
  const beside = `${file}.restoring`;
  await rm(beside, { force: true }); // of a restore that was killed
  try {
    await writeParts(beside, parts);
    const { migrations, tables } = await inspect(beside);
    const read: SnapshotPart = { name: 'database', content: createReadStream(beside, { highWaterMark: BLOCK_BYTES }) };
    const digests = await partDigests(one(read)); // read back: what counts is what the disk has
    assertFree(file);
    await rename(beside, file);
    await syncFolder(dirname(file));
    return { migrations, tables, digests };
  } catch (error) {
    await rm(beside, { force: true });
    throw isFull(error) ? storageFault('STORAGE_FULL', {}, error) : error;
  }
}

const BLOCK_BYTES = 262_144;

/** A log of another database would be played into this one when it is opened. */
function assertFree(file: string): void {
  const found = [file, `${file}-wal`, `${file}-journal`].find((path) => existsSync(path));
  if (found !== undefined) throw snapshotFault('STORAGE_OCCUPIED', { file: found });
}

async function writeParts(file: string, parts: AsyncIterable<SnapshotPart>): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    const names: string[] = [];
    for await (const { name, content } of parts) {
      names.push(name);
      if (name !== 'database' || names.length > 1) throw snapshotFault('STORAGE_FOREIGN', { part: name });
      await writeContent(handle, content);
    }
    if (names.length === 0) throw snapshotFault('STORAGE_FOREIGN', { part: 'none' });
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One write is always on its way while the next bytes are being made. */
async function writeContent(handle: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  let writing: Promise<unknown> = Promise.resolve();
  try {
    for await (const bytes of content) {
      await writing;
      writing = handle.writeFile(bytes);
      writing.catch(() => undefined); // heard of at the next turn
    }
  } finally {
    await writing;
  }
}

async function inspect(file: string): Promise<{ migrations: Restored['migrations']; tables: Restored['tables'] }> {
  const thread = startCopyThread({ kind: 'inspect', file });
  return thread.inspected.finally(thread.end);
}

async function* one(part: SnapshotPart): AsyncGenerator<SnapshotPart> {
  yield part;
}

/** A file whose name is lost with the power is lost itself. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && FULL.has(String(error.code));
