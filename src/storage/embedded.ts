import { existsSync, realpathSync } from 'node:fs';
import type { Clock } from '../kernel/clock.ts';
import { openPostgresStorage } from './open.ts';
import { lockDatabase } from './owner-lock.ts';
import { createSqliteStorage } from './sqlite.ts';
import type { Storage } from './storage.ts';

/** The database of a program that embeds one room. */
export interface EmbeddedStorage {
  readonly storage: Storage;
  /** Closes it, and lets the next owner have its file. */
  readonly close: () => Promise<void>;
}

/**
 * Opens what a room that is used as a library keeps its data in. An SQLite file has one owner at a time: two would not
 * hear of each other's keys and revocations, and stop each other's writes.
 *
 * @param url `sqlite:` and a file, or `postgres://…`
 * @throws TypeError for another URL; STORAGE_LOCKED where the file has an owner; STORAGE_UNAVAILABLE
 */
export async function openEmbeddedStorage(
  url: string,
  deps: { readonly clock: Clock; readonly onError: (error: unknown) => void },
): Promise<EmbeddedStorage> {
  const { clock, onError } = deps;
  if (url.startsWith('sqlite:')) return sqliteAt(url.slice('sqlite:'.length), clock, onError);
  if (!/^postgres(ql)?:\/\//.test(url)) throw new TypeError('database must begin with sqlite: or postgres://');
  const storage = await openPostgresStorage({ url, clock, onError });
  return { storage, close: () => storage.close() };
}

function sqliteAt(file: string, clock: Clock, onError: (error: unknown) => void): EmbeddedStorage {
  const lock = file === ':memory:' ? undefined : lockDatabase(existsSync(file) ? realpathSync(file) : file);
  try {
    const storage = createSqliteStorage({ file, clock, onError });
    const close = async (): Promise<void> => {
      await storage.close();
      lock?.release();
    };
    return { storage, close };
  } catch (error) {
    lock?.release();
    throw error;
  }
}
