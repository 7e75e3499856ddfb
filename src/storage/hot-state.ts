/** At most `count` takes in any interval of `windowMs`. */
export interface Limit {
  /** 1 to 33,554,431. */
  readonly count: number;
  /** 1 to a hundred years. */
  readonly windowMs: number;
}

/** What became of one take. */
export interface Taken {
  readonly allowed: boolean;
  /** How many more would be allowed at this moment. */
  readonly remaining: number;
  /** 0 where it was allowed; otherwise the time after which one take is, if nobody else takes it. */
  readonly retryAfterMs: number;
  /** Until the cell is wholly free again. */
  readonly resetMs: number;
}

export interface Take {
  readonly cell: string;
  readonly limit: Limit;
}

/** What became of several takes, of which all are counted or none. */
export interface TakenAll {
  readonly allowed: boolean;
  /** Where they were allowed the one with the fewest remaining, otherwise the one with the longest wait. */
  readonly tightest: number;
  /** In the order of the takes; after a refusal it says of the others what they would have come to. */
  readonly taken: readonly Taken[];
}

/**
 * State that is quick, shared between processes where Redis carries it, and may be lost at any moment: counters of
 * limits, marks of what was seen, caches. What must be kept belongs into the storage.
 *
 * Takes are counted in a window that slides in steps of a sixtieth: in no interval of `windowMs` are more than `count`
 * allowed, a flood gets exactly `count`, and a take is free again at the latest `windowMs + windowMs / 60` after it was
 * made. A refused one is not counted.
 *
 * Cells and keys may be of any length and may hold secrets: they are digested before they leave the process. Values
 * are stored as they are.
 *
 * @throws STORAGE_UNAVAILABLE from every method once Redis doesn't answer within 500 ms, STORAGE_FULL when it is full
 */
export interface HotState {
  /** Counts one take against a cell. @throws TypeError for a limit that makes no sense */
  take(cell: string, limit: Limit): Taken | Promise<Taken>;
  /** Counts 1 to 16 takes or, when one of their cells is full, none; nothing comes between them. */
  takeAll(takes: readonly Take[]): TakenAll | Promise<TakenAll>;
  /**
   * Undoes the newest take of a cell. Where others were made since, it is theirs that goes and the older one that
   * stays, so theirs is free again earlier by the time between the two.
   */
  giveBack(cell: string, limit: Limit): void | Promise<void>;
  /** Forgets all takes of a cell. */
  reset(cell: string): void | Promise<void>;
  /** @returns true for the first caller within `ttlMs`, false for all others */
  claim(key: string, ttlMs: number): Promise<boolean>;
  /** Shares its keys with `claim` and overwrites whatever stands there. */
  put(key: string, value: string, ttlMs: number): Promise<void>;
  get(key: string): Promise<string | undefined>;
  /** Makes a key free again. */
  forget(key: string): Promise<void>;
  probe(): Promise<void>;
  /** The version of the server that it is kept in, where that is another program. */
  server?(): Promise<string>;
  /** When the way to that program last broke, by `performance.now()`: it may have come back empty. */
  lostAt?(): number | undefined;
  close(): Promise<void>;
}

/** What holds strings; between threads only one of them does. */
export type HotValues = Pick<HotState, 'claim' | 'put' | 'get' | 'forget'>;

const MAX_COUNT = 2 ** 25 - 1; // beside a count a run holds seven bits of its slot
const MAX_WINDOW_MS = 36_525 * 86_400_000;
const MAX_TAKES = 16;

/** @throws TypeError for a count or window out of bounds */
export function assertLimit({ count, windowMs }: Limit): void {
  if (!isPositive(count) || count > MAX_COUNT || !isPositive(windowMs) || windowMs > MAX_WINDOW_MS) {
    throw new TypeError('a limit needs a count of 1 to 33,554,431 and a window of 1 ms to a hundred years');
  }
}

/** @throws TypeError for none, too many, or one whose limit makes no sense */
export function assertTakes(takes: readonly Take[]): void {
  if (takes.length === 0 || takes.length > MAX_TAKES) throw new TypeError('1 to 16 takes can be made at once');
  for (const { limit } of takes) assertLimit(limit);
}

/** @throws TypeError for a time to live that is not a positive integer */
export function assertTtl(ttlMs: number): void {
  if (!isPositive(ttlMs)) throw new TypeError('a time to live must be above 0');
}

/** Finds the tightest of several takes. */
export function takenAllOf(taken: readonly Taken[]): TakenAll {
  const allowed = taken.every((one) => one.allowed);
  let tightest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, { remaining, retryAfterMs }] of taken.entries()) {
    const left = allowed ? remaining : -retryAfterMs;
    if (left >= least) continue;
    least = left;
    tightest = index;
  }
  return { allowed, tightest, taken };
}

const isPositive = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
