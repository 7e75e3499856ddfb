import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import type { HeldBlocks } from './held-blocks.ts';
import { blockStore } from './store.ts';

export interface FeedDeps {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly held: HeldBlocks;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps the blocks in memory as they are in the database: a word on the bus makes every process read what changed, and
 * where others write too, each reads twice a second besides, so that a lost word costs half a second.
 *
 * A process that can't read goes on with the blocks that it has. A list that is late lets nobody in who lacks a
 * credential, and five failures at this very process block all the same; refusing everybody would stop the service for
 * a list that is almost always empty.
 */
export interface BlockFeed {
  /** Reads all that is in force, then listens. @throws STORAGE_UNAVAILABLE */
  start(): Promise<void>;
  /** Tells the other processes that something changed. */
  tell(): void;
  stop(): Promise<void>;
}

const TOPIC = 'detection.blocks';
const POLL_MS = 500;
const OVERLAP_MS = minutes(1); // clocks differ, and a time is drawn before its commit
const FORGET_MS = minutes(10);
const MAX_READ = 100_000;

export function createBlockFeed({ storage, bus, clock, random, held, onError }: FeedDeps): BlockFeed {
  const self = newUuid(clock, random);
  const shared = storage.dialect !== 'sqlite'; // there, other threads of this process write at most, and say so
  let readAt: EpochMs = clock.now();
  let reading: Promise<void> | undefined;
  let again = false;
  let undo: (() => void)[] = [];

  async function readChanged(): Promise<void> {
    const now = clock.now();
    const since = Math.max(0, readAt - OVERLAP_MS);
    const blocks = await storage.read(platform, (tx) => blockStore.changed(tx, since, MAX_READ));
    for (const { id, value, liftedAt } of blocks) if (liftedAt !== undefined) held.lift(id, value);
    for (const block of blocks) if (block.liftedAt === undefined) held.keep(block);
    readAt = now;
  }

  /** One read at a time, however many ask for it. */
  function catchUp(): void {
    if (reading !== undefined) {
      again = true; // what is being read may be older than the word that came just now
      return;
    }
    reading = readChanged()
      .catch(onError)
      .finally(() => {
        reading = undefined;
        if (!again) return;
        again = false;
        catchUp();
      });
  }

  return {
    start: async () => {
      const leave = bus.subscribe(TOPIC, (from) => from !== self && catchUp());
      undo = [leave];
      const now = clock.now();
      const blocks = await storage.read(platform, (tx) => blockStore.inForce(tx, now, MAX_READ));
      for (const block of blocks) held.keep(block);
      readAt = now;
      const timers = [setInterval(() => held.forget(clock.now()), FORGET_MS).unref()];
      if (shared) timers.push(setInterval(() => reading ?? catchUp(), POLL_MS).unref());
      for (const timer of timers) undo.push(() => clearInterval(timer));
    },
    tell: () => {
      bus.publish(TOPIC, self).catch(() => undefined); // the others read the database within half a second anyway
    },
    stop: async () => {
      for (const step of undo) step();
      again = false;
      await reading;
    },
  };
}
