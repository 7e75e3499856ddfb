import type { Clock } from '../kernel/clock.ts';
import { seconds } from '../kernel/clock.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Bus } from './bus.ts';
import type { Storage } from './storage.ts';

/**
 * What was read from the database and has not changed since: dropped by whoever changes it, in every process, and as a
 * whole when word may have been missed. Where word can be lost without that, on a database that several processes share
 * or over a connection, it is at most a second old.
 */
export interface FreshCache<Value> {
  /** What is known now; `undefined` asks for `load`. */
  get(key: string): Value | undefined;
  /** Reads a value and keeps it, unless it is `undefined`: what isn't there fills no memory. */
  load<Read extends Value | undefined>(key: string, read: () => Promise<Read>): Promise<Read>;
  /**
   * To be called before a value is read by other means than `load`.
   *
   * @returns keeps what was read, unless something was dropped meanwhile: it may be what was dropped
   */
  reading(key: string): (value: Value) => void;
  /**
   * Belongs into the write that changes what is cached. This process forgets at once, for later work of the same write
   * or group, and again before whoever asked for the change is answered; the others hear of it then.
   *
   * @param key everything when it is left out
   */
  drop(tx: Tx, key?: string): void;
}

export interface FreshCacheDeps {
  readonly storage: Pick<Storage, 'dialect'>;
  /** Without one no other process is told, and each finds out within the second. */
  readonly bus?: Bus | undefined;
  /** Of the bus; no two caches of a process share one. */
  readonly topic: string;
  readonly clock: Clock;
  /** At most; then the oldest goes. */
  readonly maxEntries: number;
}

interface Entry<Value> {
  readonly value: Value;
  readonly readAt: number;
}

export function createFreshCache<Value>(deps: FreshCacheDeps): FreshCache<Value> {
  const { storage, bus, topic, clock, maxEntries } = deps;
  const entries = new Map<string, Entry<Value>>();
  // SQLite has one process, which misses nothing of what it does itself unless its own bus can.
  const canMiss = storage.dialect !== 'sqlite' || bus?.canLose === true;
  const maxAgeMs = canMiss ? seconds(1) : Number.POSITIVE_INFINITY;
  let drops = 0;

  const forget = (key: string | undefined): void => {
    drops++;
    if (key === undefined) entries.clear();
    else entries.delete(key);
  };
  bus?.subscribe(topic, (key) => forget(typeof key === 'string' ? key : undefined));
  bus?.onGap(() => forget(undefined));

  function reading(key: string): (value: Value) => void {
    const readAt = clock.now();
    const before = drops;
    return (value) => {
      if (drops !== before) return;
      entries.delete(key); // so that it is the youngest again
      entries.set(key, { value, readAt });
      if (entries.size > maxEntries) for (const oldest of entries.keys()) return void entries.delete(oldest);
    };
  }

  return {
    reading,
    get: (key) => {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const ageMs = clock.now() - entry.readAt;
      return ageMs >= 0 && ageMs <= maxAgeMs ? entry.value : undefined; // a clock that went back says nothing of age
    },
    load: async (key, read) => {
      const keep = reading(key);
      const value = await read();
      if (value !== undefined) keep(value);
      return value;
    },
    drop: (tx, key) => {
      forget(key);
      tx.afterCommit(() => {
        forget(key);
        void bus?.publish(topic, key ?? null).catch(() => undefined); // the others ask the database within a second
      });
    },
  };
}
