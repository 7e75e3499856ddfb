import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { epochMs } from '../kernel/brand.ts';
import { serverSuite, startRedis } from '../testing/index.ts';
import { createMemoryHotState } from './hot-memory.ts';
import { createRedisHotState } from './hot-redis.ts';
import { hotStateContract } from './hot-state.contract.ts';
import type { HotState, Taken } from './hot-state.ts';
import { connectRedis, firstContact } from './redis-connection.ts';
import { expectFault } from './storage-kit.contract.ts';

function inMemory(maxCells?: number): { readonly hot: HotState; pass(ms: number): void } {
  let now = 1_800_000_000_000;
  const hot = createMemoryHotState({ clock: { now: () => epochMs(now) }, maxCells });
  return {
    hot,
    pass: (ms) => {
      now += ms;
    },
  };
}

hotStateContract('memory', async () => {
  const { hot, pass } = inMemory();
  return { hot, advance: async (ms) => pass(ms), close: hot.close };
});

const takeNow = (hot: HotState, cell: string, count: number, windowMs: number): Taken => {
  const taken = hot.take(cell, { count, windowMs });
  assert.ok(!(taken instanceof Promise), 'memory answers at once');
  return taken;
};

test('in memory a limit is exact to the millisecond, for any count and window', () => {
  const limits = fc.record({
    count: fc.integer({ min: 1, max: 300 }),
    windowMs: fc.integer({ min: 1, max: 10_000_000 }),
  });
  const property = fc.property(limits, ({ count, windowMs }) => {
    const { hot, pass } = inMemory();
    for (let left = count - 1; left >= 0; left--) assert.equal(takeNow(hot, 'c', count, windowMs).remaining, left);
    const { allowed, retryAfterMs } = takeNow(hot, 'c', count, windowMs);
    assert.equal(allowed, false);
    assert.equal(retryAfterMs, Math.ceil(Math.ceil((windowMs * 1_000) / count) / 1_000));
    pass(retryAfterMs - 1);
    if (retryAfterMs > 1) assert.equal(takeNow(hot, 'c', count, windowMs).allowed, false);
    pass(1);
    assert.equal(takeNow(hot, 'c', count, windowMs).allowed, true);
  });
  fc.assert(property);
});

test('in memory over any time no more is allowed than the burst and what came back', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
  const property = fc.property(gaps, (pauses) => {
    const { hot, pass } = inMemory();
    let passed = 0;
    let allowed = 0;
    for (const ms of pauses) {
      pass(ms);
      passed += ms;
      if (takeNow(hot, 'c', 5, 1_000).allowed) allowed++;
      assert.ok(allowed <= 5 + Math.floor(passed / 200));
    }
  });
  fc.assert(property);
});

// Attack: a flood of new names fills the memory, or drives the attacker's own cell out of it.
test('in memory the number of cells is bounded: the expired go first, then the longest untouched', async () => {
  const { hot, pass } = inMemory(3);
  await hot.put('brief', 'x', 10);
  await hot.put('old', 'x', 10_000);
  await hot.put('new', 'x', 10_000);
  pass(11);
  await hot.put('fourth', 'x', 10_000);
  assert.deepEqual(await Promise.all(['old', 'new', 'fourth'].map(hot.get)), ['x', 'x', 'x']);
  await hot.put('fifth', 'x', 10_000);
  assert.deepEqual(await Promise.all(['old', 'new', 'fourth', 'fifth'].map(hot.get)), [undefined, 'x', 'x', 'x']);

  takeNow(hot, 'attacked', 1, 60_000);
  for (let name = 0; name < 100; name++) {
    assert.equal(takeNow(hot, 'attacked', 1, 60_000).allowed, false);
    takeNow(hot, `flood ${name}`, 1, 60_000);
  }
});

test('in memory a flood of new names stays quick when the memory is full', () => {
  const { hot } = inMemory(50_000);
  const began = performance.now();
  for (let name = 0; name < 200_000; name++) takeNow(hot, `flood ${name}`, 1, 60_000);
  assert.ok(performance.now() - began < 4_000);
});

test('in memory a clock that was set back locks nobody out for longer than the window', () => {
  const { hot, pass } = inMemory();
  takeNow(hot, 'c', 1, 1_000);
  pass(-3_600_000);
  assert.ok(takeNow(hot, 'c', 1, 1_000).retryAfterMs <= 1_000);
});

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
      assert.match(key, /^test\d+:[cv]:[\w-]{43}$/);
      const left = await askRedis((redis) => redis.pttl(key));
      assert.ok(left > 0 && left <= 60_000, String(left));
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

  on('a Redis without room says so, and keeps what it has', async (hot) => {
    await hot.put('key', 'value', 60_000);
    await askRedis((redis) => redis.config('SET', 'maxmemory', '1'));
    await expectFault('STORAGE_FULL', hot.put('other', 'value', 60_000));
    await askRedis((redis) => redis.config('SET', 'maxmemory', '0'));
    assert.equal(await hot.get('key'), 'value');
  });

  const everyQuestion = (hot: HotState): Promise<unknown>[] => [
    Promise.resolve(hot.take('cell', { count: 1, windowMs: 1_000 })),
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
