import { setImmediate as nextTurn } from 'node:timers/promises';

/** Items between two turns of the event loop: a few milliseconds of the dearest work of this room. */
const ITEMS_PER_TURN = 500;

/** Does `each` for every item in order, and lets other requests have their turn in between. Few items take no turn. */
export async function inTurns<T>(items: readonly T[], each: (item: T, index: number) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) await nextTurn();
    each(item, index);
  }
}
