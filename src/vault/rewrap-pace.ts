import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises';

/** How fast a long piece of work may go on beside requests: how much at a time, and how long it rests in between. */
export interface Pace {
  /** How many rows to take next. */
  rows(): number;
  /** Notes for how long so many rows have held the event loop. */
  spent(rows: number, ms: number): void;
  /** Notes how long a write had to wait for its turn behind others. */
  waited(ms: number): void;
  /** Lets others have their turn: at once where there are none, else for longer than it has worked. */
  rest(): Promise<void>;
}

/** For so long a stretch of rows may hold the event loop, and with it everybody. */
const MOST_MS = { urgent: 8, alone: 4, beside: 2 } as const;
const BESIDE_MS = 0.4; // whoever waits longer than this for a turn is not alone
const REST_PER_WORK = 2;
const REST_PER_WAIT = 8;
const LONGEST_REST_MS = 100;
const FEWEST_ROWS = 16;

/** @param urgent whether it goes on at full speed in any case: a leaked key is worse than slow answers */
export function createPace(options: { readonly mostRows: number; readonly urgent: () => boolean }): Pace {
  const { mostRows, urgent } = options;
  let msPerRow = MOST_MS.alone / 128;
  let strain = 0;
  let worked = 0;
  const mood = (): keyof typeof MOST_MS => (urgent() ? 'urgent' : strain > BESIDE_MS ? 'beside' : 'alone');
  const feel = (ms: number): void => {
    strain = (strain * 3 + ms) / 4;
  };
  return {
    rows: () => Math.max(FEWEST_ROWS, Math.min(Math.floor(MOST_MS[mood()] / msPerRow), mostRows)),
    spent: (rows, ms) => {
      worked += ms;
      if (rows > 0) msPerRow = Math.max((msPerRow * 3 + ms / rows) / 4, 0.000_1);
    },
    waited: feel,
    rest: async () => {
      const before = performance.now();
      await immediate();
      feel(performance.now() - before);
      const restMs = Math.min(Math.max(worked * REST_PER_WORK, strain * REST_PER_WAIT), LONGEST_REST_MS);
      worked = 0;
      if (mood() === 'beside') await pause(restMs);
    },
  };
}
