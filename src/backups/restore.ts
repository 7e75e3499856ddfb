import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { createAudit, fileHead } from '../audit/index.ts';
import { type EpochMs, type PersonId, personId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import type { Secret } from '../kernel/secret.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import {
  type Hold,
  holdForRestore,
  type Migration,
  type Place,
  type Storage,
  snapshotFault,
  unmarkRestoring,
} from '../storage/index.ts';
import { createMasterKey, singleMaster } from '../vault/index.ts';
import { backupFault } from './errors.ts';
import { erasedPeopleIn, type Keystore } from './keystore.ts';
import { type Filled, fillPlace } from './restore-place.ts';
import { type Rebuilt, rebuild } from './restore-rebuild.ts';
import { type Opened, openBoth, type RestoreKey, type Source } from './restore-source.ts';
import { type Moved, prepareTarget, type Target } from './restore-target.ts';
import { backupStore } from './store.ts';

/** Takes what a room holds about a person out of a database that still has it; called once for each erased person. */
export type Eraser = (tx: Tx, subject: PersonId) => Promise<void>;

export interface RestoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly migrations: readonly Migration[];
  readonly erasers: readonly Eraser[];
  /** Puts right what must not come back with an older state, like sessions that were ended since. */
  readonly mend: (storage: Storage) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Hears what is being done. */
  readonly onProgress: (step: string) => void;
}

export interface RestoreWish {
  readonly file: string;
  readonly keystore: string;
  readonly key: RestoreKey;
  readonly folder: string;
  readonly database: Place;
  /** Where backups lie for the restored Twinkeep. */
  readonly backups: string;
  /** Puts the master key into the folder as `master.key`: that of a provider which keeps it in a file. */
  readonly keepsMaster: boolean;
  readonly replace: boolean;
}

export interface Restoration {
  readonly id: string;
  readonly createdAt: EpochMs;
  readonly tables: number;
  readonly rows: number;
  readonly auditEntries: number;
  /** People who were erased since, and are again. */
  readonly erased: number;
  /** Keys that were destroyed since: what is sealed under them stays closed. */
  readonly destroyedKeys: readonly string[];
  /** False where nobody can tell who made it, for it was opened without a master key of the operator's own. */
  readonly proven: boolean;
  readonly moved: readonly Moved[];
}

const HOUSE: Actor = { principal: { kind: 'operator', tenantId: tenantId('platform') } };

/**
 * Restores a backup with the keys of a keystore. What comes of them is made beside its place, and put
 * there when both were read to their ends, the log was found whole, and everybody who was erased since is again.
 *
 * @throws BACKUP_UNREADABLE, BACKUP_FOREIGN, BACKUP_TARGET, BACKUP_UNSUPPORTED, BACKUP_RESTORE_FAILED, STORAGE_LOCKED;
 *   then nothing is at the target that was not there before
 */
export async function restoreBackup(deps: RestoreDeps, wish: RestoreWish): Promise<Restoration> {
  deps.onProgress('reading the keystore');
  const opened = await openBoth(wish.file, wish.keystore, wish.key);
  const { master } = opened;
  if (master === undefined)
    throw backupFault('BACKUP_UNREADABLE', { reason: 'it needs the master key, which the keystore does not hold' });
  const database = wish.database.dialect === 'sqlite' ? wish.database.file : undefined;
  const stamp = `${new Date(deps.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
  const target = prepareTarget({ folder: wish.folder, database }, wish.replace, stamp);
  let hold: Hold | undefined;
  try {
    const to: Place = target.database === undefined ? wish.database : { dialect: 'sqlite', file: target.database };
    if (to.dialect === 'postgres') hold = await holdForRestore(to.url, deps.migrations);
    const made = await prepare(deps, wish, opened, { target, to, master });
    deps.onProgress('putting it in its place');
    const moved = await target.stand().catch(async (error: unknown) => {
      await made.undo().catch(deps.onError);
      throw error;
    });
    if (to.dialect === 'postgres') await admit(to.url); // it stands: whatever happens now takes nothing back
    return { ...made.outcome, moved };
  } catch (error) {
    await target.discard();
    throw isFault(error) ? error : backupFault('BACKUP_RESTORE_FAILED', { reason: reasonOf(error) }, error);
  } finally {
    await hold?.release();
  }
}

interface Ground {
  readonly target: Target;
  readonly to: Place;
  readonly master: Secret<Uint8Array>;
}

interface Prepared {
  readonly outcome: Omit<Restoration, 'moved'>;
  undo(): Promise<void>;
}

/** Makes everything beside its place, and takes it back where anything is not as it should be. */
async function prepare(deps: RestoreDeps, wish: RestoreWish, opened: Opened, ground: Ground): Promise<Prepared> {
  const { target, to, master } = ground;
  deps.onProgress('reading the backup, and writing the database');
  const { undo, ...filled } = await fillPlace(deps, opened, to);
  const { source, storage } = filled;
  try {
    const masters = singleMaster(createMasterKey(master.reveal(), deps.random));
    deps.onProgress('putting the keys in, and reading the audit log');
    const rebuilt = await rebuild({ ...deps, masters }, storage, opened.keystore, source);
    if (rebuilt.audit.flaws.length > 0) {
      throw backupFault('BACKUP_UNREADABLE', { reason: `its audit log is not whole: ${rebuilt.audit.flaws[0]}` });
    }
    deps.onProgress('erasing again who was erased since');
    const erased = await eraseAgain(deps, rebuilt, opened.keystore);
    await deps.mend(storage);
    await settleBackups(storage, source, carryBackups(wish, target));
    await recordRestore(deps, rebuilt, { ...source, ...opened }, target, erased);
    await storage.close();
    if (wish.keepsMaster) writeMaster(target.draft, master.reveal());
    return { outcome: outcomeOf(opened, filled, rebuilt, erased), undo };
  } catch (error) {
    await undo().catch(deps.onError);
    throw error;
  }
}

function outcomeOf(
  { createdAt }: Opened,
  { restored, source }: Pick<Filled, 'restored' | 'source'>,
  { audit }: Rebuilt,
  erased: number,
): Omit<Restoration, 'moved'> {
  const { id, destroyed, proven } = source;
  const rows = restored.tables.reduce((sum, one) => sum + one.rows, 0);
  const counts = { tables: restored.tables.length, rows, auditEntries: audit.entries, erased };
  return { id, createdAt, ...counts, destroyedKeys: destroyed, proven };
}

/** The last act: until then the database is not to be served. */
async function admit(url: string): Promise<void> {
  try {
    await unmarkRestoring(url);
  } catch (error) {
    const reason = 'all is in its place, but the database went away before that could be noted there; restore again';
    throw snapshotFault('STORAGE_UNFINISHED', { reason }, error);
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message.slice(0, 200) : 'unknown');

/** The tombstones came with the keys, which are newer than the values. */
async function eraseAgain({ erasers }: RestoreDeps, { storage }: Rebuilt, { tables }: Keystore): Promise<number> {
  const people = erasedPeopleIn(tables);
  for (const name of people) {
    await storage.write(platform, async (tx) => {
      for (const erase of erasers) await erase(tx, personId(name));
    });
  }
  return people.length;
}

/** The one entry that says why the log goes on from an older state; the head that it is held against is made anew. */
async function recordRestore(
  { clock, random, onError }: RestoreDeps,
  { storage, vault }: Rebuilt,
  { id, createdAt, header, destroyed }: Source & Opened,
  { draft }: Target,
  erased: number,
): Promise<void> {
  const holder = newUuid(clock, random);
  const head = fileHead(join(draft, 'audit.head'));
  const audit = await createAudit({ storage, vault, clock, random, holder, head, onError });
  const ageS = Math.round((clock.now() - createdAt) / 1_000);
  const facts = { age_s: ageS, version: header.version, erased_again: erased, destroyed_keys: destroyed.length };
  const object = { type: 'backup', id };
  await audit.write({ ...HOUSE, action: 'backup.restored', outcome: 'done', object, facts });
  await audit.integrate();
}

/**
 * Brings backups along from a folder that is moved aside, without copying where the disk can share: they are what was
 * restored from, and what the next restore may need.
 *
 * @returns the names of files that the restored Twinkeep will find
 */
function carryBackups({ backups, folder }: RestoreWish, { draft }: Target): readonly string[] {
  const from = resolve(backups);
  if (!existsSync(from)) return [];
  const names = readdirSync(from).filter((name) => name.endsWith('.age'));
  const path = relative(resolve(folder), from);
  if (path.startsWith('..')) return names; // it lies elsewhere, and stays there
  const to = join(draft, path);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of names) {
    try {
      linkSync(join(from, name), join(to, name));
    } catch {
      copyFileSync(join(from, name), join(to, name), constants.COPYFILE_EXCL);
    }
  }
  return names;
}

/** In its own list the backup is still being made; whatever else was is over. A row without its file is no backup. */
async function settleBackups(storage: Storage, source: Source, files: readonly string[]): Promise<void> {
  await storage.write(platform, async (tx) => {
    await backupStore.endLeases(tx);
    for (const row of await backupStore.all(tx, 'making')) {
      if (row.id !== source.id || !files.includes(row.file)) {
        await backupStore.fail(tx, row.id, 'it was being made when the state began that was restored');
        continue;
      }
      await backupStore.finish(tx, { ...row, state: 'made', keys: source.needed, tables: source.tables });
    }
    for (const { id, file } of await backupStore.all(tx, 'made')) {
      if (!files.includes(file)) await backupStore.remove(tx, id);
    }
  });
}

function writeMaster(folder: string, bytes: Uint8Array): void {
  writeFileSync(join(folder, 'master.key'), `${Buffer.from(bytes).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
}
