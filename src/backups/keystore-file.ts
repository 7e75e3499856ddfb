import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isFault } from '../kernel/errors.ts';
import { verifyArchive } from './archive-reader.ts';
import { isProvenBy } from './keystore-identities.ts';

/** The file of the keystore as it lies there. */
export type LyingKeystore =
  | { readonly kind: 'ours'; readonly digest: string; readonly sequence: number }
  | { readonly kind: 'missing' }
  /** Damaged, or put there by somebody. */
  | { readonly kind: 'foreign'; readonly reason: string };

export interface KeystoreFile {
  /** Reads it only where it is not as it was seen last. @param identities asked for only then */
  look(identities: () => Promise<readonly string[]>): Promise<LyingKeystore>;
  /** What has just been written. */
  wrote(digest: string, sequence: number): Promise<void>;
  /** Removes what killed processes have begun; nobody may be writing. */
  clearPartials(): Promise<void>;
}

/** @param origin the database whose keystore it should be */
export function createKeystoreFile(file: string, origin: string): KeystoreFile {
  let seen: { readonly mark: string; readonly lying: LyingKeystore } | undefined;

  return {
    look: async (identities) => {
      const mark = await markOf(file);
      if (mark === undefined) return { kind: 'missing' };
      if (seen?.mark === mark) return seen.lying;
      const lying = await read(file, origin, await identities());
      seen = { mark, lying };
      return lying;
    },
    wrote: async (digest, sequence) => {
      const mark = await markOf(file);
      seen = mark === undefined ? undefined : { mark, lying: { kind: 'ours', digest, sequence } };
    },
    clearPartials: async () => {
      const [folder, name] = [dirname(file), basename(file)];
      const names = await readdir(folder).catch(() => []);
      for (const one of names) {
        if (one.startsWith(`${name}.`) && one.endsWith('.partial')) await rm(join(folder, one), { force: true });
      }
    },
  };
}

/** Tells whether it is still the same file with the same bytes; undefined where there is none. */
async function markOf(file: string): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
}

async function read(file: string, origin: string, identities: readonly string[]): Promise<LyingKeystore> {
  try {
    const { header, trailer } = await verifyArchive(file, identities);
    const extras = Object(trailer.extras);
    const at = String(Date.parse(header.createdAt));
    const isOurs = identities.some((identity) => isProvenBy(identity, 'keystore', at, extras.proof));
    if (header.kind !== 'keystore' || extras.origin !== origin || !isOurs) {
      return { kind: 'foreign', reason: 'it is the keystore of somebody else' };
    }
    return { kind: 'ours', digest: String(extras.digest), sequence: header.sequence ?? 0 };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { kind: 'foreign', reason: String(error.facts['reason'] ?? error.message) };
  }
}
