import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Audit } from '../audit/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { type Clock, hours, seconds } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { platform } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import { createTableCopy, type Migration, type Place, type Storage } from '../storage/index.ts';
import type { MasterKeys, Vault } from '../vault/index.ts';
import { createBackup } from './backups-create.ts';
import { createLookout, type Lookout } from './backups-lookout.ts';
import { verifyBackup } from './backups-verify.ts';
import { type BackupConfig, scratchOf } from './config.ts';
import { type DrillReport, drillBackup } from './drill.ts';
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

/** Backups of the whole database, and what is done with them while the server runs. */
export interface Backups {
  /** @throws BACKUP_RUNNING, BACKUP_FAILED, BACKUP_MASTER_CHANGING */
  create(actor: Actor, kind?: 'manual' | 'schedule'): Promise<Backup>;
  /** The newest first, with those that could not be made and those that retention removed. */
  list(): Promise<readonly Backup[]>;
  /** Files in the folder that the list does not know: from before a restore, or put there by somebody. */
  strangers(): Promise<readonly string[]>;
  /**
   * Reads a backup to its end, and takes one up that the list did not know.
   *
   * @param name id, name of the file, or `newest`
   * @throws BACKUP_UNKNOWN, BACKUP_UNREADABLE
   */
  verify(actor: Actor, name: string): Promise<Backup>;
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
  /** What an operator should know, in sentences; for the list, the log and `/ready`. */
  warnings(): Promise<readonly string[]>;
}

const LEASE_MS = seconds(15);
const RETRY_MS = hours(1);
const FILE = /^backup-[0-9A-Za-z-]{1,60}\.age$/;
const HOUSE: Actor = { principal: { kind: 'operator', tenantId: tenantId('platform') } };

export function createBackups(deps: BackupDeps): Backups {
  const { storage, clock, config, folder, master, holder, onError } = deps;
  const scratch = scratchOf(config, folder);
  const identities = createIdentities(deps);
  const keeper = createKeystoreKeeper({
    ...deps,
    identities,
    origin: deps.audit.key.keyName,
    recipients: config.recipients,
    migrations: deps.migrations.map(({ name }) => name),
    copy: createTableCopy({ migrations: deps.migrations, names: keyTablesOf(deps.migrations) }),
    file: join(folder, KEYSTORE_FILE),
  });
  const lookout: Lookout = createLookout({ storage, clock, config, master, metrics: deps.metrics });

  /** One backup or drill at a time, over all processes and threads: each takes the disk for itself. */
  async function alone<T>(work: () => Promise<T>): Promise<T> {
    const own = `${holder}.${deps.random.bytes(4).toString('hex')}`;
    const take = () => storage.lease('backups', own, LEASE_MS);
    const lease = await take();
    if (lease === undefined) throw backupFault('BACKUP_RUNNING');
    const renewing = setInterval(() => void take().catch(onError), LEASE_MS / 3).unref();
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rm(scratch, { recursive: true, force: true }); // what a killed process has left there is in the clear
      await clearPartial(folder);
      return await work();
    } finally {
      clearInterval(renewing);
      await rm(scratch, { recursive: true, force: true }).catch(onError);
      await storage.release(lease).catch(onError);
    }
  }

  const all = (): Promise<readonly Backup[]> => storage.read(platform, (tx) => backupStore.all(tx, undefined));
  const made = (): Promise<readonly Backup[]> => storage.read(platform, (tx) => backupStore.all(tx, 'made'));

  async function strangers(): Promise<readonly string[]> {
    const names = await readdir(folder).catch(() => []);
    const known = new Set((await all()).map(({ file }) => file));
    return names.filter((name) => FILE.test(name) && !known.has(name));
  }

  async function prune(actor: Actor): Promise<readonly Backup[]> {
    const present = await made();
    const kept = keptOf(
      present.map((one) => ({ ...one, proven: one.drillResult === 'good' })),
      config,
    );
    const going = present.filter(({ id }) => !kept.has(id));
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
    const backup = await alone(() => createBackup({ ...deps, keeper, identities }, kind, actor));
    await prune(actor).catch(onError); // the new one stands, whatever becomes of the old
    for (const warning of await lookout.refresh()) deps.onWarn(warning);
    return backup;
  }

  async function drill(actor: Actor): Promise<Drilled> {
    const drilled = await alone(async () => {
      const [newest] = await made();
      if (newest === undefined) throw backupFault('BACKUP_UNKNOWN');
      const report = await drillBackup(deps, newest);
      const at = clock.now();
      await storage.write(platform, async (tx) => {
        await backupStore.drilled(tx, newest.id, at, report.result);
        const outcome = report.result === 'good' ? 'done' : 'failed';
        const bad = report.checks.filter(({ good }) => !good).map(({ what }) => what);
        const facts = { checks: report.checks.length, bad: bad.slice(0, 20) };
        const object = { type: 'backup', id: newest.id };
        await deps.audit.record(tx, { ...actor, action: 'backup.drilled', outcome, object, facts });
      });
      return { ...report, backup: { ...newest, drilledAt: at, drillResult: report.result } };
    });
    await lookout.refresh();
    return drilled;
  }

  async function isDue(): Promise<boolean> {
    if (config.everyMs === null) return false;
    const rows = await all();
    const good = rows.find(({ state }) => state === 'made')?.createdAt ?? 0;
    const tried = rows.find(({ state, kind }) => state === 'failed' && kind === 'schedule')?.createdAt ?? 0;
    return clock.now() - good >= config.everyMs && clock.now() - tried >= Math.min(RETRY_MS, config.everyMs);
  }

  return {
    create,
    drill,
    prune,
    strangers,
    list: all,
    identities: async (actor) => {
      const shown = await identities.all();
      await storage.write(platform, (tx) =>
        deps.audit.record(tx, {
          ...actor,
          action: 'backup.identity_shown',
          outcome: 'done',
          facts: { count: shown.length },
        }),
      );
      return shown;
    },
    verify: (actor, name) => verifyBackup({ ...deps, identities, strangers }, actor, name),
    retainedBy: async (tenant, version) => {
      const needing = (await all()).filter(
        ({ state, keys }) => (state === 'made' || state === 'making') && keys[tenant]?.includes(version),
      );
      return [...needing.map(({ file }) => file), ...(await strangers())];
    },
    due: async () => {
      if (await isDue()) await create(HOUSE, 'schedule');
      else await lookout.refresh();
    },
    drillDue: async () => {
      if (config.drillEveryMs === null) return;
      const rows = await all();
      if (!rows.some(({ state }) => state === 'made')) return;
      const last = Math.max(0, ...rows.map(({ drilledAt }) => drilledAt ?? 0));
      if (clock.now() - last < config.drillEveryMs) return;
      const { result, checks } = await drill(HOUSE);
      const bad = checks.filter(({ good }) => !good).map(({ what }) => what);
      if (result === 'bad') deps.onWarn(`the newest backup does not restore as it should: ${bad.join(', ')}`);
    },
    refreshKeystore: async () => {
      if ((await made()).length > 0) await keeper.refresh(false);
    },
    warnings: async () => lookout.refresh(),
  };
}

/** Half a file of a process that was killed; whoever else would write one does not hold the lease. */
async function clearPartial(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.age.partial')) await rm(join(folder, name), { force: true });
  }
}
