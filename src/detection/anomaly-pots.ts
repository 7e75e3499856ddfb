import { type Clock, days } from '../kernel/clock.ts';

/** Past what is written: known of, so that it is told and counted once. */
export interface Unwritten {
  /** Told again once it is twice as much. */
  nextAt: number;
  lastAt: number;
}

/** What goes on among principals of one kind. */
export interface Pot<Going> {
  readonly going: Map<string, Going>;
  readonly unwritten: Map<string, Unwritten>;
  /** Whether one more is written. Counts it. */
  mayWrite(): boolean;
}

export interface Pots<Going> {
  /** @param name `api-key:…` and the like */
  of(name: string): Pot<Going>;
  all(): Iterable<Pot<Going>>;
}

const MOST_GOING = 1_000; // past it they are counted, and told to suspicion, but not written one by one
const MOST_PER_DAY = 20_000;
const MOST_UNWRITTEN = 20_000;

/** One for each kind of principal, so that a flood of addresses leaves people and keys theirs. */
export function createPots<Going>(clock: Clock): Pots<Going> {
  const pots = new Map<string, Pot<Going>>();
  return {
    of: (name) => {
      const kind = name.slice(0, name.indexOf(':'));
      const there = pots.get(kind);
      if (there !== undefined) return there;
      const made = createPot<Going>(clock);
      pots.set(kind, made);
      return made;
    },
    all: () => pots.values(),
  };
}

function createPot<Going>(clock: Clock): Pot<Going> {
  const going = new Map<string, Going>();
  let day = { start: clock.now(), written: 0 };
  return {
    going,
    unwritten: new Map(),
    mayWrite: () => {
      const now = clock.now();
      if (Math.abs(now - day.start) >= days(1)) day = { start: now, written: 0 };
      return going.size < MOST_GOING && ++day.written <= MOST_PER_DAY;
    },
  };
}

/** Remembers one that is not written; the oldest is forgotten where there are too many. */
export function keepUnwritten({ unwritten }: Pick<Pot<unknown>, 'unwritten'>, key: string, one: Unwritten): void {
  if (unwritten.size >= MOST_UNWRITTEN) for (const oldest of unwritten.keys()) if (unwritten.delete(oldest)) break;
  unwritten.set(key, one);
}
