import { hash } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { assertTtl, type HotState, paceOf, type Taken } from './hot-state.ts';

export interface MemoryHotStateOptions {
  readonly clock: Clock;
  /** How many cells and how many keys are held at most, each. Default 100,000. */
  readonly maxCells?: number | undefined;
}

/**
 * Hot state of one process. When it is full the expired go first, then whatever was touched longest ago: a cell that
 * is under attack is touched all the time and stays.
 */
export function createMemoryHotState({ clock, maxCells = 100_000 }: MemoryHotStateOptions): HotState {
  const arrivals = createCells<number>(maxCells); // the theoretical arrival time of each cell, in microseconds
  const values = createCells<string>(maxCells);

  return {
    take: (cell, limit): Taken => {
      const { stepUs, burstUs } = paceOf(limit);
      const now = clock.now();
      const nowUs = now * 1_000;
      const key = keyOf(cell);
      const heldUs = Math.min(arrivals.get(key, now) ?? 0, nowUs + burstUs); // also after the clock was set back
      const nextUs = Math.max(heldUs, nowUs) + stepUs;
      const waitUs = nextUs - nowUs - burstUs;
      arrivals.set(key, waitUs > 0 ? heldUs : nextUs, (waitUs > 0 ? heldUs : nextUs) / 1_000, now);
      if (waitUs > 0) return { allowed: false, remaining: 0, retryAfterMs: Math.ceil(waitUs / 1_000) };
      return { allowed: true, remaining: Math.floor((nowUs + burstUs - nextUs) / stepUs), retryAfterMs: 0 };
    },
    claim: async (key, ttlMs) => {
      assertTtl(ttlMs);
      const now = clock.now();
      const name = keyOf(key);
      if (values.get(name, now) !== undefined) return false;
      values.set(name, '', now + ttlMs, now);
      return true;
    },
    put: async (key, value, ttlMs) => {
      assertTtl(ttlMs);
      const now = clock.now();
      values.set(keyOf(key), value, now + ttlMs, now);
    },
    get: async (key) => values.get(keyOf(key), clock.now()),
    forget: async (key) => values.delete(keyOf(key)),
    probe: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

const MAX_NAME = 64;

/** Callers name cells after what clients send, so a long name must not cost memory. */
const keyOf = (name: string): string => (name.length > MAX_NAME ? hash('sha256', name, 'base64url') : name);

interface Cells<Value> {
  get(name: string, now: number): Value | undefined;
  /** Also counts as a touch. */
  set(name: string, value: Value, until: number, now: number): void;
  delete(name: string): void;
}

function createCells<Value>(maxCells: number): Cells<Value> {
  const cells = new Map<string, { readonly value: Value; readonly until: number }>(); // in the order of the touches
  const batch = Math.ceil(maxCells / 64); // a Map walks over all that was deleted before its first entry
  let rounds = 0;

  const makeRoom = (now: number): void => {
    // A sweep costs as much as there are cells, so a flood of new names pays for one only every so often.
    if (rounds++ % 8 === 0) for (const [name, { until }] of cells) if (until <= now) cells.delete(name);
    let surplus = cells.size - maxCells + batch;
    for (const oldest of cells.keys()) {
      if (surplus-- <= 0) return;
      cells.delete(oldest);
    }
  };

  return {
    get: (name, now) => {
      const cell = cells.get(name);
      return cell === undefined || cell.until <= now ? undefined : cell.value;
    },
    set: (name, value, until, now) => {
      if (!cells.delete(name) && cells.size >= maxCells) makeRoom(now);
      cells.set(name, { value, until });
    },
    delete: (name) => void cells.delete(name),
  };
}
