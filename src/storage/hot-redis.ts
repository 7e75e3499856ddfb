import { hash } from 'node:crypto';
import { assertTtl, type HotState, paceOf, type Taken } from './hot-state.ts';
import { connectRedis, DEFAULT_PREFIX, firstContact, type RedisOptions, redisFault } from './redis-connection.ts';

/**
 * KEYS[1]: the cell. ARGV: step and burst in microseconds. Time is that of Redis, so that the clocks of the processes
 * need not agree. @see createMemoryHotState, which is the same in TypeScript
 */
const TAKE = `
  local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
  local time = redis.call('time')
  local now = time[1] * 1000000 + time[2]
  local held = math.min(tonumber(redis.call('get', KEYS[1])) or 0, now + burst)
  local following = math.max(held, now) + step
  local wait = following - now - burst
  if wait > 0 then return {0, 0, wait} end
  redis.call('set', KEYS[1], string.format('%.0f', following), 'px', math.ceil((following - now) / 1000))
  return {1, math.floor(-wait / step), 0}
`;

const TAKE_SHA = hash('sha1', TAKE); // the name under which Redis keeps a script

/** Hot state in Redis 6.2 or later, shared by all processes that use the same prefix. */
export async function createRedisHotState(options: RedisOptions): Promise<HotState> {
  const redis = connectRedis(options, 'twinkeep-hot');
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  // Names hold addresses and API keys, and key names are seen by whoever may list, monitor or dump the database.
  const keyOf = (kind: 'c' | 'v', name: string): string => `${prefix}${kind}:${hash('sha256', name, 'base64url')}`;

  const asking = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      throw redisFault(error);
    }
  };

  const runTake = async (key: string, stepUs: number, burstUs: number): Promise<unknown> => {
    try {
      return await redis.evalsha(TAKE_SHA, 1, key, stepUs, burstUs);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return redis.eval(TAKE, 1, key, stepUs, burstUs); // a restarted Redis has forgotten it
    }
  };

  await firstContact(redis);
  return {
    take: async (cell, limit) => {
      const { stepUs, burstUs } = paceOf(limit);
      return takenOf(await asking(runTake(keyOf('c', cell), stepUs, burstUs)));
    },
    claim: async (key, ttlMs) => {
      assertTtl(ttlMs);
      return (await asking(redis.set(keyOf('v', key), '', 'PX', ttlMs, 'NX'))) === 'OK';
    },
    put: async (key, value, ttlMs) => {
      assertTtl(ttlMs);
      await asking(redis.set(keyOf('v', key), value, 'PX', ttlMs));
    },
    get: async (key) => (await asking(redis.get(keyOf('v', key)))) ?? undefined,
    forget: async (key) => void (await asking(redis.del(keyOf('v', key)))),
    probe: async () => void (await asking(redis.ping())),
    close: async () => redis.disconnect(),
  };
}

function takenOf(answer: unknown): Taken {
  const [allowed, remaining, waitUs] = Array.isArray(answer) ? answer.map(Number) : [];
  if (allowed === undefined || remaining === undefined || waitUs === undefined) {
    throw redisFault(new Error('ERR the script answered something else'));
  }
  return { allowed: allowed === 1, remaining, retryAfterMs: Math.ceil(waitUs / 1_000) };
}
