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
 * a gap in it, all. Where a word can be lost, each reads twice a second besides, so that it costs half a second.
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
  // On SQLite other threads of this process write at most, and say so on a bus that loses nothing without a word.
  const canMiss = storage.dialect !== 'sqlite' || bus.canLose;
  let readAt: EpochMs = clock.now();
  let reading: Promise<void> | undefined;
  let again = false;
  let behind = false; // what was asked for last could not be read
  let missed = false; // words may be missing that no read of what changed of late makes up for
  let undo: (() => void)[] = [];

  async function readChanged(): Promise<void> {
    const now = clock.now();
    const since = Math.max(0, readAt - OVERLAP_MS);
    const all = missed;
    missed = false;
    behind = true;
    try {
      const blocks = await storage.read(platform, async (tx) => [
        ...(all ? await blockStore.inForce(tx, now, MAX_READ) : []),
        ...(await blockStore.changed(tx, since, MAX_READ)),
      ]);
      for (const { id, value, liftedAt } of blocks) if (liftedAt !== undefined) held.lift(id, value);
      for (const block of blocks) if (block.liftedAt === undefined) held.keep(block);
      readAt = now;
      behind = false;
    } finally {
      missed ||= all && behind;
    }
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
      const leaveGaps = bus.onGap(() => {
        missed = true;
        catchUp();
      });
      undo = [leave, leaveGaps];
      const now = clock.now();
      const blocks = await storage.read(platform, (tx) => blockStore.inForce(tx, now, MAX_READ));
      for (const block of blocks) held.keep(block);
      readAt = now;
      const timers = [
        setInterval(() => held.forget(clock.now()), FORGET_MS).unref(),
        setInterval(() => (canMiss || behind) && reading === undefined && catchUp(), POLL_MS).unref(),
      ];
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
