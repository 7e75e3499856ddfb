import { type Clock, days, hours } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { sessionStore } from './store.ts';
import { deviceStore } from './store-devices.ts';
import { endStore } from './store-ends.ts';

export interface PruneDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly sweep: () => Promise<void>;
}

const BATCH = 1_000;
const MOST_BATCHES = 200; // the rest goes the next time, so that no turn is without end
const SESSION_KEPT_MS = days(7);
const DEVICE_KEPT_MS = days(400); // as long as its cookie
const TALLY_KEPT_HOURS = 24 * 31;

/** Forgets what is of no use any more, in batches that others get between. */
export function createPrune({ storage, clock, sweep }: PruneDeps): () => Promise<void> {
  return async () => {
    const now = clock.now();
    await sweep();
    await storage.write(platform, (tx) => sessionStore.pruneRevocations(tx, now));
    await storage.write(platform, (tx) => endStore.pruneTally(tx, Math.floor(now / hours(1)) - TALLY_KEPT_HOURS));
    await inBatches((most) => storage.write(platform, (tx) => sessionStore.prune(tx, now - SESSION_KEPT_MS, most)));
    await inBatches((most) => storage.write(platform, (tx) => deviceStore.prune(tx, now - DEVICE_KEPT_MS, most)));
  };
}

/** @param batch removes about so many. @returns whether there are more */
async function inBatches(batch: (most: number) => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < MOST_BATCHES; turn++) if (!(await batch(BATCH))) return;
}
