import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { epochMs } from '../kernel/brand.ts';
import { serverSuite, startRedis } from '../testing/index.ts';
import { createMemoryHotState } from './hot-memory.ts';
import { createRedisHotState } from './hot-redis.ts';
import { windowScript } from './hot-script.ts';
import { hotStateContract } from './hot-state.contract.ts';
import type { HotState } from './hot-state.ts';
import { connectRedis, firstContact } from './redis-connection.ts';
import { expectFault } from './storage-kit.contract.ts';

await serverSuite('Redis', startRedis, (server) => {
  const { url } = server;
  let prefixes = 0;
  const freshPrefix = (): string => `test${++prefixes}:`;

  hotStateContract('Redis', async () => {
    const hot = await createRedisHotState({ url, prefix: freshPrefix() });
    return { hot, advance: (ms) => pause(ms), close: hot.close };
  });

  const on = (what: string, work: (hot: HotState, prefix: string) => Promise<void>): void => {
    test(what, async () => {
      const prefix = freshPrefix();
      const hot = await createRedisHotState({ url, prefix });
      await work(hot, prefix).finally(hot.close);
    });
  };

  async function askRedis<T>(question: (redis: ReturnType<typeof connectRedis>) => Promise<T>): Promise<T> {
    const redis = connectRedis({ url }, 'test');
    await firstContact(redis);
    return question(redis).finally(() => redis.disconnect());
  }

  // Attack: whoever may list the keys of Redis reads API keys and addresses off their names.
  on('no key of Redis shows what it stands for, and each has an end', async (hot, prefix) => {
    const secret = 'tk_live_4f9a@192.0.2.7';
    await hot.take(secret, { count: 5, windowMs: 60_000 });
    await hot.put(secret, 'value', 60_000);
    await hot.claim(`${secret} claim`, 60_000);
    const keys = await askRedis((redis) => redis.keys(`${prefix}*`));
    assert.equal(keys.length, 3);
    for (const key of keys) {
      assert.match(key, /^test\d+:[wv]:[\w-]{43}$/);
      const left = await askRedis((redis) => redis.pttl(key));
      assert.ok(left > 0 && left <= 61_000, String(left));
    }
  });

  on('two processes share their cells, and another prefix has its own', async (hot, prefix) => {
    const [second, stranger] = await Promise.all([
      createRedisHotState({ url, prefix }),
      createRedisHotState({ url, prefix: freshPrefix() }),
    ]);
    const limit = { count: 10, windowMs: 600_000 };
    const taken = await Promise.all(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? hot : second).take('cell', limit)),
    );
    assert.equal(taken.filter(({ allowed }) => allowed).length, 10);
    assert.equal((await stranger.take('cell', limit)).remaining, 9);
    await Promise.all([second.close(), stranger.close()]);
  });

  // Attack: requests are spread over all processes, so that each of them counts a part.
  on(
    'two processes that are flooded for several windows allow the limit in each, and hardly less',
    async (hot, prefix) => {
      const second = await createRedisHotState({ url, prefix });
      const limit = { count: 200, windowMs: 1_200 };
      const began = performance.now();
      const allowedAt: number[] = [];
      const flood = async (one: HotState): Promise<void> => {
        while (performance.now() - began < 4_000) {
          const asked = performance.now();
          if ((await one.take('cell', limit)).allowed) allowedAt.push(asked);
        }
      };
      await Promise.all([hot, second].flatMap((one) => [flood(one), flood(one), flood(one)]));
      await second.close();
      // A window of 1,200 and a slide of 20 ms: full ones begin at 0, 1,220, 2,440 and 3,660 at the latest.
      assert.ok(allowedAt.length >= 800 && allowedAt.length <= 800 * 1.05, String(allowedAt.length));
    },
  );

  const operation = fc.record({
    pass: fc.integer({ min: -300, max: 900 }),
    mode: fc.constantFrom('take', 'take', 'take', 'back'),
    cells: fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), limit: fc.constantFrom(0, 0, 0, 1, 2) }), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  const limits = [
    { count: 4, windowMs: 1_000 },
    { count: 2, windowMs: 1_000 },
    { count: 5, windowMs: 2_777 },
  ];

  test('the script counts as the memory does, whatever comes in whatever order', async () => {
    const script = windowScript('tonumber(ARGV[#ARGV])');
    let run = 0;
    const property = fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      let now = 1_800_000_000_000;
      const memory = createMemoryHotState({ clock: { now: () => epochMs(now) } });
      const prefix = `script${++run}:`;
      await askRedis(async (redis) => {
        for (const { pass, mode, cells } of operations) {
          now += pass;
          const takes = cells.slice(0, mode === 'back' ? 1 : 3).map(({ key, limit }) => ({
            cell: key,
            limit: limits[limit] ?? { count: 1, windowMs: 1 },
          }));
          const keys = takes.map(({ cell }) => prefix + cell);
          const args = takes.flatMap(({ limit }) => [limit.count, limit.windowMs]);
          const answer = await redis.eval(script, keys.length, ...keys, mode, ...args, now);
          await redis.eval("for _, key in ipairs(KEYS) do redis.call('persist', key) end", keys.length, ...keys);
          if (mode === 'back') for (const { cell, limit } of takes) await memory.giveBack(cell, limit);
          else {
            const { taken } = await memory.takeAll(takes);
            const expected = taken.flatMap((one) => [
              one.allowed ? 1 : 0,
              one.remaining,
              one.retryAfterMs,
              one.resetMs,
            ]);
            assert.deepEqual(answer, expected);
          }
        }
      });
    });
    await fc.assert(property, { numRuns: 300 });
  });

  on('a Redis without room says so, and keeps what it has', async (hot) => {
    await hot.put('key', 'value', 60_000);
    await askRedis((redis) => redis.config('SET', 'maxmemory', '1'));
    await expectFault('STORAGE_FULL', hot.put('other', 'value', 60_000));
    await askRedis((redis) => redis.config('SET', 'maxmemory', '0'));
    assert.equal(await hot.get('key'), 'value');
  });

  const everyQuestion = (hot: HotState): Promise<unknown>[] => [
    Promise.resolve(hot.take('cell', { count: 1, windowMs: 1_000 })),
    Promise.resolve(hot.takeAll([{ cell: 'cell', limit: { count: 1, windowMs: 1_000 } }])),
    Promise.resolve(hot.giveBack('cell', { count: 1, windowMs: 1_000 })),
    Promise.resolve(hot.reset('cell')),
    hot.claim('key', 1_000),
    hot.put('key', 'secret value', 1_000),
    hot.get('key'),
    hot.forget('key'),
    hot.probe(),
  ];

  async function allUnavailable(hot: HotState): Promise<void> {
    const began = performance.now();
    await Promise.all(everyQuestion(hot).map((answer) => expectFault('STORAGE_UNAVAILABLE', answer)));
    assert.ok(performance.now() - began < 1_000);
  }

  async function recovers(hot: HotState): Promise<void> {
    for (let waited = 0; waited < 200; waited++) {
      const answer = await hot.probe().catch(() => 'away');
      if (answer === undefined) return void (await Promise.all(everyQuestion(hot)));
      await pause(20);
    }
    assert.fail('not within four seconds');
  }

  on('a Redis that ends is unavailable within a second, and found again', async (hot) => {
    await Promise.all(everyQuestion(hot));
    const underWay = everyQuestion(hot).map((answer) => answer.catch(() => undefined));
    await server.kill('SIGKILL');
    await Promise.all(underWay);
    await allUnavailable(hot);
    await server.restart();
    await recovers(hot);
  });

  on('a Redis that hangs is unavailable within a second, and found again', async (hot) => {
    await server.kill('SIGSTOP');
    await allUnavailable(hot);
    await server.kill('SIGCONT');
    await recovers(hot);
  });

  test('a Redis that was not there at the start is found later', async () => {
    await server.kill('SIGKILL');
    const began = performance.now();
    const hot = await createRedisHotState({ url });
    assert.ok(performance.now() - began < 1_500);
    await allUnavailable(hot);
    await server.restart();
    await recovers(hot);
    await hot.close();
  });

  test('what goes wrong shows neither the password nor what was sent', async () => {
    const heard: unknown[] = [];
    const onError = (error: unknown): void => void heard.push(error);
    const hot = await createRedisHotState({ url: 'redis://u:hunter2@127.0.0.1:1/0', onError });
    const fault = await hot.put('key', 'secret value', 1_000).catch((error: unknown) => error);
    await hot.close();
    assert.ok(fault instanceof Error && heard.length > 0);
    const shown = JSON.stringify([fault, fault.cause, ...heard].map((error) => [error, String(error)]));
    assert.doesNotMatch(shown, /hunter2|secret value/);
    for (const bad of ['redis://u:hunter2@', 'http://u:hunter2@h', 'hunter2']) {
      await assert.rejects(createRedisHotState({ url: bad }), (error) => !String(error).includes('hunter2'));
    }
  });
});
