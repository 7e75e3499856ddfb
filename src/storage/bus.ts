import type { Json } from '../kernel/tx.ts';

/**
 * Word between processes that something changed, heard at once or not at all: nothing is kept for who isn't there.
 * Whoever builds state on it reads the store first, subscribes, and reads the store again when `gaps` has grown.
 */
export interface Bus {
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
  /** How many times a connection was lost and found again: grows when messages may have been missed. */
  gaps(): number;
  close(): Promise<void>;
}

/** The bus of a single process. */
export function createMemoryBus(onError: (error: unknown) => void = () => undefined): Bus {
  const listeners = createListeners(onError);
  let open = true;
  return {
    publish: async (topic, message) => listeners.tell(topic, copyOf(message)),
    subscribe: listeners.add,
    healthy: () => open,
    gaps: () => 0,
    close: async () => {
      open = false;
      listeners.clear();
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
