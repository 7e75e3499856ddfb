import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { type Block, isOver, SUSPECT_KINDS, type SuspectKind } from './block.ts';
import { type BlockWord, readWord, wordOf } from './block-wire.ts';
import type { HeldBlocks } from './held-blocks.ts';
import { blockStore } from './store.ts';

export interface FeedDeps {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly held: HeldBlocks;
  /** Those of this process that wait for the database: told again where words were lost. */
  readonly waiting: () => Iterable<Block>;
  /** Somebody was let in again elsewhere. */
  readonly onLifted: (kind: SuspectKind, value: string) => void;
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
  /** Tells them a block that could not be stored: it holds everywhere, and is listed and lifted everywhere. */
  tellHeld(block: Block): void;
  /** Tells them whom they must let in, also where the database knows of no block. */
  tellLifted(kind: SuspectKind, value: string): void;
  stop(): Promise<void>;
}

const TOPIC = 'detection.blocks';
const POLL_MS = 500;
const OVERLAP_MS = minutes(1); // longer than any write takes from drawing its mark to its commit
const FORGET_MS = minutes(10);
const MAX_READ = 100_000;

export function createBlockFeed(deps: FeedDeps): BlockFeed {
  const { storage, bus, clock, random, held, onError } = deps;
  const self = newUuid(clock, random);
  // On SQLite other threads of this process write at most, and say so on a bus that loses nothing without a word.
  const canMiss = storage.dialect !== 'sqlite' || bus.canLose;
  // Marks of changes are held against marks alone, never against a clock: those of nodes may differ by days.
  let since = 0;
  let next = { at: clock.now(), mark: 0, isFirst: true };
  let reading: Promise<void> | undefined;
  let again = false;
  let behind = false; // what was asked for last could not be read
  let missed = false; // words may be missing that no read of what changed of late makes up for
  let undo: (() => void)[] = [];

  /** What was written by the time of a mark may be committed for a while after it. */
  function pass(mark: number): void {
    const now = clock.now();
    since = Math.min(since, mark); // those who were pruned may have had the highest
    if (now - next.at < OVERLAP_MS && now >= next.at) return;
    if (next.isFirst) missed = true; // of what was on its way at the start nothing is known
    since = next.mark;
    next = { at: now, mark, isFirst: false };
  }

  async function readChanged(): Promise<void> {
    const now = clock.now();
    const all = missed;
    missed = false;
    behind = true;
    const known = all ? SUSPECT_KINDS.flatMap((kind) => held.of(kind)) : [];
    try {
      const read = await storage.read(platform, async (tx) => ({
        mark: await blockStore.highest(tx),
        all: all ? await blockStore.inForce(tx, now, MAX_READ) : undefined,
        changed: await blockStore.changed(tx, since, MAX_READ),
      }));
      if (read.all !== undefined) dropEnded(known, read.all, now);
      const blocks = [...(read.all ?? []), ...read.changed];
      for (const block of blocks) if (block.liftedAt !== undefined) held.lift(block);
      for (const block of blocks) if (block.liftedAt === undefined) held.keep(block);
      pass(read.mark);
      behind = false;
    } finally {
      missed ||= all && behind;
    }
  }

  /** What was known before all were read, and is not among them, was lifted without a word. */
  function dropEnded(known: readonly Block[], there: readonly Block[], now: EpochMs): void {
    if (there.length >= MAX_READ) return;
    const ids = new Set(there.map(({ id }) => id));
    for (const block of known) if (block.stored && !isOver(block, now) && !ids.has(block.id)) held.lift(block);
  }

  function hear(message: Json): void {
    const { from, said } = readWord(message);
    if (from === self) return;
    if (said.what === 'held') held.keep(said.block);
    else if (said.what === 'lifted') deps.onLifted(said.kind, said.value);
    else catchUp();
  }

  const say = (said: BlockWord): void => {
    bus.publish(TOPIC, wordOf(self, said)).catch(() => undefined); // the others read the database twice a second anyway
  };

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
      const leave = bus.subscribe(TOPIC, hear);
      const leaveGaps = bus.onGap(() => {
        missed = true;
        catchUp();
        for (const block of deps.waiting()) say({ what: 'held', block });
      });
      undo = [leave, leaveGaps];
      const now = clock.now();
      const read = await storage.read(platform, async (tx) => ({
        mark: await blockStore.highest(tx),
        blocks: await blockStore.inForce(tx, now, MAX_READ),
      }));
      for (const block of read.blocks) held.keep(block);
      since = read.mark;
      next = { at: now, mark: read.mark, isFirst: true };
      const timers = [
        setInterval(() => held.forget(clock.now()), FORGET_MS).unref(),
        setInterval(() => (canMiss || behind) && reading === undefined && catchUp(), POLL_MS).unref(),
      ];
      for (const timer of timers) undo.push(() => clearInterval(timer));
    },
    tell: () => say({ what: 'changed' }),
    tellHeld: (block) => say({ what: 'held', block }),
    tellLifted: (kind, value) => say({ what: 'lifted', kind, value }),
    stop: async () => {
      for (const step of undo) step();
      again = false;
      await reading;
    },
  };
}
