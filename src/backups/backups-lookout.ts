import type { EpochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Storage } from '../storage/index.ts';
import type { BackupConfig } from './config.ts';
import type { BackupMaster } from './keystore-identities.ts';
import { type Backup, backupStore } from './store.ts';

/** Watches how old the newest good backup and the newest good drill are. */
export interface Lookout {
  /** Reads anew what the metrics tell. @returns what an operator should know, in sentences */
  refresh(): Promise<readonly string[]>;
}

export interface LookoutDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly config: BackupConfig;
  readonly master: () => Promise<BackupMaster>;
  readonly metrics?: Metrics | undefined;
}

interface Seen {
  readonly newest: Backup | undefined;
  /** The last one that was tried, and the last that was good. */
  readonly drilled: Backup | undefined;
  readonly provenAt: EpochMs | undefined;
}

/** A backup may be this much older than it should be: making one takes its time. */
const LATE = 1.5;

export function createLookout({ storage, clock, config, master, metrics }: LookoutDeps): Lookout {
  let seen: Seen = { newest: undefined, drilled: undefined, provenAt: undefined };
  const ageS = (at: EpochMs | undefined): number =>
    at === undefined ? Number.POSITIVE_INFINITY : (clock.now() - at) / 1_000;
  const gauge = (name: string, help: string, read: () => number): void => metrics?.gauge(name, help, read);
  gauge('twinkeep_backup_age_seconds', 'Age of the newest backup.', () => ageS(seen.newest?.createdAt));
  gauge('twinkeep_backup_size_bytes', 'Size of the newest backup.', () => seen.newest?.size ?? 0);
  gauge('twinkeep_backup_drill_age_seconds', 'Time since a backup was last restored for trial with success.', () =>
    ageS(seen.provenAt),
  );
  gauge('twinkeep_backup_drill_good', '1 where the last trial of a backup was good.', () =>
    seen.drilled?.drillResult === 'good' ? 1 : 0,
  );

  async function warnings(): Promise<readonly string[]> {
    const { newest, drilled } = seen;
    const told: string[] = [];
    if (newest !== undefined) {
      const risk = riskOf(await master(), config);
      if (risk !== undefined) told.push(risk);
    }
    if (config.everyMs !== null && newest !== undefined && clock.now() - newest.createdAt > config.everyMs * LATE) {
      told.push(`The newest backup is from ${new Date(newest.createdAt).toISOString()}; none could be made since.`);
    }
    if (drilled?.drillResult === 'bad') told.push(`The backup ${drilled.file} did not restore as it should.`);
    return told;
  }

  return {
    refresh: async () => {
      const rows = await storage.read(platform, (tx) => backupStore.all(tx, undefined));
      const tried = rows.filter(({ drilledAt }) => drilledAt !== undefined);
      const drilled = newestBy(tried);
      const provenAt = newestBy(tried.filter(({ drillResult }) => drillResult === 'good'))?.drilledAt;
      seen = { newest: rows.find(({ state }) => state === 'made'), drilled, provenAt };
      return warnings();
    },
  };
}

const newestBy = (rows: readonly Backup[]): Backup | undefined =>
  [...rows].sort((a, b) => (b.drilledAt ?? 0) - (a.drilledAt ?? 0))[0];

/** Backups are worth nothing without a key that opens them. */
function riskOf({ provider, sharesMadeAt }: BackupMaster, { recipients }: BackupConfig): string | undefined {
  if (sharesMadeAt !== undefined || recipients.length > 0) return undefined;
  const remedy = 'Make recovery shares (twinkeep shares make), or set backups.recipients.';
  if (provider === 'file') {
    return `The master key has no second copy: if this disk is lost, no backup can be opened. ${remedy}`;
  }
  // What Transit has wrapped lies in the database, and so inside of what it would have to open.
  if (provider === 'transit')
    return `Without this database the provider gives back no key that opens a backup. ${remedy}`;
  return undefined;
}
