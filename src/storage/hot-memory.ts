import type { Clock } from '../kernel/clock.ts';
import { createCells, keyOf } from './hot-cells.ts';
import {
  assertLimit,
  assertTakes,
  assertTtl,
  type HotState,
  type Limit,
  type Taken,
  type TakenAll,
  takenAllOf,
} from './hot-state.ts';
import {
  type CellPlace,
  endOfCell,
  HEADER_INTS,
  isCrowded,
  MAX_RUNS,
  moveCell,
  settle,
  takeSettled,
  undoNewest,
} from './hot-window.ts';

export interface MemoryHotStateOptions {
  readonly clock: Clock;
  /** How many cells and how many keys are held at most, each. Default 100,000. */
  readonly maxCells?: number | undefined;
}

/** A cell begins with room for so many runs, which fits into 64 bytes, and grows when its takes are spread wider. */
const FEW_RUNS = 10;

/**
 * Hot state of one process. When it is full the expired go first, then whatever was touched longest ago: a cell that
 * is under attack is touched all the time and stays.
 */
export function createMemoryHotState({ clock, maxCells = 100_000 }: MemoryHotStateOptions): HotState {
  const counts = createCells<CellPlace>(maxCells);
  const values = createCells<string>(maxCells);

  const take = (cell: string, limit: Limit, now: number): Taken => {
    const name = keyOf(cell);
    let place = counts.get(name, now) ?? newPlace(FEW_RUNS);
    const slot = settle(place, limit.windowMs, now);
    if (isCrowded(place)) place = grown(place);
    const taken = takeSettled(place, limit, slot, now);
    counts.set(name, place, now + taken.resetMs, now);
    return taken;
  };

  const giveBack = (cell: string, limit: Limit): void => {
    assertLimit(limit);
    const now = clock.now();
    const name = keyOf(cell);
    const place = counts.get(name, now);
    if (place === undefined) return;
    settle(place, limit.windowMs, now);
    undoNewest(place);
    counts.set(name, place, endOfCell(place), now);
  };

  return {
    take: (cell, limit) => {
      assertLimit(limit);
      return take(cell, limit, clock.now());
    },
    takeAll: (takes): TakenAll => {
      assertTakes(takes);
      const now = clock.now();
      const all = takenAllOf(takes.map(({ cell, limit }) => take(cell, limit, now)));
      if (!all.allowed) {
        for (const [index, { cell, limit }] of takes.entries()) if (all.taken[index]?.allowed) giveBack(cell, limit);
      }
      return all;
    },
    giveBack,
    reset: (cell) => counts.delete(keyOf(cell)),
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

const newPlace = (runs: number): CellPlace => ({ ints: new Int32Array(HEADER_INTS + runs), base: 0, runs });

function grown(place: CellPlace): CellPlace {
  if (place.runs === MAX_RUNS) return place;
  const wider = newPlace(MAX_RUNS);
  moveCell(place, wider);
  return wider;
}
