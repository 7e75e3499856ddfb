import type { EpochMs } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import type { BackupConfig } from './config.ts';

/** What retention needs to know of a backup. */
export interface Datable {
  readonly id: string;
  readonly createdAt: EpochMs;
  /** Restored for trial, with success. */
  readonly proven: boolean;
}

type Policy = Pick<BackupConfig, 'keepDaily' | 'keepWeekly' | 'keepMonthly'>;

/**
 * The backups that stay: the newest of each of the last days, weeks and months that have one, in UTC, weeks from
 * Monday. The newest of all stays under every policy, and so does the newest that is known to restore.
 *
 * @param backups those that are there, in any order
 */
export function keptOf(backups: readonly Datable[], policy: Policy): ReadonlySet<string> {
  const newestFirst = [...backups].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const kept = new Set<string>();
  const keep = (backup: Datable | undefined): void => void (backup !== undefined && kept.add(backup.id));
  keep(newestFirst[0]);
  keep(newestFirst.find(({ proven }) => proven));
  const spans = [
    [policy.keepDaily, dayOf],
    [policy.keepWeekly, weekOf],
    [policy.keepMonthly, monthOf],
  ] as const;
  for (const [count, spanOf] of spans) {
    const seen = new Set<string>();
    for (const backup of newestFirst) {
      const span = spanOf(backup.createdAt);
      if (seen.has(span)) continue;
      if (seen.size === count) break;
      seen.add(span);
      keep(backup);
    }
  }
  return kept;
}

const EPOCH_MONDAY_MS = days(4); // 1970-01-05

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const weekOf = (at: number): string => String(Math.floor((at - EPOCH_MONDAY_MS) / days(7)));
const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);
