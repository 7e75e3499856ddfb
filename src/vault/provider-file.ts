import { existsSync, linkSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Random } from '../kernel/random.ts';
import type { Secret } from '../kernel/secret.ts';
import { vaultFault } from './errors.ts';
import { generateMasterKeyFile, masterIdOf, readMasterKeyFile, syncFolderOf } from './master-key.ts';
import type { MasterKeyProvider } from './provider.ts';

const MOST_EARLIER = 64;
const DRAFT = /^(\.next)?\.[0-9a-f]{8}\.new$/;

/**
 * The master key in a file of the data folder (0600). During a rotation the new one lies in `<file>.next`; when all is
 * wrapped by it that becomes `<file>` in one rename, and the old one stays as `<file>.previous-<id>`, for backups that
 * were made under it. Which of them is current the database says, so a stop between any two steps loses nothing.
 */
export function fileProvider(file: string, random: Random): MasterKeyProvider {
  const next = `${file}.next`;

  const earlier = (): readonly string[] =>
    readdirSync(dirname(file))
      .filter((name) => name.startsWith(`${basename(file)}.previous-`))
      .sort()
      .slice(-MOST_EARLIER)
      .map((name) => join(dirname(file), name));

  const held = (): readonly Secret<Buffer>[] =>
    [file, next, ...earlier()].filter((path) => existsSync(path)).map(readMasterKeyFile);

  return {
    kind: 'file',
    held,
    make: async () => {
      dropDrafts(file);
      const place = existsSync(file) ? next : file;
      if (!existsSync(place)) generateOnce(place, random); // one that lies there was made by a start that was cut short
      return { bytes: readMasterKeyFile(place) };
    },
    open: async () => {
      throw vaultFault('VAULT_MASTER_KEY', { reason: 'it was wrapped by another provider; configure that one again' });
    },
    settle: (id) => {
      if (!existsSync(next) || masterIdOf(readMasterKeyFile(next).reveal()) !== id) return;
      keepAsEarlier(file);
      renameSync(next, file);
      syncFolderOf(file);
    },
    explainLack: () =>
      existsSync(file)
        ? 'it is not the one that this database was sealed under'
        : `${file} is missing; put it back from its backup`,
  };
}

/** What a stop has left of a key file that was being written: perhaps a copy of a key that is in use. */
function dropDrafts(file: string): void {
  const name = basename(file);
  for (const left of readdirSync(dirname(file))) {
    if (left.startsWith(name) && DRAFT.test(left.slice(name.length))) rmSync(join(dirname(file), left));
  }
}

/** Another thread of this process may be as quick: both then read what one of them wrote. */
function generateOnce(file: string, random: Random): void {
  try {
    generateMasterKeyFile(file, random);
  } catch (error) {
    if (!isThere(error)) throw error;
  }
}

/** A second name rather than a move: at no moment is there no `file`. */
function keepAsEarlier(file: string): void {
  if (!existsSync(file)) return;
  try {
    linkSync(file, `${file}.previous-${masterIdOf(readMasterKeyFile(file).reveal())}`);
  } catch (error) {
    if (!isThere(error)) throw error; // an earlier attempt got this far
  }
  syncFolderOf(file);
}

const isThere = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EEXIST';
