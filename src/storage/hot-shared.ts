import type { Clock } from '../kernel/clock.ts';
import {
  assertLimit,
  assertTakes,
  type HotState,
  type HotValues,
  type Limit,
  type Take,
  type Taken,
  type TakenAll,
  takenAllOf,
} from './hot-state.ts';
import { type HotTable, openHotTable } from './hot-table.ts';
import { clearCell, settle, takeSettled, undoNewest } from './hot-window.ts';

export interface SharedHotStateOptions {
  readonly clock: Clock;
  /** What `sharedHotBuffer` returned, the same in each thread. */
  readonly buffer: SharedArrayBuffer;
  /** Strings have no place in the buffer: a port to the thread that keeps them. */
  readonly values: HotValues;
}

/**
 * Hot state of the threads of one process. When a bucket of 16 cells is full the ended go first, then whatever was
 * touched longest ago: a cell that is under attack is touched all the time and stays.
 */
export function createSharedHotState({ clock, buffer, values }: SharedHotStateOptions): HotState {
  const table = openHotTable(buffer);

  return {
    take: (cell, limit): Taken => {
      assertLimit(limit);
      const bucket = table.bucketOf(cell);
      const token = table.lock(bucket);
      try {
        return takeLocked(table, bucket, cell, limit, clock.now());
      } finally {
        table.unlock(bucket, token);
      }
    },
    takeAll: (takes) => {
      assertTakes(takes);
      const buckets = takes.map(({ cell }) => table.bucketOf(cell));
      return holding(table, buckets, () => takeAllLocked(table, buckets, takes, clock.now()));
    },
    giveBack: (cell, limit) => {
      assertLimit(limit);
      const bucket = table.bucketOf(cell);
      holding(table, [bucket], () => giveBackLocked(table, bucket, cell, limit, clock.now()));
    },
    reset: (cell) => {
      const bucket = table.bucketOf(cell);
      holding(table, [bucket], () => {
        const place = table.find(bucket, cell);
        if (place !== undefined) clearCell(place);
      });
    },
    claim: (key, ttlMs) => values.claim(key, ttlMs),
    put: (key, value, ttlMs) => values.put(key, value, ttlMs),
    get: (key) => values.get(key),
    forget: (key) => values.forget(key),
    probe: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** The time is read under the lock, so that it doesn't go back from one thread to the next. */
function takeLocked(table: HotTable, bucket: number, cell: string, limit: Limit, now: number): Taken {
  const place = table.claim(bucket, cell, now);
  return takeSettled(place, limit, settle(place, limit.windowMs, now), now);
}

function giveBackLocked(table: HotTable, bucket: number, cell: string, limit: Limit, now: number): void {
  const place = table.find(bucket, cell);
  if (place === undefined) return;
  settle(place, limit.windowMs, now);
  undoNewest(place);
}

function takeAllLocked(table: HotTable, buckets: readonly number[], takes: readonly Take[], now: number): TakenAll {
  const all = takenAllOf(takes.map(({ cell, limit }, nth) => takeLocked(table, buckets[nth] ?? 0, cell, limit, now)));
  if (all.allowed) return all;
  for (const [nth, { cell, limit }] of takes.entries()) {
    if (all.taken[nth]?.allowed) giveBackLocked(table, buckets[nth] ?? 0, cell, limit, now);
  }
  return all;
}

/** Locks in the order of the places, so that two threads never wait for each other. */
function holding<Result>(table: HotTable, buckets: readonly number[], work: () => Result): Result {
  const places = [...new Set(buckets)].sort((a, b) => a - b);
  const tokens = places.map(table.lock);
  try {
    return work();
  } finally {
    for (const [nth, place] of places.entries()) table.unlock(place, tokens[nth] ?? 0);
  }
}
