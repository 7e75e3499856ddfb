import { hash } from 'node:crypto';
import { REDIS_NOW, windowScript } from './hot-script.ts';
import { assertLimit, assertTakes, assertTtl, type HotState, type Take, type Taken, takenAllOf } from './hot-state.ts';
import { createPatience } from './patience.ts';
import {
  COMMAND_MS,
  connectRedis,
  DEFAULT_PREFIX,
  firstContact,
  type RedisOptions,
  redisFault,
} from './redis-connection.ts';

const SCRIPT = windowScript(REDIS_NOW);
const SCRIPT_SHA = hash('sha1', SCRIPT); // the name under which Redis keeps a script

/** Hot state in Redis 6.2 or later, shared by all processes that use the same prefix. */
export async function createRedisHotState(options: RedisOptions): Promise<HotState> {
  const redis = connectRedis(options, 'twinkeep-hot');
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  // Names hold addresses and API keys, and key names are seen by whoever may list, monitor or dump the database.
  const keyOf = (kind: 'w' | 'v', name: string): string => `${prefix}${kind}:${hash('sha256', name, 'base64url')}`;

  const patience = createPatience();
  // The client's own timeout would fail what was answered while this thread was held up.
  const asking = <T>(answer: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const leave = patience.wait(COMMAND_MS, () => reject(redisFault(new Error('Redis did not answer in time'))));
      answer.then(resolve, (error: unknown) => reject(redisFault(error))).finally(leave);
    });

  const run = async (mode: 'take' | 'back', takes: readonly Take[]): Promise<unknown> => {
    const keys = takes.map(({ cell }) => keyOf('w', cell));
    const args = takes.flatMap(({ limit }) => [limit.count, limit.windowMs]);
    try {
      return await redis.evalsha(SCRIPT_SHA, keys.length, ...keys, mode, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return redis.eval(SCRIPT, keys.length, ...keys, mode, ...args); // a restarted Redis has forgotten it
    }
  };

  let lostAt: number | undefined;
  redis.on('close', () => {
    lostAt = performance.now();
  });

  await firstContact(redis);
  return {
    take: async (cell, limit) => {
      assertLimit(limit);
      return takenOf(await asking(run('take', [{ cell, limit }])), 0);
    },
    takeAll: async (takes) => {
      assertTakes(takes);
      const answer = await asking(run('take', takes));
      return takenAllOf(takes.map((_, index) => takenOf(answer, index)));
    },
    giveBack: async (cell, limit) => {
      assertLimit(limit);
      await asking(run('back', [{ cell, limit }]));
    },
    reset: async (cell) => void (await asking(redis.del(keyOf('w', cell)))),
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
    server: async () => /^redis_version:(.{1,32}?)\r?$/m.exec(await asking(redis.info('server')))?.[1] ?? 'unknown',
    lostAt: () => lostAt,
    close: async () => redis.disconnect(),
  };
}

/** @param index of the take, each of which has four numbers of the answer */
function takenOf(answer: unknown, index: number): Taken {
  const numbers = Array.isArray(answer) ? answer.slice(4 * index, 4 * index + 4).map(Number) : [];
  const [allowed, remaining, retryAfterMs, resetMs] = numbers;
  if (allowed === undefined || remaining === undefined || retryAfterMs === undefined || resetMs === undefined) {
    throw redisFault(new Error('ERR the script answered something else'));
  }
  return { allowed: allowed === 1, remaining, retryAfterMs, resetMs };
}
