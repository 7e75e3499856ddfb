import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import { type Clock, hours, minutes, seconds } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SessionConfig } from './config.ts';
import { endStore, type LiveCount, type TallyRow } from './store-ends.ts';
import type { Tally } from './use.ts';

/** The sessions of a tenant in numbers. */
export interface SessionAnalytics {
  readonly at: EpochMs;
  readonly live: number;
  /** Of these, used within the last five minutes. */
  readonly active: number;
  readonly byProfile: Readonly<Record<string, number>>;
  /** `desktop`, `mobile`, `tablet`, `program`, `unknown`. */
  readonly byDevice: Readonly<Record<string, number>>;
  /** The last 24 hours and the one that runs, the oldest first. */
  readonly hours: readonly HourOfSessions[];
}

export interface HourOfSessions extends Readonly<Record<Tally, number>> {
  readonly from: EpochMs;
}

export interface AnalyticsDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly config: SessionConfig;
}

const KEPT_MS = seconds(5); // the live ones are counted one by one
const MOST_KEPT = 100;
const ACTIVE_MS = minutes(5);
const HOURS = 24;

export function createAnalytics({ storage, clock, config }: AnalyticsDeps) {
  const kept = new Map<TenantId, { at: EpochMs; answer: Promise<SessionAnalytics> }>();

  async function count(tenant: TenantId, now: EpochMs): Promise<SessionAnalytics> {
    const firstHour = Math.floor(now / hours(1)) - HOURS;
    const times = { now, idle_ms: config.idleMs, since: now - ACTIVE_MS };
    const [live, tallies] = await storage.read(
      platform,
      async (tx) => [await endStore.live(tx, tenant, times), await endStore.tally(tx, tenant, firstHour)] as const,
    );
    return {
      at: now,
      live: sumOf(live, ({ count: many }) => many),
      active: sumOf(live, ({ active }) => active),
      byProfile: sumsBy(live, ({ profile }) => profile),
      byDevice: sumsBy(live, ({ kind }) => kind),
      hours: hoursOf(firstHour, tallies),
    };
  }

  /** @returns numbers that are at most five seconds old */
  return function analytics(tenant: TenantId): Promise<SessionAnalytics> {
    const now = clock.now();
    const held = kept.get(tenant);
    if (held !== undefined && now >= held.at && now - held.at < KEPT_MS) return held.answer;
    const answer = count(tenant, now);
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(tenant, { at: now, answer });
    answer.catch(() => kept.delete(tenant));
    return answer;
  };
}

const sumOf = (rows: readonly LiveCount[], of: (row: LiveCount) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0);

function sumsBy(rows: readonly LiveCount[], by: (row: LiveCount) => string): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(by(row), (sums.get(by(row)) ?? 0) + row.count);
  return Object.fromEntries(sums);
}

function hoursOf(first: number, tallies: readonly TallyRow[]): readonly HourOfSessions[] {
  const counts = new Map(tallies.map(({ hour, what, count }) => [`${hour} ${what}`, count]));
  return Array.from({ length: HOURS + 1 }, (_, index) => {
    const hour = first + index;
    const of = (what: Tally): number => counts.get(`${hour} ${what}`) ?? 0;
    const [started, ended] = [of('started'), of('ended')];
    return { from: epochMs(hour * hours(1)), started, ended, refused: of('refused'), suspicious: of('suspicious') };
  });
}
