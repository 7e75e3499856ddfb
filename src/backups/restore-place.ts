import type { Clock } from '../kernel/clock.ts';
import {
  createSqliteStorage,
  type Migration,
  openPostgresStorage,
  type Place,
  type Restored,
  restoreSnapshot,
  type Storage,
  unmarkRestoring,
  wipePostgres,
} from '../storage/index.ts';
import { readArchive, verifyArchive } from './archive-reader.ts';
import { backupFault } from './errors.ts';
import { type Opened, type Source, settleSource } from './restore-source.ts';

/** A database that was made out of a backup, without the keys yet. */
export interface Filled {
  readonly storage: Storage;
  readonly restored: Restored;
  readonly source: Source;
  /** Closes the database, and empties it where it is not a file, which is its maker's to remove. */
  undo(): Promise<void>;
}

export interface PlaceDeps {
  readonly clock: Clock;
  /** Every one that this program knows. */
  readonly migrations: readonly Migration[];
  readonly onError: (error: unknown) => void;
}

/**
 * Puts the values of a backup into an empty place, and brings the schema to that of this program.
 *
 * @throws BACKUP_UNREADABLE, BACKUP_FOREIGN, BACKUP_UNSUPPORTED for a place of the other kind of database, STORAGE_OCCUPIED where it is
 *   not empty, STORAGE_NEWER
 */
export async function fillPlace(deps: PlaceDeps, opened: Opened, to: Place): Promise<Filled> {
  const { clock, migrations, onError } = deps;
  const { file, identities, header } = opened;
  if (header.dialect !== to.dialect) {
    const reason = `it was made of ${NAMES[header.dialect]} and cannot be put into ${NAMES[to.dialect]}`;
    throw backupFault('BACKUP_UNSUPPORTED', { reason });
  }
  // A file is a draft until it is moved, but rows of PostgreSQL stand once they are committed: read it all before.
  if (to.dialect === 'postgres') settleSource(opened, (await verifyArchive(file, identities)).trailer);
  const archive = await readArchive({ file, identities });
  const present = header.migrations;
  const restored = await restoreSnapshot({ to, migrations, present, parts: archive.parts, clock });
  const storage = await openStorage(to, clock, onError);
  const undo = async (): Promise<void> => {
    await storage.close();
    if (to.dialect !== 'postgres') return;
    await wipePostgres(to.url, migrations);
    await unmarkRestoring(to.url);
  };
  try {
    const source = settleSource(opened, await archive.trailer()); // of this very reading
    await storage.migrate(migrations);
    return { storage, restored, source, undo };
  } catch (error) {
    await undo().catch(onError);
    throw error;
  }
}

const NAMES = { sqlite: 'an SQLite database', postgres: 'a PostgreSQL database' } as const;

async function openStorage(to: Place, clock: Clock, onError: (error: unknown) => void): Promise<Storage> {
  if (to.dialect === 'postgres') return openPostgresStorage({ url: to.url, clock, onError });
  return createSqliteStorage({ file: to.file, clock, onError });
}
