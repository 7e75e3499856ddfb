import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { backupIdentityOf } from '../vault/index.ts';
import { identityOfScalar } from './age-identity.ts';
import type { ArchiveHeader, ArchiveTrailer } from './archive-format.ts';
import { readArchive } from './archive-reader.ts';
import { backupFault } from './errors.ts';
import { isProvenBy, type Keystore, lackingIn, openKeystore } from './keystore.ts';
import { type CountedTable, type NeededKeys, readKeys } from './store.ts';

/** What opens a backup: the master key, or an age identity that it was sealed for. */
export interface RestoreKey {
  readonly master: Secret<Uint8Array> | undefined;
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: Secret | undefined;
}

/** A keystore, read whole, and a backup of which only the head was read. */
export interface Opened {
  readonly file: string;
  readonly header: ArchiveHeader;
  readonly createdAt: EpochMs;
  readonly keystore: Keystore;
  /** All that may open the backup. */
  readonly identities: readonly string[];
  readonly master: Secret<Uint8Array> | undefined;
  /** The identity of the master key that was handed in. */
  readonly own: string | undefined;
}

/** What a backup says at its end, found to belong to its keystore. */
export interface Source {
  readonly id: string;
  readonly tables: readonly CountedTable[];
  readonly parts: readonly { readonly name: string; readonly sha256: string }[];
  readonly needed: NeededKeys;
  /** The newest checkpoint of the audit log when it was made. */
  readonly auditNote: string | undefined;
  readonly auditSize: number;
  readonly origin: string;
  /** The master key was in hand, and a holder of it made both files; without it a forger's files look as whole. */
  readonly proven: boolean;
  /** Versions of keys that its values need, and that were destroyed on purpose since. */
  readonly destroyed: readonly string[];
}

/**
 * Reads the keystore to its end and the head of the backup, and writes nothing.
 *
 * @throws BACKUP_UNREADABLE for one that is cut, altered or sealed for somebody else, BACKUP_FOREIGN where the two do
 *   not belong together
 */
export async function openBoth(file: string, keystoreFile: string, key: RestoreKey): Promise<Opened> {
  const own = key.master === undefined ? undefined : identityOfMaster(key.master);
  const given = [own, key.identity?.reveal()].filter((one) => one !== undefined);
  const keystore = await openKeystore(keystoreFile, given);
  const master = key.master ?? (keystore.master === undefined ? undefined : createSecret(keystore.master.bytes));
  const identities = [...new Set([...given, ...keystore.identities.map(({ identity }) => identity)])];
  const archive = await readArchive({ file, identities });
  await archive.close();
  const { header } = archive;
  const createdAt = epochMs(Date.parse(header.createdAt));
  if (header.kind !== 'main') throw foreign('it is a keystore, not a backup');
  if (isOlder(keystore, header)) throw foreign('the keystore is older than the backup; take the newest');
  return { file, header, createdAt, keystore, identities, master, own };
}

/**
 * Holds the end of a backup, which was read through to there, against its keystore.
 *
 * @throws BACKUP_FOREIGN where the two do not belong together, or nobody with the master key made them
 */
export function settleSource({ keystore, master, own }: Opened, trailer: ArchiveTrailer): Source {
  const extras = Object(trailer.extras);
  const id = String(extras.id);
  const present = master === undefined ? undefined : identityOfMaster(master);
  const makers = [present, ...keystore.identities.map(({ identity }) => identity)].filter((one) => one !== undefined);
  const agree =
    isProven(keystore, present) && makers.some((identity) => isProvenBy(identity, 'main', id, extras.proof));
  if (!agree) throw foreign('it was not made by a holder of this master key');
  const needed = readKeys(extras.keys);
  const { missing, destroyed } = lackingIn(keystore.tables, needed);
  const origin = String(extras.origin);
  if (origin !== keystore.origin) throw foreign('the keystore is of another Twinkeep');
  if (missing.length > 0) throw foreign(`the keystore lacks keys of the backup: ${missing.slice(0, 3).join(', ')}`);
  return {
    id,
    tables: trailer.tables,
    parts: trailer.parts,
    needed,
    auditNote: typeof extras.audit?.note === 'string' ? extras.audit.note : undefined,
    auditSize: typeof extras.audit?.size === 'number' ? extras.audit.size : 0,
    origin,
    proven: own !== undefined, // a master key out of the keystore proves nothing of who made that
    destroyed,
  };
}

/** By the count that both carry, for clocks jump; which keys are needed is told by the end of the backup in any case. */
const isOlder = ({ sequence }: Keystore, header: ArchiveHeader): boolean =>
  sequence !== undefined && header.sequence !== undefined && sequence < header.sequence;

const foreign = (reason: string) => backupFault('BACKUP_FOREIGN', { reason });

const identityOfMaster = (master: Secret<Uint8Array>): string => identityOfScalar(backupIdentityOf(master.reveal()));

const isProven = ({ createdAt, proof }: Keystore, present: string | undefined): boolean =>
  present !== undefined && isProvenBy(present, 'keystore', String(createdAt), proof);
