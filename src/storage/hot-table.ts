/**
 * A table of limit cells in memory that several threads share. A name belongs into one bucket of 16 cells by its
 * digest, and whoever holds the lock of the bucket may read and write all of it.
 *
 * Ints of the header: a mark, how many threads opened it, the seed of the digests. Ints of a bucket: its lock, how often
 * its cells were touched, the digests, the touch at which each was touched last, the cells.
 */
import type { Random } from '../kernel/random.ts';
import { keyOf } from './hot-cells.ts';
import { type Digest, digestName } from './hot-digest.ts';
import { type CellPlace, endOfCell, HEADER_INTS, MAX_RUNS, repair } from './hot-window.ts';

const MARK = 0x74_6b_68_31;
const THREADS = 1;
const SEED = 2;
const FIRST_BUCKET = 4;

const WAYS = 16;
const TOUCHES = 1;
const DIGESTS = 2;
const TOUCHED = DIGESTS + 2 * WAYS;
const CELLS = TOUCHED + WAYS;
const CELL_INTS = HEADER_INTS + MAX_RUNS;
const BUCKET_INTS = CELLS + WAYS * CELL_INTS;

const MAX_CELLS = 2 ** 20;

/** Tries before a thread sleeps for a millisecond, and sleeps before it takes the lock from one that doesn't move. */
const SPINS = 200;
const SLEEPS = 100;

/**
 * Memory for at least `cells` cells, 285 bytes each, empty. The workers get the same buffer by `workerData`.
 *
 * @throws TypeError for less than one or more than 1,048,576
 */
export function sharedHotBuffer(cells: number, random: Random): SharedArrayBuffer {
  if (!Number.isInteger(cells) || cells < 1 || cells > MAX_CELLS) throw new TypeError(`1 to ${MAX_CELLS} cells`);
  const ints = new Int32Array(new SharedArrayBuffer(4 * (FIRST_BUCKET + Math.ceil(cells / WAYS) * BUCKET_INTS)));
  const seed = random.bytes(8);
  ints.set([MARK, 0, seed.readInt32LE(0), seed.readInt32LE(4)]);
  return ints.buffer;
}

export interface HotTable {
  /** The bucket of a name. */
  bucketOf(name: string): number;
  /** Waits for the lock of a bucket. @returns what `unlock` wants */
  lock(bucket: number): number;
  unlock(bucket: number, token: number): void;
  /** The cell of a name in its locked bucket, if it has one. */
  find(bucket: number, name: string): CellPlace | undefined;
  /** The same; a name that has none gets one that is empty or ended, or the one that was longest untouched. */
  claim(bucket: number, name: string, now: number): CellPlace;
}

/** @throws TypeError for a buffer that `sharedHotBuffer` didn't make */
export function openHotTable(buffer: SharedArrayBuffer): HotTable {
  const ints = new Int32Array(buffer);
  const buckets = (ints.length - FIRST_BUCKET) / BUCKET_INTS;
  if (ints[0] !== MARK || !Number.isInteger(buckets)) throw new TypeError('the buffer holds no table of limits');
  const at = (index: number): number => ints[index] ?? 0;
  const key = { low: at(SEED), high: at(SEED + 1) };
  const digest: Digest = { low: 0, high: 0 };
  const place = { ints, base: 0, runs: MAX_RUNS }; // one for all, so that a take allocates nothing
  const locks = createLocks(ints);

  let digested: string | undefined;
  const digestOf = (name: string): void => {
    if (name === digested) return; // the second of the two times that a take asks
    digested = name;
    digestName(key, keyOf(name), digest);
    if (digest.low === 0 && digest.high === 0) digest.low = 1; // 0 is a cell that nobody has
  };

  const placeAt = (bucket: number, way: number): CellPlace => {
    const touch = at(bucket + TOUCHES) + 1;
    ints[bucket + TOUCHES] = touch;
    ints[bucket + TOUCHED + way] = touch;
    place.base = bucket + CELLS + way * CELL_INTS;
    return place;
  };

  const find = (bucket: number, name: string): CellPlace | undefined => {
    digestOf(name);
    for (let way = 0; way < WAYS; way++) {
      const index = bucket + DIGESTS + 2 * way;
      if (ints[index] === digest.low && ints[index + 1] === digest.high) return placeAt(bucket, way);
    }
    return undefined;
  };

  const oldestOf = (bucket: number, now: number): number => {
    let oldest = 0;
    let longest = -1;
    for (let way = 0; way < WAYS; way++) {
      place.base = bucket + CELLS + way * CELL_INTS;
      if (endOfCell(place) <= now) return way;
      const untouched = (at(bucket + TOUCHES) - at(bucket + TOUCHED + way)) | 0; // right also after 2^31 touches
      if (untouched <= longest) continue;
      longest = untouched;
      oldest = way;
    }
    return oldest;
  };

  return {
    bucketOf: (name) => {
      digestOf(name);
      return FIRST_BUCKET + ((digest.high >>> 0) % buckets) * BUCKET_INTS;
    },
    lock: (bucket) => {
      const token = locks.lock(bucket);
      if (locks.stole()) repairBucket(place, bucket);
      return token;
    },
    unlock: locks.unlock,
    find,
    claim: (bucket, name, now) => {
      const found = find(bucket, name);
      if (found !== undefined) return found;
      const way = oldestOf(bucket, now);
      const fresh = placeAt(bucket, way);
      ints.fill(0, fresh.base, fresh.base + HEADER_INTS);
      ints[bucket + DIGESTS + 2 * way] = digest.low;
      ints[bucket + DIGESTS + 2 * way + 1] = digest.high;
      return fresh;
    },
  };
}

function repairBucket(place: { base: number } & CellPlace, bucket: number): void {
  for (let way = 0; way < WAYS; way++) {
    place.base = bucket + CELLS + way * CELL_INTS;
    repair(place);
  }
}

interface Locks {
  lock(index: number): number;
  unlock(index: number, token: number): void;
  /** Whether the last lock was taken from another thread. */
  stole(): boolean;
}

/**
 * Locks that end with their thread. Each holding has a token of its own, so one that stays for a tenth of a second is
 * that of a thread that was ended, for a bucket is held for a microsecond: it is taken over. Should that thread only
 * have slept, a few takes go uncounted.
 */
function createLocks(ints: Int32Array): Locks {
  const thread = (Atomics.add(ints, THREADS, 1) & 0x7ff) << 20;
  let holdings = 0;
  let stole = false;

  const wait = (index: number, token: number): void => {
    let stuck = 0;
    let sleeps = 0;
    for (let tries = 0; ; tries++) {
      const holder = Atomics.compareExchange(ints, index, 0, token);
      if (holder === 0) return;
      if (tries < SPINS) continue;
      sleeps = holder === stuck ? sleeps + 1 : 0;
      stuck = holder;
      if (sleeps >= SLEEPS && Atomics.compareExchange(ints, index, stuck, token) === stuck) {
        stole = true;
        return;
      }
      Atomics.wait(ints, index, holder, 1);
    }
  };

  return {
    lock: (index) => {
      holdings = (holdings % 0xf_ffff) + 1;
      const token = thread | holdings;
      stole = false;
      if (Atomics.compareExchange(ints, index, 0, token) !== 0) wait(index, token);
      return token;
    },
    unlock: (index, token) => void Atomics.compareExchange(ints, index, token, 0),
    stole: () => stole,
  };
}
