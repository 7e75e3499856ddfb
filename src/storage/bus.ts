import type { Json } from '../kernel/tx.ts';

/**
 * Word between processes that something changed, heard at once or not at all: nothing is kept for who isn't there.
 * Whoever builds state on it reads the store first, subscribes, reads the store again after each gap, and reads it from
 * time to time as well where the bus can lose.
 */
export interface Bus {
  /** Whether word can be lost before anybody knows of it: a connection lies in between. */
  readonly canLose: boolean;
  /**
   * Reaches the listeners of this process before it returns, those elsewhere within moments.
   *
   * @throws STORAGE_UNAVAILABLE when it could not be sent to the other processes
   */
  publish(topic: string, message: Json): Promise<void>;
  /** @returns what ends it */
  subscribe(topic: string, listener: (message: Json) => void): () => void;
  /** False while messages of other processes may be missed. */
  healthy(): boolean;
  /**
   * Where threads share the bus: hears, before it returns, all that any of them has published before the call. To be
   * called before a request is decided on; it costs nothing where nothing is new.
   */
  settle?(): void;
  /** Grows when messages may have been missed: a connection was lost and found again, or somebody called `miss`. */
  gaps(): number;
  /** @param listener hears of each gap, and has to read again what it built on the bus. @returns what ends it */
  onGap(listener: () => void): () => void;
  /**
   * Makes a gap, here and in every thread that shares the bus: to be called where a change may stand in the store of
   * which nobody was told.
   */
  miss(): void;
  close(): Promise<void>;
}

/** The bus of a single process. */
export function createMemoryBus(onError: (error: unknown) => void = () => undefined): Bus {
  const listeners = createListeners(onError);
  const gaps = createGaps(onError);
  let open = true;
  return {
    canLose: false,
    publish: async (topic, message) => listeners.tell(topic, copyOf(message)),
    subscribe: listeners.add,
    healthy: () => open,
    gaps: gaps.count,
    onGap: gaps.add,
    miss: gaps.tell,
    close: async () => {
      open = false;
      listeners.clear();
      gaps.clear();
    },
  };
}

/** A listener gets the message as another process would: its own copy, changed by nobody. */
export const copyOf = (message: Json): Json => JSON.parse(JSON.stringify(message)) as Json; // JSON stays JSON

/** Who listens to what in this process. */
export interface Listeners {
  add(topic: string, listener: (message: Json) => void): () => void;
  tell(topic: string, message: Json): void;
  topics(): readonly string[];
  clear(): void;
}

/** @param onError hears of a listener that threw; the others are told all the same */
export function createListeners(onError: (error: unknown) => void): Listeners {
  const byTopic = new Map<string, Set<(message: Json) => void>>();
  return {
    add: (topic, listener) => {
      const entry = (message: Json): void => listener(message); // the same function may subscribe twice
      const entries = byTopic.get(topic) ?? new Set();
      byTopic.set(topic, entries.add(entry));
      return () => {
        entries.delete(entry);
        if (entries.size === 0 && byTopic.get(topic) === entries) byTopic.delete(topic);
      };
    },
    tell: (topic, message) => {
      for (const entry of [...(byTopic.get(topic) ?? [])]) {
        try {
          entry(message);
        } catch (error) {
          onError(error);
        }
      }
    },
    topics: () => [...byTopic.keys()],
    clear: () => byTopic.clear(),
  };
}

/** How often word may have been missed, and who has to know. */
export interface Gaps {
  count(): number;
  add(listener: () => void): () => void;
  tell(): void;
  clear(): void;
}

/** @param onError hears of a listener that threw; the others are told all the same */
export function createGaps(onError: (error: unknown) => void): Gaps {
  const listeners = createListeners(onError);
  let count = 0;
  return {
    count: () => count,
    add: (listener) => listeners.add('gap', listener),
    tell: () => {
      count++;
      listeners.tell('gap', null);
    },
    clear: listeners.clear,
  };
}
