import { setTimeout as pause } from 'node:timers/promises';
import { minutes, seconds } from '../kernel/clock.ts';
import type { Storage } from '../storage/index.ts';

/** Takes the bytes of destroyed keys off the disk: a database keeps what was deleted in its files for a while. */
export interface Scrubbing {
  /**
   * Resolves when they are gone; after some seconds in any case, for the key itself is destroyed already. Until then it
   * is tried again.
   */
  now(): Promise<void>;
  /** The same in a moment, for however many were destroyed until then. */
  soon(): void;
}

export interface ScrubbingDeps {
  readonly storage: Pick<Storage, 'scrub'>;
  /** Hears that it could not be done in all the tries. */
  readonly onError: (error: unknown) => void;
}

/** Every table that holds wrapped keys of tenants and people. */
const TABLES = ['vault_data_key', 'vault_named_key'] as const;
const SOON_MS = seconds(2);
const PAUSES_MS = [100, 200, 400, 800, 1_600]; // while somebody waits; most readers are done by then
const LATER_MS = seconds(30);
const MOST_LATER_MS = minutes(30);
const MOST_TRIES = 60; // more than a day: a backup that reads for longer is none

export function createScrubbing({ storage, onError }: ScrubbingDeps): Scrubbing {
  let running: Promise<boolean> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isSoon = false;

  /** @returns whether nothing is left: somebody may still read a state in which the keys were there */
  async function attempt(): Promise<boolean> {
    while (running !== undefined) await running.catch(() => undefined); // it may have begun before the last destruction
    running = storage.scrub(TABLES).finally(() => {
      running = undefined;
    });
    return running;
  }

  function later(ms: number, tries: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void tryAgain(tries), ms).unref();
  }

  async function tryAgain(tries: number): Promise<void> {
    timer = undefined;
    isSoon = false;
    let failure: unknown = new Error('destroyed keys are still on the disk: somebody reads an older state');
    try {
      if (await attempt()) return;
    } catch (error) {
      failure = error;
    }
    if (tries >= MOST_TRIES) onError(failure);
    else if (timer === undefined) later(Math.min(LATER_MS * 2 ** tries, MOST_LATER_MS), tries + 1);
  }

  return {
    now: async () => {
      for (const ms of PAUSES_MS) {
        if (await attempt().catch(() => false)) return;
        await pause(ms);
      }
      if (!isSoon) later(LATER_MS, 1);
    },
    soon: () => {
      if (isSoon) return;
      isSoon = true;
      later(SOON_MS, 0);
    },
  };
}
