import type { EpochMs } from '../kernel/brand.ts';
import { type Block, isOver } from './block.ts';

/** The blocks in force, in the memory of this process: asked on every request. */
export interface HeldBlocks {
  /** The block of a value, which may be over. */
  get(value: string): Block | undefined;
  /** Takes in a block, unless it is known to be lifted or a newer one of its value is here. */
  keep(block: Block): void;
  /** Lets go of a block for good: a late word that it is there is not believed. */
  lift(id: string, value: string): void;
  /** Those that this process alone knows of, the newest first. */
  unstored(now: EpochMs): readonly Block[];
  /** Drops what has run out. */
  forget(now: EpochMs): void;
}

const MAX_LIFTED = 10_000;

/** @param max when there are more, those that end last stay */
export function createHeldBlocks(max = 100_000): HeldBlocks {
  const held = new Map<string, Block>();
  const lifted = new Set<string>(); // in the order in which they were lifted
  const slack = Math.ceil(max / 32); // making room means looking at all, so it is done for many at once

  function makeRoom(): void {
    const ends = Float64Array.from(held.values(), endOf).sort();
    const bound = ends[held.size - max] ?? Number.NEGATIVE_INFINITY;
    for (const [value, block] of held) if (endOf(block) < bound) held.delete(value);
    for (const [value, block] of held) {
      if (held.size <= max) return;
      if (endOf(block) === bound) held.delete(value);
    }
  }

  return {
    get: (value) => (held.size === 0 ? undefined : held.get(value)), // without blocks not even a hash of it is made
    keep: (block) => {
      const known = held.get(block.value);
      if (lifted.has(block.id) || (known !== undefined && known.createdAt > block.createdAt)) return;
      held.set(block.value, block);
      if (held.size > max + slack) makeRoom();
    },
    lift: (id, value) => {
      if (held.get(value)?.id === id) held.delete(value);
      lifted.add(id);
      if (lifted.size <= MAX_LIFTED) return;
      for (const oldest of lifted) {
        lifted.delete(oldest);
        return;
      }
    },
    unstored: (now) => [...held.values()].filter((block) => !block.stored && !isOver(block, now)).reverse(),
    forget: (now) => {
      for (const [value, block] of held) if (isOver(block, now)) held.delete(value);
    },
  };
}

const endOf = ({ endsAt }: Block): number => endsAt ?? Number.POSITIVE_INFINITY;
