import type { Clock } from '../kernel/clock.ts';
import type { Secret } from '../kernel/secret.ts';
import {
  type Bus,
  createMemoryBus,
  createMemoryHotState,
  createSqliteStorage,
  type HotState,
  openPostgresStorage,
  openRedisBus,
  openRedisHotState,
  type Storage,
} from '../storage/index.ts';
import type { Config } from './config.ts';

type OnError = (error: unknown) => void;

/** @param url `sqlite:` and a path, or `postgres://…` */
export async function openStorage(url: Secret, clock: Clock, onError: OnError): Promise<Storage> {
  const text = url.reveal();
  if (text.startsWith('sqlite:')) return createSqliteStorage({ file: text.slice('sqlite:'.length), clock, onError });
  return openPostgresStorage({ url: text, clock, onError });
}

export async function openHotState({ redisUrl }: Config, clock: Clock, onError: OnError): Promise<HotState> {
  if (redisUrl === undefined) return createMemoryHotState({ clock });
  return openRedisHotState({ url: redisUrl.reveal(), onError });
}

export async function openBus({ redisUrl }: Config, onError: OnError): Promise<Bus> {
  return redisUrl === undefined ? createMemoryBus(onError) : openRedisBus({ url: redisUrl.reveal(), onError });
}
