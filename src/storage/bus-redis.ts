import { systemClock } from '../kernel/clock.ts';
import { createSystemRandom, newUuid } from '../kernel/random.ts';
import type { Json } from '../kernel/tx.ts';
import { type Bus, copyOf, createGaps, createListeners } from './bus.ts';
import {
  COMMAND_MS,
  connectRedis,
  DEFAULT_PREFIX,
  firstContact,
  type RedisOptions,
  redisFault,
} from './redis-connection.ts';

const HEARTBEAT_MS = 400; // and 500 for the answer: a silent loss is known within a second

/** The bus over Redis publish and subscribe, for all processes that use the same prefix. */
export async function createRedisBus(options: RedisOptions): Promise<Bus> {
  const onError = options.onError ?? (() => undefined);
  const listeners = createListeners(onError);
  const gaps = createGaps(onError);
  const self = newUuid(systemClock, createSystemRandom()); // only told apart from others, never timed or guessed
  const channels = `${options.prefix ?? DEFAULT_PREFIX}bus:`;
  const sender = connectRedis(options, 'twinkeep-bus', COMMAND_MS);
  const receiver = createReceiver(options, channels, gaps.tell);

  receiver.onMessage((topic, text) => {
    const parcel = parcelOf(text);
    if (parcel === undefined) return onError(new Error(`a message on ${topic} could not be read`));
    if (parcel.from !== self) listeners.tell(topic, parcel.message); // our own were told when they were published
  });

  await Promise.all([firstContact(sender), receiver.ready()]);
  return {
    canLose: true,
    publish: async (topic, message) => {
      listeners.tell(topic, copyOf(message));
      try {
        await sender.publish(channels + topic, JSON.stringify({ from: self, message }));
      } catch (error) {
        throw redisFault(error);
      }
    },
    subscribe: listeners.add,
    healthy: receiver.healthy,
    gaps: gaps.count,
    onGap: gaps.add,
    miss: gaps.tell, // other processes read the store from time to time
    close: async () => {
      listeners.clear();
      gaps.clear();
      receiver.close();
      sender.disconnect();
    },
  };
}

interface Receiver {
  onMessage(listener: (topic: string, text: string) => void): void;
  /** Resolves when it listens, or isn't going to in the next moment. */
  ready(): Promise<void>;
  healthy(): boolean;
  close(): void;
}

/**
 * Listens to all channels of the prefix, on a connection of its own.
 *
 * @param onGap hears each time that it listens again after it did not
 */
function createReceiver(options: RedisOptions, channels: string, onGap: () => void): Receiver {
  const redis = connectRedis(options, 'twinkeep-bus-receiver', COMMAND_MS);
  let listening = false;
  let contacted = false;
  const first = Promise.withResolvers<void>();
  const lose = (): void => {
    listening = false;
    first.resolve();
  };

  redis.on('close', lose);
  redis.on('ready', () => {
    // A pattern, so that a topic that gets its first listener later needs no word to Redis.
    redis.psubscribe(`${channels.replace(/[*?[\]\\]/g, '\\$&')}*`).then(
      () => {
        listening = true;
        first.resolve();
        if (contacted) onGap();
        contacted = true;
      },
      () => redis.disconnect(true),
    );
  });

  // A peer that vanished without a word would leave us waiting, and believing that we hear everything.
  const heartbeat = setInterval(() => {
    if (redis.status !== 'ready') return;
    redis.ping().catch(() => {
      lose();
      redis.disconnect(true);
    });
  }, HEARTBEAT_MS).unref();

  return {
    onMessage: (listener) => {
      redis.on('pmessage', (_pattern: string, channel: string, text: string) => {
        listener(channel.slice(channels.length), text);
      });
    },
    ready: () => first.promise,
    healthy: () => listening,
    close: () => {
      clearInterval(heartbeat);
      redis.disconnect();
    },
  };
}

function parcelOf(text: string): { readonly from: string; readonly message: Json } | undefined {
  try {
    const parcel = JSON.parse(text) as Json; // JSON.parse returns JSON
    if (typeof parcel !== 'object' || parcel === null || !('from' in parcel && 'message' in parcel)) return undefined;
    const { from, message } = parcel;
    return typeof from === 'string' ? { from, message } : undefined;
  } catch {
    return undefined;
  }
}
