import { Redis } from 'ioredis';
import type { TwinkeepError } from '../kernel/errors.ts';
import { storageFault } from './errors.ts';

export interface RedisOptions {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string;
  /** Stands before every key and channel. Default `twinkeep:`. */
  readonly prefix?: string | undefined;
  /** Hears of what nobody awaits: connections that broke, messages that can't be read. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export const DEFAULT_PREFIX = 'twinkeep:';

/** How long an answer is waited for. */
export const COMMAND_MS = 500;

const CONNECT_MS = 1_000;
const MAX_RETRY_MS = 500;

/**
 * A connection that comes back by itself and never lets a command wait for it: what can't be asked now fails now.
 *
 * @param commandMs after which a command fails by the clock; without it whoever asks has to see to that
 * @throws TypeError for a URL of another form
 */
export function connectRedis({ url, onError }: RedisOptions, name: string, commandMs?: number): Redis {
  // The client's own error would carry the URL, and the password in it, to the log.
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new TypeError('the URL of Redis must be of the form redis://user:password@host:port/db');
  }
  const redis = new Redis(url, {
    connectionName: name,
    connectTimeout: CONNECT_MS,
    ...(commandMs === undefined ? {} : { commandTimeout: commandMs }),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false, // a take that is counted twice, or long after, is worse than one that fails
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(25 * 2 ** Math.min(times, 10), MAX_RETRY_MS),
    reconnectOnError: ({ message }) => message.startsWith('READONLY'), // a failover made our primary a replica
  });
  let away = false; // told once for each time that it goes: a log at two lines a second hides all else
  redis.on('error', (error: unknown) => {
    if (!away) onError?.(error);
    away = true;
  });
  redis.on('ready', () => {
    away = false;
  });
  return redis;
}

/** Resolves when the connection is ready, or isn't going to be in the next moment. */
export function firstContact(redis: Redis): Promise<void> {
  return new Promise((resolve) => {
    if (redis.status === 'ready') return resolve();
    const timer = setTimeout(resolve, CONNECT_MS);
    for (const event of ['ready', 'close', 'end']) {
      redis.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
  });
}

/** The client's error as one of ours. Only its message is kept, for beside it stand the arguments of the command. */
export function redisFault(error: unknown): TwinkeepError {
  const message = error instanceof Error ? error.message : String(error);
  const cause = new Error(message);
  if (message.startsWith('OOM')) return storageFault('STORAGE_FULL', {}, cause);
  return storageFault(message.startsWith('ERR') ? 'STORAGE_BROKEN' : 'STORAGE_UNAVAILABLE', {}, cause);
}
