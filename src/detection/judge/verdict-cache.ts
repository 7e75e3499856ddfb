/** What was found out about a key before. */
export interface VerdictCache<V> {
  /** @returns undefined where it is not known */
  get(key: string): V | undefined;
  set(key: string, value: V): void;
}

/**
 * Keeps what is asked for again and again, by the whole key: two generations of at most `size` keys each, and of so many
 * characters in their keys. What was used since the last turn outlives the next one, so a flood of keys that come once
 * does not drive it out for long.
 */
export function createVerdictCache<V>(size: number, characters = Number.POSITIVE_INFINITY): VerdictCache<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();
  let left = characters;
  const set = (key: string, value: V): void => {
    if (young.size >= size || left < key.length) {
      old = young;
      young = new Map();
      left = characters;
    }
    left -= key.length;
    young.set(key, value);
  };
  return {
    set,
    get: (key) => {
      const known = young.get(key);
      if (known !== undefined) return known;
      const before = old.get(key);
      if (before !== undefined) set(key, before);
      return before;
    },
  };
}
