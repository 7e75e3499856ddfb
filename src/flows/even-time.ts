import { isFault } from '../kernel/errors.ts';

export interface EvenTimeDeps {
  /** Milliseconds with fractions, of a clock that is never set. */
  readonly elapsed: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** No answer comes sooner, from the first on: longer than the slowest password hash in use needs. Default 400. */
  readonly leastMs?: number | undefined;
  /** What the dearest hash that was met needs, where that is more: one that is from before it was looked at. */
  readonly dearestMs?: (() => number) | undefined;
}

/**
 * Answers that take the same time whatever they found, so that no clock tells which names exist, which are disabled, or
 * how their passwords are hashed. What is learned of the load is bounded: nobody can make others wait for longer than two
 * seconds, or than twice the least where that is more. What is known of hashes is not forgotten.
 */
export interface EvenTime {
  /** Answers, good or bad, no sooner than the slowest of that kind lately took. @param kind one of a few fixed names */
  even<T>(kind: string, work: () => Promise<T>): Promise<T>;
  /**
   * As `even`, of refusals alone: what went well says so itself, and need not wait.
   *
   * @param times How often the work is done by the wish of whoever asks: it has a floor of its own, so many times as high.
   */
  evenRefusals<T>(kind: string, work: () => Promise<T>, times?: number): Promise<T>;
}

/** What is known of one kind. */
interface Floor {
  ms: number;
  at: number;
}

const LEAST_MS = 400;
const MOST_MS = 2_000;
const HALF_LIFE_MS = 6 * 3_600_000; // a quiet night must not make the first answer of the morning tell anything
const MOST_KINDS = 64;
const MOST_WAITS = 8; // time that stands still must not hold an answer for ever

/** A lack of ours tells of nobody, and what is counted is counted before anybody is looked for: neither need wait. */
const AT_ONCE: ReadonlySet<string> = new Set(['unavailable', 'limited']);

/** One answer that hung for another reason must not slow down all that follow: the floor rises by steps. */
const stepAbove = (ms: number): number => ms * 1.5 + 25;

export function createEvenTime(deps: EvenTimeDeps): EvenTime {
  const { elapsed, wait, leastMs = LEAST_MS, dearestMs = () => 0 } = deps;
  const floors = new Map<string, Floor>();

  function floorOf(kind: string, now: number, least: number): Floor {
    const known = floors.get(kind);
    if (known !== undefined) {
      const ms = Math.max(least, known.ms * 0.5 ** ((now - known.at) / HALF_LIFE_MS));
      Object.assign(known, { ms, at: now });
      return known;
    }
    if (floors.size >= MOST_KINDS) throw new TypeError('kinds of answers are few and fixed');
    const made = { ms: least, at: now };
    floors.set(kind, made);
    return made;
  }

  /** Waits until an answer that was begun at `from` is no sooner than the others. */
  async function settle(kind: string, from: number, times = 1): Promise<void> {
    const now = elapsed();
    const least = Math.max(leastMs, dearestMs()) * times;
    const floor = floorOf(times === 1 ? kind : `${kind} ${times}`, now, least);
    const took = now - from;
    if (took > floor.ms) floor.ms = Math.min(took, stepAbove(floor.ms), Math.max(MOST_MS, 2 * least));
    // Timers are rounded, and one that fires early by a fraction would tell it.
    let left = floor.ms - took;
    for (let waits = 0; left > 0 && waits < MOST_WAITS; waits++) {
      await wait(Math.ceil(left));
      left = floor.ms - (elapsed() - from);
    }
  }

  async function evenRefusals<T>(kind: string, work: () => Promise<T>, times?: number): Promise<T> {
    const from = elapsed();
    try {
      return await work();
    } catch (error) {
      if (isFault(error) && !AT_ONCE.has(error.kind)) await settle(kind, from, times);
      throw error;
    }
  }

  return {
    evenRefusals,
    even: async (kind, work) => {
      const from = elapsed();
      const done = await evenRefusals(kind, work);
      await settle(kind, from);
      return done;
    },
  };
}
