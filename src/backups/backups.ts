import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Audit } from '../audit/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { platform } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import { createTableCopy, type Migration, type Place, type Storage } from '../storage/index.ts';
import type { MasterKeys, Vault } from '../vault/index.ts';
import { createBackup } from './backups-create.ts';
import { isBackupDue, isDrillDue, RETRY_MS, soundOf } from './backups-due.ts';
import { createBackupFiles, type Stranger } from './backups-files.ts';
import { type IsOurs, underLease } from './backups-lease.ts';
import { createLookout, type Lookout } from './backups-lookout.ts';
import { type Verified, verifyBackup } from './backups-verify.ts';
import { type BackupConfig, scratchOf } from './config.ts';
import { clearDrills, type DrillReport, drillBackup, hasDrills } from './drill.ts';
import { backupFault } from './errors.ts';
import { createKeystoreKeeper, KEYSTORE_FILE, keyTablesOf } from './keystore.ts';
import { type BackupIdentity, type BackupMaster, createIdentities } from './keystore-identities.ts';
import { keptOf } from './retention.ts';
import { type Backup, backupStore } from './store.ts';

export interface BackupDeps {
  readonly storage: Storage;
  /** Where the database is; a backup reads it beside the storage. */
  readonly place: Place;
  readonly vault: Vault;
  readonly masters: MasterKeys;
  readonly master: () => Promise<BackupMaster>;
  readonly audit: Pick<Audit, 'record' | 'integrate' | 'key'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: BackupConfig;
  /** Where backups lie; processes that share a database must share it. */
  readonly folder: string;
  readonly migrations: readonly Migration[];
  /** Of every room: a drill opens some of each. */
  readonly sealedFields: readonly SealedField[];
  readonly version: string;
  /** Names this process among those that share a database. */
  readonly holder: string;
  /** Given in one thread of a process. */
  readonly metrics?: Metrics | undefined;
  readonly onWarn: (message: string) => void;
  readonly onError: (error: unknown) => void;
}

export interface Drilled extends DrillReport {
  readonly backup: Backup;
}

export interface Listed extends Backup {
  /** Whether its file lies in the folder. */
  readonly isThere: boolean;
}

/** Backups of the whole database, and what is done with them while the server runs. */
export interface Backups {
  /** @throws BACKUP_RUNNING, BACKUP_FAILED, BACKUP_MASTER_CHANGING */
  create(actor: Actor, kind?: 'manual' | 'schedule'): Promise<Backup>;
  /** The newest first, with those that could not be made and those that retention removed. */
  list(): Promise<readonly Listed[]>;
  /** Files in the folder that the list does not know: from before a restore, copies, or put there by somebody. */
  strangers(): Promise<readonly Stranger[]>;
  /**
   * Reads a backup to its end, and takes one up that the list did not know. What is wrong with one that it knows is
   * remembered, and another one falls due.
   *
   * @param name id, name of the file, or `newest`
   * @throws BACKUP_UNKNOWN, BACKUP_UNREADABLE, BACKUP_FOREIGN, BACKUP_NEWER
   */
  verify(actor: Actor, name: string): Promise<Verified>;
  /** Restores the newest for trial. @throws BACKUP_RUNNING, BACKUP_UNKNOWN */
  drill(actor: Actor): Promise<Drilled>;
  /** What opens backups, to be shown to the owner of the process alone; the present one first. */
  identities(actor: Actor): Promise<readonly BackupIdentity[]>;
  /** Removes what retention does not keep. @returns what went */
  prune(actor: Actor): Promise<readonly Backup[]>;
  /** The backups that need a version of a tenant's data key, by their files; one that nobody has read may need any. */
  retainedBy(tenant: TenantId, version: string): Promise<readonly string[]>;
  /** Jobs: makes what is due, tries what is due, and keeps the keystore in step with the keys. */
  due(): Promise<void>;
  drillDue(): Promise<void>;
  refreshKeystore(): Promise<void>;
  /** Removes what a killed process has left in the clear; not while a backup or a drill runs. Once is enough. */
  tidy(): Promise<void>;
  /** What an operator should know, in sentences; for the list, the log and `/ready`. */
  warnings(): Promise<readonly string[]>;
}

const HOUSE: Actor = { principal: { kind: 'operator', tenantId: tenantId('platform') } };

export function createBackups(deps: BackupDeps): Backups {
  const { storage, clock, config, folder, master, onError } = deps;
  const scratch = scratchOf(config, folder);
  const identities = createIdentities(deps);
  const files = createBackupFiles(folder);
  const keeper = createKeystoreKeeper({
    ...deps,
    identities,
    origin: deps.audit.key.keyName,
    recipients: config.recipients,
    migrations: deps.migrations.map(({ name }) => name),
    copy: createTableCopy({ migrations: deps.migrations, names: keyTablesOf(deps.migrations) }),
    file: join(folder, KEYSTORE_FILE),
  });
  const lookout: Lookout = createLookout({ storage, clock, config, master, files, keeper, metrics: deps.metrics });
  let busy = false;
  let tidying: Promise<void> | undefined;
  let untriedAt = 0;

  /**
   * One backup or drill at a time, over all processes and threads: each takes the disk for itself. In this one not even a
   * clock that jumps, and so ends a lease, lets a second begin.
   */
  async function alone<T>(work: (isOurs: IsOurs) => Promise<T>): Promise<T> {
    if (busy) throw backupFault('BACKUP_RUNNING');
    busy = true;
    try {
      return await underLease(deps, 'backups', 0, async (isOurs) => {
        try {
          await mkdir(folder, { recursive: true, mode: 0o700 });
          await clearScratch(); // what a killed process has left there is in the clear
          await files.clearPartials();
          return await work(isOurs);
        } finally {
          // Not what somebody else has put there, who took over while this process stood still.
          if (await isOurs().catch(() => true)) await clearScratch().catch(onError);
        }
      });
    } finally {
      busy = false;
    }
  }

  /** Again where somebody who has lost the lease still writes there. */
  const clearScratch = (): Promise<void> => rm(scratch, { recursive: true, force: true, maxRetries: 5 });

  const all = (): Promise<readonly Backup[]> => storage.read(platform, (tx) => backupStore.all(tx, undefined));
  const made = (): Promise<readonly Backup[]> => storage.read(platform, (tx) => backupStore.all(tx, 'made'));

  /** Looks first, for whoever makes a backup just then is not to be kept from it. */
  async function tidyNow(): Promise<void> {
    const isClean = !(await files.hasPartials()) && !existsSync(scratch) && !(await hasDrills(deps));
    if (!isClean) await alone(() => clearDrills(deps));
  }

  async function tidy(): Promise<void> {
    tidying ??= tidyNow().catch((error: unknown) => {
      tidying = undefined; // another turn tries again
      if (!isFault(error, 'BACKUP_RUNNING')) throw error;
    });
    await tidying;
  }

  async function prune(actor: Actor): Promise<readonly Backup[]> {
    const rows = await made();
    const sound = soundOf(rows, await files.present());
    const isProven = (one: Backup) => ({ ...one, proven: one.drillResult === 'good' });
    // One whose file is gone or spoilt keeps its time, but takes no place from one that is whole.
    const [kept, timely] = [keptOf(sound.map(isProven), config), keptOf(rows.map(isProven), config)];
    const going = rows.filter((one) => !(sound.includes(one) ? kept : timely).has(one.id));
    for (const { id, file } of going) {
      await rm(join(folder, file), { force: true });
      await storage.write(platform, async (tx) => {
        if (!(await backupStore.remove(tx, id))) return;
        const object = { type: 'backup', id };
        await deps.audit.record(tx, { ...actor, action: 'backup.removed', outcome: 'done', object });
      });
    }
    return going;
  }

  async function create(actor: Actor, kind: 'manual' | 'schedule' = 'manual'): Promise<Backup> {
    if (deps.place.dialect === 'sqlite' && deps.place.file === ':memory:') {
      throw backupFault('BACKUP_UNSUPPORTED', { reason: 'it lives in memory, and ends with its process' });
    }
    await tidying?.catch(() => undefined);
    const backup = await alone(() => createBackup({ ...deps, keeper, identities }, kind, actor));
    await prune(actor).catch(onError); // the new one stands, whatever becomes of the old
    for (const warning of await lookout.refresh()) deps.onWarn(warning);
    return backup;
  }

  async function drill(actor: Actor): Promise<Drilled> {
    await tidying?.catch(() => undefined);
    const drilled = await alone(async (isOurs) => {
      const present = await files.present();
      const newest = (await made()).find(({ file }) => present.has(file));
      if (newest === undefined) throw backupFault('BACKUP_UNKNOWN');
      const report = await drillBackup(deps, newest);
      // Whoever took over has cleared away what was restored: that says nothing of the backup.
      if (report.result !== 'good' && !(await isOurs())) throw backupFault('BACKUP_RUNNING');
      return { ...report, backup: await recordDrill(deps, actor, newest, report) };
    });
    untriedAt = drilled.result === 'untried' ? clock.now() : 0;
    await lookout.refresh();
    return drilled;
  }

  return {
    create,
    drill,
    prune,
    tidy,
    strangers: async () => files.strangers(await all()),
    list: async () => {
      const present = await files.present();
      return (await all()).map((one) => ({ ...one, isThere: present.has(one.file) }));
    },
    identities: async (actor) => {
      const shown = await identities.all();
      const facts = { count: shown.length };
      await storage.write(platform, (tx) =>
        deps.audit.record(tx, { ...actor, action: 'backup.identity_shown', outcome: 'done', facts }),
      );
      return shown;
    },
    verify: (actor, name) => verifyBackup({ ...deps, identities, files }, actor, name),
    retainedBy: async (tenant, version) => {
      const rows = await all();
      const needing = rows.filter(
        ({ state, keys }) => (state === 'made' || state === 'making') && keys[tenant]?.includes(version),
      );
      const unread = (await files.strangers(rows)).filter(({ copyOf }) => copyOf === undefined);
      return [...needing, ...unread].map(({ file }) => file);
    },
    due: async () => {
      const { everyMs } = config;
      const isDue = everyMs !== null && isBackupDue(await all(), await files.present(), clock.now(), everyMs);
      if (isDue) await create(HOUSE, 'schedule');
    },
    drillDue: async () => {
      if (config.drillEveryMs === null || Math.abs(clock.now() - untriedAt) < RETRY_MS) return;
      if (!isDrillDue(await all(), await files.present(), clock.now(), config.drillEveryMs)) return;
      const { result, checks, reason } = await drill(HOUSE);
      const bad = checks.filter(({ good }) => !good).map(({ what }) => what);
      if (result === 'bad') deps.onWarn(`the newest backup does not restore as it should: ${bad.join(', ')}`);
      if (result === 'untried') deps.onWarn(`the newest backup could not be restored for trial: ${reason}`);
    },
    refreshKeystore: async () => {
      if ((await made()).length > 0) await keeper.refresh(false);
    },
    warnings: async () => lookout.refresh(),
  };
}

/** One that could not be tried is as good or bad as it was. */
async function recordDrill(
  { storage, audit, clock }: Pick<BackupDeps, 'storage' | 'audit' | 'clock'>,
  actor: Actor,
  backup: Backup,
  { result, checks, reason }: DrillReport,
): Promise<Backup> {
  const at = clock.now();
  const bad = checks.filter(({ good }) => !good).map(({ what }) => what);
  const facts = { checks: checks.length, bad: bad.slice(0, 20), ...(reason === undefined ? {} : { untried: reason }) };
  const outcome = result === 'good' ? 'done' : 'failed';
  const object = { type: 'backup', id: backup.id };
  await storage.write(platform, async (tx) => {
    if (result !== 'untried') await backupStore.drilled(tx, backup.id, at, result);
    await audit.record(tx, { ...actor, action: 'backup.drilled', outcome, object, facts });
  });
  return result === 'untried' ? backup : { ...backup, drilledAt: at, drillResult: result };
}
