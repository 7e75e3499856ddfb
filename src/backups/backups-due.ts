import type { EpochMs } from '../kernel/brand.ts';
import { hours, minutes } from '../kernel/clock.ts';
import type { Backup } from './store.ts';

/** After a failure nothing is tried again before. */
export const RETRY_MS = hours(1);

/** Clocks of machines that share a database differ by less than this. */
const SKEW_MS = minutes(1);

/** Said by a clock that was wrong then, or is now: nothing can be told by it. */
export const isFuture = (at: number, now: EpochMs): boolean => at - now > SKEW_MS;

/** Those whose files are there and were whole when they were read last. @param rows the newest first */
export const soundOf = (rows: readonly Backup[], present: ReadonlySet<string>): readonly Backup[] =>
  rows.filter(({ state, file, flaw }) => state === 'made' && flaw === undefined && present.has(file));

/** Whether a backup should be made now. @param rows of the list, the newest first */
export function isBackupDue(
  rows: readonly Backup[],
  present: ReadonlySet<string>,
  now: EpochMs,
  everyMs: number,
): boolean {
  const failed = rows.filter(({ state, kind }) => state === 'failed' && kind === 'schedule');
  const triedAt = lastOf(failed, ({ createdAt }) => createdAt, now);
  if (now - triedAt < Math.min(RETRY_MS, everyMs)) return false;
  const newest = rows.find(({ state }) => state === 'made');
  if (newest?.flaw !== undefined) return true; // what was to be relied on is not there
  if (newest !== undefined && isFuture(newest.createdAt, now)) return true;
  return now - lastOf(soundOf(rows, present), ({ createdAt }) => createdAt, now) >= everyMs;
}

/** Whether the newest backup should be restored for trial now. */
export function isDrillDue(
  rows: readonly Backup[],
  present: ReadonlySet<string>,
  now: EpochMs,
  everyMs: number,
): boolean {
  if (!rows.some(({ state, file }) => state === 'made' && present.has(file))) return false;
  return now - lastOf(rows, ({ drilledAt }) => drilledAt, now) >= everyMs;
}

/** The last of the times that are not in the future; 0 where there is none. */
function lastOf(rows: readonly Backup[], timeOf: (row: Backup) => number | undefined, now: EpochMs): number {
  return rows.reduce((last, row) => {
    const at = timeOf(row) ?? 0;
    return isFuture(at, now) ? last : Math.max(last, at);
  }, 0);
}
