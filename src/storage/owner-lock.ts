import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Facts } from '../kernel/errors.ts';
import { storageFault } from './errors.ts';
import { createPrivateFile } from './private-file.ts';

/** Says that this process owns a data folder, until it ends in whatever way. */
export interface OwnerLock {
  release(): void;
}

/**
 * Takes the exclusive lock on a data folder. It is a file lock that SQLite holds for us: Node has none of its own, and
 * the system drops it with the process, also after `kill -9`.
 *
 * @throws STORAGE_LOCKED when another process (or another Twinkeep in this one) owns the folder
 */
export const lockFolder = (folder: string): OwnerLock => lockBy(join(folder, 'owner.lock'), { folder });

/** The same for a database file that lies elsewhere: two servers on it would know nothing of each other's revocations. */
export const lockDatabase = (file: string): OwnerLock => lockBy(`${file}.lock`, { database: file });

function lockBy(file: string, facts: Facts): OwnerLock {
  createPrivateFile(file);
  const db = new DatabaseSync(file);
  try {
    db.exec('pragma busy_timeout = 0; pragma journal_mode = delete; begin exclusive');
  } catch (error) {
    db.close();
    throw storageFault('STORAGE_LOCKED', facts, error);
  }
  return { release: () => db.close() };
}
