import { closeSync, fstatSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrationFault } from './errors.ts';
import { inBackup, safeName } from './private-folder.ts';

const TRIES = 100;
const BUSY = 5;
/** Of two that begin at the same moment each may find the other in its way; waiting lets one of them have it. */
const BUSY_MS = 200;

/**
 * Keeps every other process from migrating or undoing a table with the same folder of backups, where each would remove
 * what the other is about to need. The system itself holds the lock, by SQLite's means, on `<table>.lock`: with the
 * process it ends, however that ends, so that none is ever stale. Nothing is written into the file.
 *
 * @returns what gives the lock back; whoever lets go of it lets go of the lock
 * @throws MIGRATION_RUNNING, MIGRATION_BACKUP where the folder cannot be written
 */
export function lockTable(folder: string, table: string): () => void {
  const path = join(folder, `${safeName(table)}.lock`);
  for (let tries = 0; tries < TRIES; tries++) {
    const unlock = tryLock(path);
    if (unlock !== undefined) return unlock;
  }
  throw running(path);
}

/** @returns undefined where somebody gave the lock back, and removed its file, before we had it */
function tryLock(path: string): (() => void) | undefined {
  assertFree(path);
  // Held open, its number is given to no other file. And of a file that can only be read SQLite would lock nothing.
  const file = inBackup(() => openSync(path, 'a', 0o600));
  let db: DatabaseSync | undefined;
  const close = (): void => {
    db?.close();
    closeSync(file);
  };
  try {
    db = lockFile(path);
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino) {
      return () => {
        rmSync(path, { force: true }); // while it is still ours
        close();
      };
    }
  } catch (error) {
    close();
    throw error;
  }
  close();
  return undefined;
}

/** Asked before the file is opened by other means than SQLite's: to close it would end a lock of this very process. */
function assertFree(path: string): void {
  const found = inBackup(() => statSync(path, { throwIfNoEntry: false }));
  if (found === undefined) return;
  if (found.size > 0) {
    const reason = `${path} is not empty, so it is no lock of a migration; move it elsewhere.`;
    throw migrationFault('MIGRATION_BACKUP', { reason });
  }
  lockFile(path).close();
}

/** @throws MIGRATION_RUNNING where another one has it */
function lockFile(path: string): DatabaseSync {
  const db = inBackup(() => new DatabaseSync(path, { timeout: BUSY_MS }));
  try {
    db.exec('pragma journal_mode = memory; begin exclusive'); // the other journals are files
    return db;
  } catch (error) {
    db.close();
    if (isBusy(error)) throw running(path, error);
    return inBackup(() => {
      throw error;
    });
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && Number(error.errcode) % 256 === BUSY;

const running = (path: string, cause?: unknown): Error =>
  migrationFault('MIGRATION_RUNNING', { reason: `It holds ${path}; wait for its end, or stop it.` }, cause);
