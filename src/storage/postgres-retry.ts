import { setTimeout as pause } from 'node:timers/promises';
import { isFault } from '../kernel/errors.ts';
import { storageFault } from './errors.ts';
import { isWorthRetrying } from './postgres-errors.ts';

/** Runs work again when another transaction was in its way. @throws STORAGE_BUSY when that goes on for too long */
export type Retry = <T>(work: () => Promise<T>) => Promise<T>;

const MAX_PAUSE_MS = 64;
const MAX_WAITING = 1_000;

/**
 * Second attempts stand in one queue and run one at a time, so that a crowd on one row thins out instead of colliding
 * anew. Against other processes the pauses grow, spread by the golden ratio, which needs no randomness.
 */
export function createRetry(maxAttempts: number): Retry {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let turn = 0;

  async function again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 2; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= maxAttempts || !isConflict(error)) throw error;
      }
      turn = (turn + 0.618_034) % 1;
      await pause(Math.min(2 ** (attempt - 2), MAX_PAUSE_MS) * (0.5 + turn));
    }
  }

  return async (work) => {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (waiting >= MAX_WAITING) throw storageFault('STORAGE_BUSY', {}, error);
    }
    waiting++;
    const mine = last.then(() => again(work)).finally(() => waiting--);
    last = mine.catch(() => undefined);
    return mine;
  };
}

const isConflict = (error: unknown): boolean => isFault(error) && isWorthRetrying(error);
