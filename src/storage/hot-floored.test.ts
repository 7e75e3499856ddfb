import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../kernel/clock.ts';
import { serverSuite, startRedis } from '../testing/index.ts';
import { createFlooredHotState } from './hot-floored.ts';
import { createMemoryHotState } from './hot-memory.ts';
import { createMissed } from './hot-missed.ts';
import { createRedisHotState } from './hot-redis.ts';
import { hotStateContract } from './hot-state.contract.ts';
import type { HotState } from './hot-state.ts';
import { expectFault } from './storage-kit.contract.ts';

const limit = { count: 10, windowMs: 600_000 };

await serverSuite('Redis with a floor', startRedis, (server) => {
  const { url } = server;
  let prefixes = 0;

  async function open(prefix: string, heard: unknown[] = []): Promise<HotState> {
    const shared = await createRedisHotState({ url, prefix });
    const floor = createMemoryHotState({ clock: systemClock });
    return createFlooredHotState({ shared, floor, onError: (error) => heard.push(error), probeMs: 50 });
  }

  hotStateContract('Redis with a floor', async () => {
    const hot = await open(`floor${++prefixes}:`);
    return { hot, advance: (ms) => pause(ms), close: hot.close };
  });

  const on = (what: string, work: (hot: HotState, second: HotState, heard: unknown[]) => Promise<void>): void => {
    test(what, async () => {
      const prefix = `floor${++prefixes}:`;
      const heard: unknown[] = [];
      const [hot, second] = await Promise.all([open(prefix, heard), open(prefix)]);
      try {
        await work(hot, second, heard);
      } finally {
        await hot.close();
        await second.close();
      }
    });
  };

  const allowedOf = async (hot: HotState, cell: string, times: number): Promise<number> => {
    let allowed = 0;
    for (let time = 0; time < times; time++) if ((await hot.take(cell, limit)).allowed) allowed++;
    return allowed;
  };

  /** Waits until takes are counted in Redis again. */
  async function back(hot: HotState): Promise<void> {
    for (let waited = 0; waited < 200; waited++) {
      if (hot.take('is it back?', { count: 1_000, windowMs: 60_000 }) instanceof Promise) return;
      await pause(20);
    }
    assert.fail('not within four seconds');
  }

  // Attack: whoever overloads Redis is free of all limits.
  on('limits go on in each process when Redis is gone, with what it had allowed there', async (hot, second, heard) => {
    assert.equal(await allowedOf(hot, 'cell', 4), 4);
    assert.equal(await allowedOf(second, 'cell', 3), 3);
    await server.kill('SIGKILL');
    const began = performance.now();
    assert.equal(await allowedOf(hot, 'cell', 20), 6, 'it knows of its own four');
    assert.ok(performance.now() - began < 300);
    assert.equal(await allowedOf(second, 'cell', 20), 7);
    assert.equal(hot.take('cell', limit) instanceof Promise, false, 'nothing is asked of Redis any more');
    assert.equal(heard.length, 1);
    await server.restart();
    await Promise.all([back(hot), back(second)]);
    assert.equal((await allowedOf(hot, 'other', 10)) + (await allowedOf(second, 'other', 10)), 10);
  });

  // Attack: whoever can have Redis restarted has the budget of a day anew each time.
  on('what a Redis that came back empty has forgotten is still known in each process', async (hot, second) => {
    assert.equal(await allowedOf(hot, 'cell', 4), 4);
    assert.equal(await allowedOf(second, 'cell', 6), 6);
    await server.restart(); // while nobody asks
    for (const one of [hot, second]) {
      await one.take('is it back?', limit); // hears that it was gone, if nothing has told it yet
      await back(one);
    }
    assert.equal(await allowedOf(hot, 'cell', 20), 6, 'its own four are not forgotten');
    assert.equal(await allowedOf(second, 'cell', 20), 4);
    assert.equal((await allowedOf(hot, 'new', 7)) + (await allowedOf(second, 'new', 7)), 10);
    await second.reset('new');
    assert.equal(await allowedOf(second, 'new', 20), 10, 'what the shared one refused is not counted here');
  });

  on('what was allowed while Redis hung is known afterwards', async (hot) => {
    assert.equal(await allowedOf(hot, 'cell', 4), 4);
    await server.kill('SIGSTOP');
    assert.equal(await allowedOf(hot, 'cell', 5), 5);
    await server.kill('SIGCONT');
    await back(hot);
    const { allowed } = await hot.takeAll([{ cell: 'cell', limit }]);
    assert.equal(allowed, true);
    assert.equal((await hot.takeAll([{ cell: 'cell', limit }])).allowed, false);
  });

  on('what was given back or reset while Redis hung is so there too', async (hot, second) => {
    for (const cell of ['reset', 'given back', 'both']) assert.equal(await allowedOf(hot, cell, 9), 9);
    await server.kill('SIGSTOP');
    await hot.take('other', limit);
    await hot.reset('reset');
    for (let each = 0; each < 5; each++) await hot.giveBack('given back', limit);
    await hot.giveBack('both', limit);
    await hot.reset('both');
    await hot.take('both', limit);
    await server.kill('SIGCONT');
    await back(hot);
    const left = [await allowedOf(second, 'reset', 20), await allowedOf(second, 'given back', 20)];
    assert.deepEqual([...left, await allowedOf(second, 'both', 20)], [10, 6, 10]);
    assert.equal((await hot.take('both', limit)).allowed, false);
  });

  // Attack: successes of one's own while Redis is away, so that failures from before it are given back there.
  on('what was taken and given back while Redis hung changes nothing there', async (hot, second) => {
    assert.equal(await allowedOf(hot, 'cell', 8), 8);
    await server.kill('SIGSTOP');
    await hot.take('other', limit);
    for (let each = 0; each < 20; each++) {
      const { allowed } = each % 2 ? await hot.take('cell', limit) : await hot.takeAll([{ cell: 'cell', limit }]);
      assert.ok(allowed);
      await hot.giveBack('cell', limit);
    }
    await server.kill('SIGCONT');
    await back(hot);
    assert.equal(await allowedOf(second, 'cell', 20), 2);
  });

  on('after Redis came back empty the lesser of both says how many are left', async (hot) => {
    const five = { count: 5, windowMs: 600_000 };
    const takes = ['first', 'second'].map((cell) => ({ cell, limit: five }));
    for (let each = 0; each < 4; each++) await hot.takeAll(takes);
    await server.restart();
    await hot.take('is it back?', limit);
    await back(hot);
    assert.equal((await hot.take('first', five)).remaining, 0, 'the fifth');
    assert.deepEqual((await hot.takeAll(takes.slice(1))).taken[0]?.remaining, 0);
  });

  on('of several texts that are asked for one waits for a Redis that hangs', async (hot) => {
    await hot.put('k', 'v', 60_000);
    await server.kill('SIGSTOP');
    const began = performance.now();
    await expectFault('STORAGE_UNAVAILABLE', hot.get('k'));
    await expectFault('STORAGE_UNAVAILABLE', hot.claim('l', 60_000));
    await expectFault('STORAGE_UNAVAILABLE', hot.put('k', 'w', 60_000));
    await expectFault('STORAGE_UNAVAILABLE', hot.forget('k'));
    const took = performance.now() - began;
    assert.ok(took < 900, String(took));
    await server.kill('SIGCONT');
    await pause(1_000);
    assert.equal(await hot.claim('m', 60_000), true);
  });

  on('a Redis that hangs costs the first takes a sixth of a second, and the others nothing', async (hot, _, heard) => {
    await hot.take('cell', limit);
    await server.kill('SIGSTOP');
    const began = performance.now();
    const taken = await Promise.all(Array.from({ length: 100 }, () => hot.take('cell', limit)));
    const took = performance.now() - began;
    assert.ok(took >= 100 && took < 350, String(took));
    assert.equal(taken.filter(({ allowed }) => allowed).length, 9);
    assert.equal(hot.take('cell', limit) instanceof Promise, false);
    assert.equal(heard.length, 1);
    await server.kill('SIGCONT');
    await back(hot);
  });

  // Attack: whoever keeps all cores busy makes each process count for itself, so that a limit holds as often as there are.
  on('a Redis that answered while this thread was held up is not left', async (hot, _, heard) => {
    for (const heldMs of [200, 700]) {
      const taken = Promise.all(Array.from({ length: 20 }, () => hot.take('cell', limit)));
      for (const end = performance.now() + heldMs; performance.now() < end; );
      await taken;
      assert.equal(hot.take('cell', limit) instanceof Promise, true);
    }
    assert.equal(heard.length, 0);
  });

  on('all of what counts goes on without Redis', async (hot) => {
    await server.kill('SIGKILL');
    const takes = [
      { cell: 'one', limit },
      { cell: 'two', limit: { count: 3, windowMs: 600_000 } },
    ];
    assert.equal((await hot.takeAll(takes)).allowed, true);
    assert.equal((await hot.takeAll(takes)).tightest, 1);
    await hot.giveBack('one', limit);
    assert.equal((await hot.take('one', limit)).remaining, 8);
    await hot.reset('one');
    assert.equal((await hot.take('one', limit)).remaining, 9);
    await server.restart();
    await back(hot);
  });

  // Attack: a code that was used up is used again while nobody remembers.
  on('marks and values have no floor, and the probe tells of Redis', async (hot) => {
    assert.equal(await hot.claim('code', 60_000), true);
    await server.kill('SIGKILL');
    await hot.take('cell', limit);
    const answers = [hot.claim('code', 60_000), hot.put('k', 'v', 60_000), hot.get('k'), hot.forget('k'), hot.probe()];
    for (const answer of answers) await expectFault('STORAGE_UNAVAILABLE', answer);
    await server.restart();
    await back(hot);
    await hot.probe();
  });

  on('each loss of Redis is told once', async (hot, _, heard) => {
    for (const losses of [1, 2]) {
      await server.kill('SIGSTOP');
      await Promise.all(Array.from({ length: 5 }, () => hot.take('cell', limit)));
      await server.kill('SIGCONT');
      await back(hot);
      assert.equal(heard.length, losses);
    }
  });

  on('a limit that makes no sense is the fault of the caller, not of Redis', async (hot, _, heard) => {
    await assert.rejects(async () => hot.take('cell', { count: 0, windowMs: 1 }), TypeError);
    assert.equal(hot.take('cell', limit) instanceof Promise, true);
    assert.equal(heard.length, 0);
  });
});

// Attack: a flood of addresses while Redis is away, to fill the memory or to be forgiven what was taken there.
test('what is remembered for a Redis that is away is bounded, and a cell too many is not given back there', async () => {
  const missed = createMissed();
  for (let each = 0; each < 20_000; each++) {
    missed.took([{ cell: `made ${each}`, limit }]);
    missed.reset(`reset ${each}`);
  }
  for (let each = 0; each < 20_000; each++) missed.gaveBack(`made ${each}`, limit);
  missed.reset('x'.repeat(100_000));
  const told: string[] = [];
  const tell = () =>
    missed.tell({ giveBack: (cell) => void told.push(cell), reset: async (cell) => void told.push(cell) });
  await tell();
  await tell();
  assert.equal(told.length, 10_000);
  assert.ok(told.every((cell) => cell.startsWith('reset')));
});
