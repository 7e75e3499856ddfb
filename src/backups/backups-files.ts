import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backup } from './store.ts';

/** A file in the folder of backups that the list does not know. */
export interface Stranger {
  readonly file: string;
  /** The file of the backup in the list whose bytes these are. */
  readonly copyOf: string | undefined;
}

/** What lies in the folder of backups. */
export interface BackupFiles {
  present(): Promise<ReadonlySet<string>>;
  /** @param rows all of the list */
  strangers(rows: readonly Backup[]): Promise<readonly Stranger[]>;
  /** Halves of files: of whoever makes a backup now, or of a process that was killed. */
  hasPartials(): Promise<boolean>;
  /** Removes halves of files of a process that was killed; only where nobody makes a backup. */
  clearPartials(): Promise<void>;
}

const FILE = /^backup-[0-9A-Za-z-]{1,60}\.age$/;
const HALF = /^backup-[0-9A-Za-z-]{1,60}\.age\.partial$/;

export function createBackupFiles(folder: string): BackupFiles {
  const digests = new Map<string, { readonly mark: string; readonly digest: string }>();
  const names = async (): Promise<readonly string[]> => readdir(folder).catch(() => []);

  /** Of a file that has been read before only where it has changed since. */
  async function digestFor(name: string, mark: string): Promise<string> {
    const known = digests.get(name);
    if (known?.mark === mark) return known.digest;
    const digest = await digestOf(join(folder, name));
    digests.set(name, { mark, digest });
    return digest;
  }

  async function originalOf(name: string, made: readonly Backup[]): Promise<string | undefined> {
    const found = await stat(join(folder, name)).catch(() => undefined);
    const alike = made.filter(({ size, sha256 }) => size === found?.size && sha256 !== undefined);
    if (found === undefined || alike.length === 0) return undefined;
    const digest = await digestFor(name, [found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' '));
    return alike.find(({ sha256 }) => sha256 === digest)?.file;
  }

  return {
    present: async () => new Set(await names()),
    strangers: async (rows) => {
      // One whose file was removed, or never came to be, says nothing of a file of that name.
      const known = new Set(rows.filter(({ state }) => state === 'made' || state === 'making').map(({ file }) => file));
      const unknown = (await names()).filter((name) => FILE.test(name) && !known.has(name));
      for (const name of digests.keys()) if (!unknown.includes(name)) digests.delete(name);
      const made = rows.filter(({ state }) => state === 'made');
      const strangers: Stranger[] = [];
      for (const file of unknown) strangers.push({ file, copyOf: await originalOf(file, made) });
      return strangers;
    },
    hasPartials: async () => (await names()).some((name) => HALF.test(name)),
    clearPartials: async () => {
      for (const name of await names()) if (HALF.test(name)) await rm(join(folder, name), { force: true });
    },
  };
}

/** SHA-256 in hex. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(file)) hash.update(bytes);
  return hash.digest('hex');
}
