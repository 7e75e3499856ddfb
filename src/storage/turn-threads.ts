/**
 * Whose turn it is to write, among the threads of one process that each have a writing connection to the same SQLite
 * file. SQLite's own lock would be waited for asleep, with the event loop stopped.
 */
export interface Turn {
  /** @returns nothing where the turn was free; otherwise it is this thread's once the promise resolves */
  take(): Promise<void> | undefined;
  give(): void;
  /** After a failed sync nobody knows what is on the disk: no thread acknowledges anything more. */
  condemn(): void;
  condemned(): boolean;
}

/** The turn as the thread sees it that ends the others. */
export interface TurnWatch {
  /** @returns who has the turn, and for how long it was seen there without a break: since the first call that saw it */
  held(): { readonly seat: number; readonly ms: number } | undefined;
  /** Frees what a thread held that has ended; SQLite has rolled its transaction back by then. */
  release(seat: number): void;
}

const HOLDER = 0;
const PROMISED = 1; // the seat that is next, after it was overtaken too often
const GIVEN = 2; // counts how often the turn was given back
const CONDEMNED = 3;
const WORDS = 4;
const OVERTAKEN = 3;
const LAPSE_MS = 200; // a turn that is promised and not taken is anybody's again: who was next may hang
const LOOK_AGAIN_MS = 100; // should who was woken be gone before it could take its turn

export const turnMemory = (): SharedArrayBuffer => new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);

/** @param seat of this thread: above 0, and nobody else's */
export function createTurn(memory: SharedArrayBuffer, seat: number): Turn {
  const words = new Int32Array(memory);

  function tryTake(): boolean {
    const promised = Atomics.load(words, PROMISED);
    if (promised !== 0 && promised !== seat) return false;
    if (Atomics.compareExchange(words, HOLDER, 0, seat) !== 0) return false;
    Atomics.compareExchange(words, PROMISED, seat, 0);
    return true;
  }

  async function waitForTurn(): Promise<void> {
    let [givenBefore, since] = [Atomics.load(words, GIVEN), performance.now()];
    for (let overtaken = 0; ; overtaken++) {
      const given = Atomics.load(words, GIVEN);
      if (tryTake()) return;
      if (given !== givenBefore) [givenBefore, since] = [given, performance.now()];
      else if (performance.now() - since > LAPSE_MS) lapse(words, seat);
      if (overtaken >= OVERTAKEN) Atomics.compareExchange(words, PROMISED, 0, seat);
      await untilChanged(words, given);
    }
  }

  return {
    take: () => (tryTake() ? undefined : waitForTurn()),
    give: () => {
      Atomics.store(words, HOLDER, 0);
      announce(words);
    },
    condemn: () => void Atomics.store(words, CONDEMNED, 1),
    condemned: () => Atomics.load(words, CONDEMNED) !== 0,
  };
}

/** Takes a promise back that was not taken up. */
function lapse(words: Int32Array, seat: number): void {
  const promised = Atomics.load(words, PROMISED);
  if (promised === 0 || promised === seat || Atomics.load(words, HOLDER) !== 0) return;
  if (Atomics.compareExchange(words, PROMISED, promised, 0) === promised) announce(words);
}

async function untilChanged(words: Int32Array<SharedArrayBuffer>, given: number): Promise<void> {
  const change = Atomics.waitAsync(words, GIVEN, given, LOOK_AGAIN_MS);
  if (!change.async) return;
  const awake = setTimeout(() => undefined, LOOK_AGAIN_MS); // a thread that waits for its turn alone must not end
  await change.value;
  clearTimeout(awake);
}

function announce(words: Int32Array): void {
  Atomics.add(words, GIVEN, 1);
  // One is enough, for it wakes the next; where the turn is promised, only that one may take it.
  Atomics.notify(words, GIVEN, Atomics.load(words, PROMISED) === 0 ? 1 : undefined);
}

export function watchTurn(memory: SharedArrayBuffer): TurnWatch {
  const words = new Int32Array(memory);
  let seen = { holder: 0, given: 0, at: 0 };
  return {
    held: () => {
      const [holder, given, now] = [Atomics.load(words, HOLDER), Atomics.load(words, GIVEN), performance.now()];
      if (holder !== seen.holder || given !== seen.given) seen = { holder, given, at: now };
      return holder === 0 ? undefined : { seat: holder, ms: now - seen.at };
    },
    release: (seat) => {
      Atomics.compareExchange(words, PROMISED, seat, 0);
      if (Atomics.compareExchange(words, HOLDER, seat, 0) === seat || Atomics.load(words, HOLDER) === 0)
        announce(words);
    },
  };
}
