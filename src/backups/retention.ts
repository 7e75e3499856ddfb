import type { EpochMs } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import type { BackupConfig } from './config.ts';

/** What retention needs to know of a backup. */
export interface Datable {
  readonly id: string;
  readonly createdAt: EpochMs;
  /** Restored for trial, with success. */
  readonly proven: boolean;
  /** Grows with every backup, whatever a clock said; undefined where nobody knows. */
  readonly sequence?: number | undefined;
}

type Policy = Pick<BackupConfig, 'keepDaily' | 'keepWeekly' | 'keepMonthly'>;

/**
 * The backups that stay: the newest of each of the last days, weeks and months that have one, in UTC, weeks from
 * Monday. The one that was made last stays under every policy, and so does the newest that is known to restore.
 *
 * A date that a clock gave which was ahead is not believed for ever: see `isRefuted`.
 *
 * @param backups those that are there, in any order
 */
export function keptOf(backups: readonly Datable[], policy: Policy): ReadonlySet<string> {
  const newestFirst = [...backups].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const standing = newestFirst.filter((backup) => !isRefuted(backup, backups));
  const kept = new Set<string>();
  const keep = (backup: Datable | undefined): void => void (backup !== undefined && kept.add(backup.id));
  keep(lastOf(newestFirst));
  keep(standing[0]);
  keep(standing.find(({ proven }) => proven) ?? newestFirst.find(({ proven }) => proven));
  const spans = [
    [policy.keepDaily, dayOf],
    [policy.keepWeekly, weekOf],
    [policy.keepMonthly, monthOf],
  ] as const;
  for (const [count, spanOf] of spans) {
    const seen = new Set<string>();
    for (const backup of standing) {
      const span = spanOf(backup.createdAt);
      if (seen.has(span)) continue;
      if (seen.size === count) break;
      seen.add(span);
      keep(backup);
    }
  }
  return kept;
}

const REFUTED_BY_DAYS = 7;

/**
 * Whether backups were made after this one on several days that lie before its date. A single one does not do: a clock
 * that starts behind, as on a machine without a battery, must not cost all backups from before.
 */
function isRefuted({ createdAt, sequence }: Datable, all: readonly Datable[]): boolean {
  if (sequence === undefined) return false;
  const before = new Set<number>();
  for (const later of all) {
    if (later.sequence === undefined || later.sequence <= sequence) continue;
    const day = dayNumberOf(later.createdAt);
    if (day < dayNumberOf(createdAt)) before.add(day);
  }
  return before.size >= REFUTED_BY_DAYS;
}

/** That was made last: by its sequence, where there is one. */
function lastOf(newestFirst: readonly Datable[]): Datable | undefined {
  return newestFirst.reduce<Datable | undefined>(
    (last, one) => (last === undefined || (one.sequence ?? 0) > (last.sequence ?? 0) ? one : last),
    undefined,
  );
}

const EPOCH_MONDAY_MS = days(4); // 1970-01-05

const dayNumberOf = (at: number): number => Math.floor(at / days(1));
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const weekOf = (at: number): string => String(Math.floor((at - EPOCH_MONDAY_MS) / days(7)));
const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);
