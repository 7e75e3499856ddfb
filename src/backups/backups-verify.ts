import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { epochMs } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { verifyArchive } from './archive-reader.ts';
import type { BackupDeps } from './backups.ts';
import { type BackupFiles, digestOf } from './backups-files.ts';
import { reasonOf } from './backups-reason.ts';
import { backupFault } from './errors.ts';
import { type Identities, isProvenBy } from './keystore-identities.ts';
import { type Backup, backupStore, readKeys } from './store.ts';

export interface VerifyDeps extends Pick<BackupDeps, 'storage' | 'audit' | 'clock' | 'folder' | 'onError'> {
  readonly identities: Identities;
  readonly files: BackupFiles;
}

export interface Verified extends Backup {
  /** The file that was read, where it has the same bytes as that of the backup. */
  readonly copy: string | undefined;
}

/**
 * Reads one backup to its end, and holds it against what is known of it. What was wrong is remembered in its row.
 *
 * @param name id, name of a file in the folder, or `newest`
 * @throws BACKUP_UNKNOWN, BACKUP_UNREADABLE, BACKUP_FOREIGN, BACKUP_NEWER
 */
export async function verifyBackup(deps: VerifyDeps, actor: Actor, name: string): Promise<Verified> {
  const rows = await deps.storage.read(platform, (tx) => backupStore.all(tx, undefined));
  const made = rows.filter(({ state }) => state === 'made');
  const known = name === 'newest' ? made[0] : made.find(({ id, file }) => id === name || file === name);
  if (known !== undefined) return { ...(await verifyKnown(deps, actor, known)), copy: undefined };
  const isThere = (await deps.files.strangers(rows)).some(({ file }) => file === name);
  if (!isThere) throw backupFault('BACKUP_UNKNOWN');
  return takeUp(deps, actor, name, rows);
}

async function verifyKnown(deps: VerifyDeps, actor: Actor, known: Backup): Promise<Backup> {
  try {
    const found = await readToEnd(deps, known.file);
    if (found.id !== known.id) throw foreign(`it is another backup, ${found.id}, under the name of this one`);
    if (known.sha256 !== undefined && found.sha256 !== known.sha256) {
      throw backupFault('BACKUP_UNREADABLE', { reason: 'its bytes are not those that were written' });
    }
  } catch (error) {
    const flaw = flawOf(error);
    if (flaw !== undefined) await recordFlaw(deps, actor, known.id, flaw).catch(deps.onError);
    throw error;
  }
  return recordWhole(deps, actor, known, 'known');
}

/** A file from before a restore, one that was put back, a copy, or one that somebody made. */
async function takeUp(deps: VerifyDeps, actor: Actor, file: string, rows: readonly Backup[]): Promise<Verified> {
  const found = await readToEnd(deps, file);
  const row = rows.find(({ id }) => id === found.id);
  if (row?.state === 'making') throw backupFault('BACKUP_RUNNING');
  if (row?.state === 'made' && (await deps.files.present()).has(row.file)) {
    if (row.sha256 !== found.sha256) throw foreign(`it says that it is ${row.file}, but has other bytes`);
    return { ...row, copy: file };
  }
  const taken = { ...(row ?? backupOf(found, file)), ...found, file, state: 'made' as const };
  const backup = { ...taken, reason: undefined, flaw: undefined };
  return { ...(await recordWhole(deps, actor, backup, row === undefined ? 'new' : 'gone')), copy: undefined };
}

type Found = Pick<Backup, 'id' | 'createdAt' | 'size' | 'sha256' | 'keys' | 'tables' | 'sequence'>;

/** @throws BACKUP_UNREADABLE; BACKUP_FOREIGN for one that nobody with a master key of this Twinkeep made */
async function readToEnd({ folder, identities, audit }: VerifyDeps, file: string): Promise<Found> {
  const path = join(folder, file);
  const { size } = await stat(path).catch((error: unknown) => Promise.reject(absent(error)));
  const opening = (await identities.all()).map(({ identity }) => identity);
  const { header, trailer } = await verifyArchive(path, opening);
  const extras = Object(trailer.extras);
  const id = String(extras.id);
  if (header.kind !== 'main' || String(extras.origin) !== audit.key.keyName) {
    throw foreign('it is no backup of this Twinkeep');
  }
  if (!opening.some((identity) => isProvenBy(identity, 'main', id, extras.proof))) {
    throw foreign('nobody who holds the master key made it: remove it, or find out who put it there');
  }
  const createdAt = epochMs(Date.parse(header.createdAt));
  const { sequence } = header;
  const sha256 = await digestOf(path);
  return { id, createdAt, size, sha256, sequence, keys: readKeys(extras.keys), tables: trailer.tables };
}

const backupOf = (found: Found, file: string): Backup => ({
  ...found,
  file,
  kind: 'found',
  state: 'made',
  audit: undefined,
  reason: undefined,
  verifiedAt: undefined,
  drilledAt: undefined,
  drillResult: undefined,
  flaw: undefined,
});

async function recordWhole(
  { storage, audit, clock }: VerifyDeps,
  actor: Actor,
  backup: Backup,
  was: 'known' | 'gone' | 'new',
): Promise<Backup> {
  const at = clock.now();
  const object = { type: 'backup', id: backup.id };
  await storage.write(platform, async (tx) => {
    if (was === 'new') await backupStore.add(tx, backup);
    if (was === 'gone') await backupStore.revive(tx, backup);
    await backupStore.verified(tx, backup.id, at);
    await audit.record(tx, { ...actor, action: 'backup.verified', outcome: 'done', object });
  });
  return { ...backup, verifiedAt: at, flaw: undefined };
}

async function recordFlaw({ storage, audit }: VerifyDeps, actor: Actor, id: string, reason: string): Promise<void> {
  const object = { type: 'backup', id };
  await storage.write(platform, async (tx) => {
    await backupStore.spoilt(tx, id, reason);
    await audit.record(tx, { ...actor, action: 'backup.verified', outcome: 'failed', object, facts: { reason } });
  });
}

const SPOILT: readonly string[] = ['BACKUP_UNREADABLE', 'BACKUP_FOREIGN', 'BACKUP_UNKNOWN'];

/** Undefined for what says nothing of the file: a provider that is away, or too many files that are open. */
function flawOf(error: unknown): string | undefined {
  if (isFault(error)) return SPOILT.includes(error.code) ? reasonOf(error) : undefined;
  return error instanceof Error && 'code' in error && error.code === 'EIO' ? reasonOf(error) : undefined;
}

const foreign = (reason: string) => backupFault('BACKUP_FOREIGN', { reason });

/** Only a file that is not there is unknown; what may not be looked at may be all right. */
function absent(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) return error;
  return backupFault('BACKUP_UNKNOWN', { reason: 'its file is not there' });
}
