/** So many takes at once, and after them one more every `windowMs / count`. */
export interface Limit {
  /** At least 1. */
  readonly count: number;
  readonly windowMs: number;
}

/** What became of one take. */
export interface Taken {
  readonly allowed: boolean;
  /** How many more would be allowed at this moment. */
  readonly remaining: number;
  /** 0 where it was allowed; otherwise the time after which one take is. */
  readonly retryAfterMs: number;
}

/**
 * State that is quick, shared between processes where Redis carries it, and may be lost at any moment: counters of
 * limits, marks of what was seen, caches. What must be kept belongs into the storage.
 *
 * Cells and keys may be of any length and may hold secrets: they are digested before they leave the process. Values
 * are stored as they are.
 *
 * @throws STORAGE_UNAVAILABLE from every method once Redis doesn't answer within 500 ms, STORAGE_FULL when it is full
 */
export interface HotState {
  /** Counts one take against a cell, by the generic cell rate algorithm: exact also when many arrive at once. */
  take(cell: string, limit: Limit): Taken | Promise<Taken>;
  /** @returns true for the first caller within `ttlMs`, false for all others */
  claim(key: string, ttlMs: number): Promise<boolean>;
  /** Shares its keys with `claim` and overwrites whatever stands there. */
  put(key: string, value: string, ttlMs: number): Promise<void>;
  get(key: string): Promise<string | undefined>;
  /** Makes a key free again. */
  forget(key: string): Promise<void>;
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** A limit in whole microseconds, in which both drivers count. */
export interface Pace {
  /** Between two takes once the burst is spent; rounded up, so that a limit is never exceeded. */
  readonly stepUs: number;
  readonly burstUs: number;
}

/** @throws TypeError for a count or window that is not a positive integer */
export function paceOf({ count, windowMs }: Limit): Pace {
  if (!isPositive(count) || !isPositive(windowMs)) throw new TypeError('a limit needs a count and a window above 0');
  const stepUs = Math.ceil((windowMs * 1_000) / count);
  return { stepUs, burstUs: stepUs * count };
}

/** @throws TypeError for a time to live that is not a positive integer */
export function assertTtl(ttlMs: number): void {
  if (!isPositive(ttlMs)) throw new TypeError('a time to live must be above 0');
}

const isPositive = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
