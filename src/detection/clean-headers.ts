import { createVerdictCache } from './judge/verdict-cache.ts';

/** Headers in which nothing was found, of whatever route: a client sends the same ones with each request. */
export interface CleanHeaders {
  has(name: string, value: string): boolean;
  add(name: string, value: string): void;
}

/** Of each way, twice as many at most; what is longer is looked at each time. At most 13 MB in all. */
const MOST_VALUES = 2_000;
const MOST_CHARACTERS = 1_048_576;
const LONGEST = 2_048;
const SLOTS = 256;
/** What is no plain name is looked at itself. */
const PLAIN_NAME = /^[\w-]+$/;

/** By the whole value, for each way in which a header is walked and weighed. */
export function createCleanHeaders(): CleanHeaders {
  const [others, agents, cookies, credentials, keys] = [newShelf(), newShelf(), newShelf(), newShelf(), newShelf()];
  const shelfOf = (name: string): Shelf | undefined => {
    switch (name) {
      case 'user-agent':
        return agents;
      case 'cookie':
        return cookies;
      case 'authorization':
      case 'proxy-authorization':
        return credentials;
      case 'x-api-key':
        return keys;
      default:
        return PLAIN_NAME.test(name) ? others : undefined;
    }
  };
  return {
    has: (name, value) => value.length <= LONGEST && shelfOf(name)?.has(value) === true,
    add: (name, value) => {
      if (value.length <= LONGEST) shelfOf(name)?.add(value);
    },
  };
}

interface Shelf {
  has(value: string): boolean;
  add(value: string): void;
}

function newShelf(): Shelf {
  const known = createVerdictCache<true>(MOST_VALUES, MOST_CHARACTERS);
  // Before the Map, which hashes all of what each request brings anew, what was used last at the place that its length
  // and end name: one comparison. Another one there costs no more than the Map.
  const recent: (string | undefined)[] = Array.from({ length: SLOTS });
  return {
    has: (value) => {
      const slot = slotOf(value);
      if (recent[slot] === value) return true;
      if (known.get(value) === undefined) return false;
      recent[slot] = value;
      return true;
    },
    add: (value) => known.set(value, true),
  };
}

function slotOf(value: string): number {
  const { length } = value;
  const code = (back: number): number => (back > length ? 0 : value.charCodeAt(length - back));
  return (length ^ code(2) ^ (code(3) << 3) ^ (code(4) << 5)) & (SLOTS - 1);
}
