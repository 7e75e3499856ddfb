import { existsSync, linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isFault } from '../kernel/errors.ts';
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
 *
 * @param onError hears once of each earlier file that cannot be read; whether it was needed is found out at the start
 */
export function fileProvider(
  file: string,
  random: Random,
  onError: (error: unknown) => void = () => undefined,
): MasterKeyProvider {
  const next = `${file}.next`;
  const told = new Set<string>();

  function readEarlier(path: string): readonly Secret<Buffer>[] {
    try {
      return [readMasterKeyFile(path)];
    } catch (error) {
      const known = told.has(path);
      told.add(path);
      if (!known) onError(new Error(`${path} is left out: ${reasonOf(error)}`, { cause: error }));
      return [];
    }
  }

  /** The next one is read first: between two reads it may take the place of the other, never the other way round. */
  function held(): readonly Secret<Buffer>[] {
    const [second, first] = [readThere(next), readThere(file)];
    return [...first, ...second, ...earlierOf(file).flatMap(readEarlier)];
  }

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
    explainLack: (id) => {
      if (!existsSync(file)) return `${file} is missing; put it back from its backup`;
      const earlier = `${file}.previous-${id}`;
      if (existsSync(earlier)) return `${earlier} cannot be used: ${lackIn(earlier)}`;
      return `no file beside ${file} holds the one of this database (${id}); put it back from its backup, or copy it from the machine that made it`;
    },
  };
}

/** The latest, in the order in which they were made: their names are random. */
function earlierOf(file: string): readonly string[] {
  const names = readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.previous-`));
  return names
    .map((name) => join(dirname(file), name))
    .map((path) => ({ path, madeAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => a.madeAt - b.madeAt || (a.path < b.path ? -1 : 1))
    .slice(-MOST_EARLIER)
    .map(({ path }) => path);
}

/** @throws VAULT_MASTER_KEY */
function readThere(path: string): readonly Secret<Buffer>[] {
  try {
    return [readMasterKeyFile(path)];
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function lackIn(path: string): string {
  try {
    readMasterKeyFile(path);
    return 'it holds another key than its name says';
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  if (isFault(error, 'VAULT_MASTER_KEY')) return String(error.facts['reason']);
  return error instanceof Error ? error.message : String(error);
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

const isThere = (error: unknown): boolean => isCode(error, 'EEXIST');

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
