import type { HotState, Limit, Take } from './hot-state.ts';

type Undoing = Pick<HotState, 'giveBack' | 'reset'>;

/** What was undone while the shared hot state was away, so that it can be undone there afterwards. */
export interface Missed {
  /** Counted here alone: when one of them is given back there is nothing to give back there. */
  took(takes: readonly Take[]): void;
  gaveBack(cell: string, limit: Limit): void;
  reset(cell: string): void;
  /** Tells the shared one; the first two hundred go out before this returns. */
  tell(shared: Undoing): Promise<void>;
  /** Forgets what was counted here alone: from now on both count. */
  forgetTakes(): void;
}

interface Balance {
  readonly limit: Limit;
  /** Takes that were made here alone; below 0, those of the shared one that are to be given back. */
  made: number;
}

const MAX_CELLS = 10_000; // of each sort; what comes further is not told, and so refused sooner than it need be
const MAX_CELL_CHARS = 512;
const MAX_OWED = 100; // of one cell
const AT_ONCE = 200;

export function createMissed(): Missed {
  const balances = new Map<string, Balance>();
  const resets = new Set<string>();

  const isTooMuch = ({ size }: { readonly size: number }, cell: string): boolean =>
    size >= MAX_CELLS || cell.length > MAX_CELL_CHARS;

  /** None is let go to make room: what is given back of it later may have been taken here alone. */
  function change(cell: string, limit: Limit, by: number): void {
    const least = resets.has(cell) ? 0 : -MAX_OWED; // nothing is left there to give back
    const there = balances.get(cell);
    if (there !== undefined) there.made = Math.max(there.made + by, least);
    else if (!isTooMuch(balances, cell)) balances.set(cell, { limit, made: Math.max(by, least) });
  }

  /** A reset may be told twice, and is kept until it was heard; a take must not be given back twice. */
  function owedTo(shared: Undoing): readonly (() => Promise<void>)[] {
    const owed = [...resets].map((cell) => async () => {
      await shared.reset(cell);
      resets.delete(cell);
    });
    for (const [cell, { limit, made }] of balances) {
      if (made >= 0) continue;
      balances.delete(cell);
      for (let times = made; times < 0; times++) owed.push(async () => shared.giveBack(cell, limit));
    }
    return owed;
  }

  return {
    took: (takes) => {
      for (const { cell, limit } of takes) change(cell, limit, 1);
    },
    gaveBack: (cell, limit) => change(cell, limit, -1),
    reset: (cell) => {
      if (!resets.has(cell) && isTooMuch(resets, cell)) return;
      resets.add(cell);
      balances.delete(cell);
    },
    tell: async (shared) => {
      const owed = owedTo(shared);
      for (let from = 0; from < owed.length; from += AT_ONCE)
        await Promise.all(owed.slice(from, from + AT_ONCE).map((tell) => tell()));
    },
    forgetTakes: () => balances.clear(),
  };
}
