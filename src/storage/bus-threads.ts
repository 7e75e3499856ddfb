import { BroadcastChannel, receiveMessageOnPort } from 'node:worker_threads';
import type { Json } from '../kernel/tx.ts';
import { type Bus, copyOf, createListeners } from './bus.ts';

/** What the threads of one process share of their bus. */
export interface BusGround {
  /** Of the channel; no other bus of this process may have it. */
  readonly name: string;
  /** Counts what was published, by any thread. */
  readonly epoch: SharedArrayBuffer;
}

/** The bus of one thread among several. */
export interface ThreadBus extends Bus {
  /**
   * Hears, before it returns, everything that any thread has published before the call. It costs one look at the shared
   * count where nothing is new, so it is called before every decision: what one thread was told to refuse, no other
   * lets through once the teller was answered.
   */
  settle(): void;
}

/** @param name unique in this process */
export const busGround = (name: string): BusGround => ({ name, epoch: new SharedArrayBuffer(4) });

/** The next that lies in the queue. Node takes a channel here too; only its types don't say so. */
const receive = (channel: BroadcastChannel): { readonly message: unknown } | undefined =>
  Reflect.apply(receiveMessageOnPort, undefined, [channel]);

/** The bus between the threads of one process; nothing is lost between them, and nothing leaves the process. */
export function createThreadBus({ name, epoch }: BusGround, onError: (error: unknown) => void): ThreadBus {
  const listeners = createListeners(onError);
  const count = new Int32Array(epoch);
  const channel = new BroadcastChannel(name);
  let heard = Atomics.load(count, 0);
  let open = true;

  /** @param data `[topic, message]`, as `publish` sends it */
  function hear(data: unknown): void {
    if (!Array.isArray(data)) return;
    const [topic, message]: readonly Json[] = data;
    listeners.tell(String(topic), message ?? null);
  }

  function settle(): void {
    const now = Atomics.load(count, 0);
    if (now === heard || !open) return;
    for (let next = receive(channel); next !== undefined; next = receive(channel)) hear(next.message);
    heard = now; // what was counted by then had been sent before
  }

  channel.onmessage = (event: unknown) => hear(Object(event).data);
  channel.unref(); // hearing alone keeps no thread alive
  return {
    publish: async (topic, message) => {
      listeners.tell(topic, copyOf(message));
      if (!open) return;
      channel.postMessage([topic, message]); // in the queue of every other thread as it returns
      Atomics.add(count, 0, 1); // only now, so that who sees the count finds the message
    },
    subscribe: listeners.add,
    settle,
    healthy: () => open,
    gaps: () => 0,
    close: async () => {
      open = false;
      channel.close();
      listeners.clear();
    },
  };
}
