import type { Clock } from '../kernel/clock.ts';
import type { Secret } from '../kernel/secret.ts';
import {
  type Bus,
  createFlooredHotState,
  createMemoryBus,
  createMemoryHotState,
  createSharedHotState,
  createSqliteStorage,
  createThreadBus,
  createTurn,
  type Hold,
  type HotState,
  holdOffRestores,
  missOn,
  openPostgresStorage,
  openRedisBus,
  openRedisHotState,
  remoteValues,
  type Storage,
} from '../storage/index.ts';
import { type Config, databaseUrlOf, sqliteFileOf } from './config.ts';
import type { Threads } from './worker-ground.ts';

type OnError = (error: unknown) => void;

/**
 * @param url `sqlite:` and a path, or `postgres://…`
 * @param bus hears of a gap when what was stored could not be told; threads share theirs and need none
 */
export async function openStorage(
  url: Secret,
  clock: Clock,
  onError: OnError,
  threads?: Threads,
  bus?: Pick<Bus, 'miss'>,
): Promise<Storage> {
  const file = sqliteFileOf(url);
  if (file !== undefined) {
    const turn = threads === undefined ? undefined : createTurn(threads.ground.turn, threads.seat);
    const joins = threads?.owner !== undefined;
    const onDoubt = (): void => (threads === undefined ? bus?.miss() : missOn(threads.ground.bus));
    return createSqliteStorage({ file, clock, onError, onDoubt, turn, joins });
  }
  return openPostgresStorage({ url: url.reveal(), clock, onError });
}

/**
 * Keeps restores out of the database until a start has written its first rows.
 *
 * @throws STORAGE_UNFINISHED where one is running, or was cut off: then no key may be made
 */
export async function holdOff(url: Secret): Promise<Hold> {
  return isSqlite(url) ? { release: async () => undefined } : holdOffRestores(url.reveal()); // files stand when whole
}

function localHotState(clock: Clock, threads?: Threads): HotState {
  if (threads === undefined) return createMemoryHotState({ clock });
  const { ground, owner } = threads;
  const values = owner === undefined ? createMemoryHotState({ clock }) : remoteValues(owner);
  return createSharedHotState({ clock, buffer: ground.limits, values });
}

/** Without Redis the threads of a process count in memory that they share; text lies with the one that owns the data. */
export async function openHotState(
  { redisUrl }: Config,
  clock: Clock,
  onError: OnError,
  threads?: Threads,
): Promise<HotState> {
  const local = localHotState(clock, threads);
  if (redisUrl === undefined) return local;
  const shared = await openRedisHotState({ url: redisUrl.reveal(), onError });
  return createFlooredHotState({ shared, floor: local, onError }); // limits go on, each process for itself
}

const isSqlite = (url: Secret): boolean => sqliteFileOf(url) !== undefined;

/**
 * With Redis the threads of a process hear of each other as those of several processes do. On SQLite one process has
 * the file for itself, so its threads hear of each other in memory, where nothing is lost while Redis is away.
 */
export async function openBus(config: Config, onError: OnError, threads?: Threads): Promise<Bus> {
  const { redisUrl } = config;
  if (redisUrl !== undefined && !isSqlite(databaseUrlOf(config)))
    return openRedisBus({ url: redisUrl.reveal(), onError });
  return threads === undefined ? createMemoryBus(onError) : createThreadBus(threads.ground.bus, onError);
}
