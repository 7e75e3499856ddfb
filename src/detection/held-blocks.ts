import type { EpochMs } from '../kernel/brand.ts';
import { type Block, isOver, SUSPECT_KINDS, type SuspectKind } from './block.ts';

/** The blocks in force, in the memory of this process: asked on every request. */
export interface HeldBlocks {
  /** The block of an address block, key, person or device, which may be over. */
  get(kind: SuspectKind, value: string): Block | undefined;
  /** How many of a kind there are, those that are over among them. */
  count(kind: SuspectKind): number;
  /**
   * Takes in a block, unless it is known to be lifted or a newer one of its value is here. One that is stored goes
   * before one that is not, as long as it is in force.
   */
  keep(block: Block): void;
  /** Lets go of a block for good: a late word that it is there is not believed. */
  lift(block: Pick<Block, 'id' | 'kind' | 'value'>): void;
  /** Those that no database has, the newest first. */
  unstored(now: EpochMs): readonly Block[];
  /** All of a kind, those that are over among them. */
  of(kind: SuspectKind): readonly Block[];
  /** Drops what has run out. */
  forget(now: EpochMs): void;
}

const MAX_LIFTED = 10_000;

/** @param max of each kind, so that a flood of addresses pushes out no key; when there are more, those that end last stay */
export function createHeldBlocks(max = 100_000): HeldBlocks {
  const held = { address: newShelf(), 'api-key': newShelf(), person: newShelf(), device: newShelf() };
  const shelves = SUSPECT_KINDS.map((kind) => held[kind]);
  const lifted = new Set<string>(); // in the order in which they were lifted
  const slack = Math.ceil(max / 32); // making room means looking at all, so it is done for many at once

  return {
    // Without blocks not even a hash of the value is made.
    get: (kind, value) => (held[kind].size === 0 ? undefined : held[kind].get(value)),
    count: (kind) => held[kind].size,
    keep: (block) => {
      const shelf = held[block.kind];
      const known = shelf.get(block.value);
      if (lifted.has(block.id) || (known !== undefined && goesBefore(known, block))) return;
      shelf.set(block.value, block);
      if (shelf.size > max + slack) makeRoom(shelf, max);
    },
    lift: ({ id, kind, value }) => {
      if (held[kind].get(value)?.id === id) held[kind].delete(value);
      lifted.add(id);
      if (lifted.size <= MAX_LIFTED) return;
      for (const oldest of lifted) {
        lifted.delete(oldest);
        return;
      }
    },
    unstored: (now) => {
      const own = shelves.flatMap((shelf) => [...shelf.values()].filter((one) => !one.stored && !isOver(one, now)));
      return own.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    },
    of: (kind) => [...held[kind].values()],
    forget: (now) => {
      for (const shelf of shelves) for (const [value, block] of shelf) if (isOver(block, now)) shelf.delete(value);
    },
  };
}

function goesBefore(known: Block, block: Block): boolean {
  if (known.stored !== block.stored) return known.stored && endOf(known) > block.createdAt;
  return known.createdAt > block.createdAt;
}

type Shelf = Map<string, Block>;

const newShelf = (): Shelf => new Map();

function makeRoom(shelf: Shelf, max: number): void {
  const ends = Float64Array.from(shelf.values(), endOf).sort();
  const bound = ends[shelf.size - max] ?? Number.NEGATIVE_INFINITY;
  for (const [value, block] of shelf) if (endOf(block) < bound) shelf.delete(value);
  for (const [value, block] of shelf) {
    if (shelf.size <= max) return;
    if (endOf(block) === bound) shelf.delete(value);
  }
}

const endOf = ({ endsAt }: Block): number => endsAt ?? Number.POSITIVE_INFINITY;
