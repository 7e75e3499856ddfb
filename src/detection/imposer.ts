import { type Clock, days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Block, BlockWish, SuspectKind, Target } from './block.ts';

export interface ImposerDeps {
  /** @returns the block that is there afterwards, this one or an earlier one */
  readonly store: (actor: Actor, wish: BlockWish) => Promise<Block>;
  /** Blocks in memory, and stores it later where it is told to. */
  readonly hold: (actor: Actor, wish: BlockWish, later: boolean) => Block;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Rows, audit entries and messages that whoever holds many addresses can make us write in a day; of each kind. */
const MAX_STORED_PER_DAY = 20_000;

/**
 * Blocks that nobody asked for: many at once on one value are one write. What can't be stored, because the database
 * is away or an attacker has made us write enough today, is held in memory: a guesser must not gain by either. The
 * former is stored as soon as the database answers.
 */
export function createImposer({ store, hold, clock, onError }: ImposerDeps) {
  const running = new Map<string, Promise<Block>>();
  let start = clock.now();
  const stored = new Map<SuspectKind, number>(); // apart, so that a flood of addresses leaves keys and people theirs

  const mayStore = (kind: SuspectKind): boolean => {
    const now = clock.now();
    if (now - start >= days(1)) {
      start = now;
      stored.clear();
    }
    const count = (stored.get(kind) ?? 0) + 1;
    stored.set(kind, count);
    return count <= MAX_STORED_PER_DAY;
  };

  async function impose(actor: Actor, wish: BlockWish): Promise<Block> {
    if (!mayStore(wish.kind)) return hold(actor, wish, false);
    try {
      return await store(actor, wish);
    } catch (error) {
      onError(error);
      return hold(actor, wish, true);
    }
  }

  /** @param target whom the wish is about */
  return ({ kind, value }: Target, actor: Actor, wish: BlockWish): Promise<Block> => {
    const key = `${kind} ${value}`;
    const there = running.get(key);
    if (there !== undefined) return there;
    const done = impose(actor, wish).finally(() => running.delete(key));
    running.set(key, done);
    return done;
  };
}
