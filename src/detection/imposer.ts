import { type Clock, days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Block, BlockWish } from './block.ts';

export interface ImposerDeps {
  /** @returns the block that is there afterwards, this one or an earlier one */
  readonly store: (actor: Actor, wish: BlockWish) => Promise<Block>;
  /** Blocks in the memory of this process alone. */
  readonly hold: (actor: Actor, wish: BlockWish) => Block;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Rows, audit entries and messages that whoever holds many addresses can make us write in a day. */
const MAX_STORED_PER_DAY = 20_000;

/**
 * Blocks that nobody asked for: many at once on one value are one write. What can't be stored, because the database
 * is away or an attacker has made us write enough today, is held in memory: a guesser must not gain by either.
 */
export function createImposer({ store, hold, clock, onError }: ImposerDeps) {
  const running = new Map<string, Promise<Block>>();
  let day = { start: clock.now(), stored: 0 };

  const mayStore = (): boolean => {
    const now = clock.now();
    if (now - day.start >= days(1)) day = { start: now, stored: 0 };
    return ++day.stored <= MAX_STORED_PER_DAY;
  };

  async function impose(actor: Actor, wish: BlockWish): Promise<Block> {
    if (!mayStore()) return hold(actor, wish);
    try {
      return await store(actor, wish);
    } catch (error) {
      onError(error);
      return hold(actor, wish);
    }
  }

  /** @param value the address block that the wish is about */
  return (value: string, actor: Actor, wish: BlockWish): Promise<Block> => {
    const there = running.get(value);
    if (there !== undefined) return there;
    const done = impose(actor, wish).finally(() => running.delete(value));
    running.set(value, done);
    return done;
  };
}
