import { BroadcastChannel, receiveMessageOnPort } from 'node:worker_threads';
import type { Json } from '../kernel/tx.ts';
import { type Bus, copyOf, createGaps, createListeners } from './bus.ts';

/** What the threads of one process share of their bus. */
export interface BusGround {
  /** Of the channel; no other bus of this process may have it. */
  readonly name: string;
  /** Counts what was published, by any thread, and beside it the gaps. */
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

const EPOCH = 0;
const GAPS = 1;
const WORDS = 2;

/** @param name unique in this process */
export const busGround = (name: string): BusGround => ({
  name,
  epoch: new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT),
});

/**
 * Makes a gap for every thread: to be called when one has ended in the middle of its work, for it may have stored what
 * it told nobody of, a revocation say. From the next settle on each thread knows that it has to read again.
 */
export function missOn({ name, epoch }: BusGround): void {
  const channel = new BroadcastChannel(name);
  raiseGap(channel, new Int32Array(epoch));
  channel.close();
}

function raiseGap(channel: BroadcastChannel, words: Int32Array): void {
  Atomics.add(words, GAPS, 1);
  channel.postMessage(null); // wakes those that no request comes to
  Atomics.add(words, EPOCH, 1); // only now, so that who sees it finds the gap
}

/** The next that lies in the queue. Node takes a channel here too; only its types don't say so. */
const receive = (channel: BroadcastChannel): { readonly message: unknown } | undefined =>
  Reflect.apply(receiveMessageOnPort, undefined, [channel]);

/**
 * The bus between the threads of one process. Nothing is lost between them but what a thread that ended had yet to
 * publish, which `missOn` makes up for; nothing leaves the process.
 */
export function createThreadBus({ name, epoch }: BusGround, onError: (error: unknown) => void): ThreadBus {
  const listeners = createListeners(onError);
  const gaps = createGaps(onError);
  const words = new Int32Array(epoch);
  const channel = new BroadcastChannel(name);
  let heard = Atomics.load(words, EPOCH);
  let missed = Atomics.load(words, GAPS);
  let open = true;

  /** @param data `[topic, message]`, as `publish` sends it */
  function hear(data: unknown): void {
    if (!Array.isArray(data)) return;
    const [topic, message]: readonly Json[] = data;
    listeners.tell(String(topic), message ?? null);
  }

  function noticeGap(): void {
    const now = Atomics.load(words, GAPS);
    if (now === missed || !open) return;
    missed = now;
    gaps.tell();
  }

  function settle(): void {
    const now = Atomics.load(words, EPOCH);
    if (now === heard || !open) return;
    for (let next = receive(channel); next !== undefined; next = receive(channel)) hear(next.message);
    heard = now; // what was counted by then had been sent before
    noticeGap();
  }

  channel.onmessage = (event: unknown) => {
    hear(Object(event).data);
    noticeGap();
  };
  channel.unref(); // hearing alone keeps no thread alive
  return {
    canLose: false,
    publish: async (topic, message) => {
      listeners.tell(topic, copyOf(message));
      if (!open) return;
      channel.postMessage([topic, message]); // in the queue of every other thread as it returns
      Atomics.add(words, EPOCH, 1); // only now, so that who sees the count finds the message
    },
    subscribe: listeners.add,
    settle,
    healthy: () => open,
    gaps: gaps.count,
    onGap: gaps.add,
    miss: () => {
      if (!open) return;
      raiseGap(channel, words);
      noticeGap();
    },
    close: async () => {
      open = false;
      channel.close();
      listeners.clear();
      gaps.clear();
    },
  };
}
