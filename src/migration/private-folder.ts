import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { migrationFault, saysOf } from './errors.ts';

/** Makes the folder of backups for its owner alone; one that is there stays as it is. @throws MIGRATION_BACKUP */
export function makeFolder(folder: string): void {
  inBackup(() => mkdirSync(folder, { recursive: true, mode: 0o700 }));
}

/** Removes what an attempt left behind that was killed before its files were whole. */
export function removeRemains(folder: string, table: string): void {
  const partial = /^-\d{8}T\d{6}Z(-\d+)?\.(undo\.ndjson\.gz|db)\.partial(-journal|-wal|-shm)?$/;
  const base = safeName(table);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(base) && partial.test(name.slice(base.length))) rmSync(join(folder, name), { force: true });
  }
}

/** Has the disk keep what was written, and in a second call the name of it. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Gives a finished file its name: from then on it is whole, whatever happens. */
export function finishFile(partial: string, path: string): void {
  renameSync(partial, path);
  syncPath(dirname(path));
}

/** Replaces a small file at once. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** @throws MIGRATION_BACKUP for what the system refuses: a full disk, a folder of somebody else */
export function inBackup<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw backupFault(error);
  }
}

/** What the system said, as a fault; a fault stays what it is. */
export function backupFault(error: unknown): Error {
  return migrationFault('MIGRATION_BACKUP', { reason: `The system says: ${saysOf(error)}.` }, error);
}

/** `users-20261121T092530Z`: a name that any file system takes, whatever the table is called. */
export function baseNameOf(table: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
  return `${safeName(table)}-${stamp}`;
}

/** Whether `baseNameOf` may have made this name for the table; it may have for another one, too. */
export const isNamedFor = (base: string, table: string): boolean =>
  base.startsWith(safeName(table)) && /^-\d{8}T\d{6}Z(-\d+)?$/.test(base.slice(safeName(table).length));

export const safeName = (table: string): string => table.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 60);
