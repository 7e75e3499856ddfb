import type { Bus } from './bus.ts';
import type { HotState } from './hot-state.ts';
import type { PostgresOptions } from './postgres.ts';
import type { RedisOptions } from './redis-connection.ts';
import type { Storage } from './storage.ts';

/**
 * The storage contract on PostgreSQL; its driver is loaded here, on first use.
 *
 * @throws TypeError for a malformed URL
 */
export async function openPostgresStorage(options: PostgresOptions): Promise<Storage> {
  const { createPostgresStorage } = await import('./postgres.ts');
  return createPostgresStorage(options);
}

/** Hot state in Redis; its driver is loaded here, on first use. Opens also while Redis is away. */
export async function openRedisHotState(options: RedisOptions): Promise<HotState> {
  const { createRedisHotState } = await import('./hot-redis.ts');
  return createRedisHotState(options);
}

/** The bus over Redis; its driver is loaded here, on first use. Opens also while Redis is away. */
export async function openRedisBus(options: RedisOptions): Promise<Bus> {
  const { createRedisBus } = await import('./bus-redis.ts');
  return createRedisBus(options);
}
