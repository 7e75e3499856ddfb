import type { EpochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Storage } from '../storage/index.ts';
import { isFuture, soundOf } from './backups-due.ts';
import type { BackupFiles } from './backups-files.ts';
import type { BackupConfig } from './config.ts';
import type { KeystoreKeeper } from './keystore.ts';
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
  readonly files: BackupFiles;
  readonly keeper: Pick<KeystoreKeeper, 'doubt'>;
  readonly metrics?: Metrics | undefined;
}

interface Seen {
  /** The newest whose file is there and was whole when it was read last. */
  readonly newest: Backup | undefined;
  /** All whose files should be there, the newest first. */
  readonly made: readonly Backup[];
  readonly present: ReadonlySet<string>;
  /** The last one that was tried, and the last that was good. */
  readonly drilled: Backup | undefined;
  readonly provenAt: EpochMs | undefined;
}

/** A backup may be this much older than it should be: making one takes its time. */
const LATE = 1.5;

export function createLookout({ storage, clock, config, master, files, keeper, metrics }: LookoutDeps): Lookout {
  let seen: Seen = { newest: undefined, made: [], present: new Set(), drilled: undefined, provenAt: undefined };
  // What a wrong clock said must not look fresh until its time has come.
  const ageS = (at: EpochMs | undefined): number =>
    at === undefined || isFuture(at, clock.now()) ? Number.POSITIVE_INFINITY : Math.max(0, (clock.now() - at) / 1_000);
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
    const { newest, made, present, drilled } = seen;
    const told: string[] = [];
    if (made.length > 0) {
      const risk = riskOf(await master(), config);
      if (risk !== undefined) told.push(risk);
      const doubt = await keeper.doubt(newest?.sequence ?? 0);
      if (doubt !== undefined) told.push(`The keystore, without which no backup can be restored, ${doubt}.`);
    }
    told.push(...doubtsOf(made, present, clock.now()));
    if (config.everyMs !== null && newest !== undefined && clock.now() - newest.createdAt > config.everyMs * LATE) {
      told.push(`The newest backup is from ${new Date(newest.createdAt).toISOString()}; none could be made since.`);
    }
    if (drilled?.drillResult === 'bad') told.push(`The backup ${drilled.file} did not restore as it should.`);
    return told;
  }

  return {
    refresh: async () => {
      const rows = await storage.read(platform, (tx) => backupStore.all(tx, undefined));
      const present = await files.present();
      const made = rows.filter(({ state }) => state === 'made');
      const tried = rows.filter(({ drilledAt }) => drilledAt !== undefined);
      const drilled = newestBy(tried, clock.now());
      const good = tried.filter(({ drillResult }) => drillResult === 'good');
      const provenAt = newestBy(good, clock.now())?.drilledAt;
      seen = { newest: soundOf(rows, present)[0], made, present, drilled, provenAt };
      return warnings();
    },
  };
}

/** What a clock that was wrong says of itself comes last. */
function newestBy(rows: readonly Backup[], now: EpochMs): Backup | undefined {
  const orderOf = ({ drilledAt = 0 }: { readonly drilledAt?: number | undefined }): number =>
    isFuture(drilledAt, now) ? 0 : drilledAt;
  return [...rows].sort((a, b) => orderOf(b) - orderOf(a))[0];
}

const MOST_TOLD = 3;

/** What is wrong with the files of the list. */
function doubtsOf(made: readonly Backup[], present: ReadonlySet<string>, now: EpochMs): readonly string[] {
  const absent = made.filter(({ file }) => !present.has(file)).map(({ file }) => file);
  const spoilt = made.filter(({ file, flaw }) => flaw !== undefined && present.has(file));
  const early = made.filter(({ createdAt }) => isFuture(createdAt, now)).map(({ file }) => file);
  const named = (files: readonly string[]): string =>
    [...files.slice(0, MOST_TOLD), ...(files.length > MOST_TOLD ? [`${files.length - MOST_TOLD} more`] : [])].join(
      ', ',
    );
  return [
    ...spoilt.slice(0, MOST_TOLD).map(({ file, flaw }) => `The backup ${file} is not whole: ${flaw}.`),
    ...(absent.length > 0 ? [`Files of backups are not there: ${named(absent)}.`] : []),
    ...(early.length > 0
      ? [`Backups are from the future: ${named(early)}. Is the clock right? It was wrong then, or is now.`]
      : []),
  ];
}

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
