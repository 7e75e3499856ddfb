import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { type HotState, openPostgresStorage, openRedisBus, openRedisHotState } from '../storage/index.ts';
import { serverSuite, startPostgres, startRedis } from '../testing/index.ts';
import { createBlocks } from './blocks.ts';
import {
  expectFault,
  failureFrom,
  type Kit,
  type Node,
  nobody,
  offence,
  operator,
  policyFor,
  wishFor,
  withKit,
} from './blocks-kit.contract.ts';
import { createFailures } from './failures.ts';
import { createSuspicion } from './suspicion.ts';
import { attack, attackBy, keyNamed, personNamed, sent } from './suspicion-kit.contract.ts';

const one = '203.0.113.9';

async function within(ms: number, holds: () => boolean): Promise<void> {
  const until = performance.now() + ms;
  while (!holds() && performance.now() < until) await pause(5);
  assert.ok(holds(), `not within ${ms} ms: ${holds}`);
}

function refuses(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    return isFault(error, 'DETECTION_BLOCKED');
  }
}

async function startBoth() {
  const redis = await startRedis();
  const postgres = redis && (await startPostgres());
  if (redis === undefined || postgres === undefined) {
    await redis?.stop();
    return undefined;
  }
  const stop = async (): Promise<void> => void (await Promise.all([redis.stop(), postgres.stop()]));
  return { ...postgres, redis, stop };
}

await serverSuite('two nodes on one PostgreSQL and Redis', startBoth, (server) => {
  const { redis } = server;

  interface OpenNode extends Node {
    readonly hot: HotState;
    /** How many failures it was told of. */
    heard(): number;
  }

  interface Pair {
    readonly here: OpenNode;
    readonly there: OpenNode;
    readonly kit: Kit;
  }

  async function withNodes(work: (pair: Pair) => Promise<void>): Promise<void> {
    const url = await server.createDatabase();
    const undo: (() => Promise<void>)[] = [];
    const open = async ({ deps, clock }: Kit): Promise<OpenNode> => {
      const onError = () => undefined;
      const options = { url: redis.url, onError, prefix: `${url.split('/').at(-1)}:` };
      const [bus, hot] = await Promise.all([openRedisBus(options), openRedisHotState(options)]);
      const storage = await openPostgresStorage({ url, clock, onError });
      const own = { ...deps, bus, storage, onError };
      const blocks = createBlocks(own);
      await blocks.start();
      undo.push(blocks.stop, bus.close, hot.close, () => storage.close());
      const failures = createFailures({ ...own, hot, blocks, policyOf: () => deps.config });
      const suspicion = createSuspicion({ ...own, hot, blocks, policyOf: (name) => policyFor(name, deps.config) });
      let heard = 0;
      bus.subscribe('auth.failed', () => heard++);
      return { blocks, failures, suspicion, hot, heard: () => heard };
    };
    const make = async () => {
      const storage = await openPostgresStorage({ url, clock: systemClock });
      return { storage, close: () => storage.close() };
    };
    await withKit(make, async (kit) => {
      try {
        await work({ here: await open(kit), there: await open(kit), kit });
      } finally {
        for (const step of undo) await step();
      }
    });
  }

  // Attack: whoever is blocked at one node goes on at another.
  test('a block at one node is in force at the other within a second, and so is its end', () =>
    withNodes(async ({ here, there }) => {
      await there.blocks.block(operator, wishFor(one));
      await within(1_000, () => here.blocks.blocked(one) !== undefined);
      await here.blocks.lift(operator, one);
      await within(1_000, () => there.blocks.blocked(one) === undefined);
      await expectFault('DETECTION_BLOCK_UNKNOWN', there.blocks.lift(operator, one));
    }));

  // Attack: a key that was blocked at one node, and a stolen device, go on at another.
  test('a block of a key and of a device is in force at the other node within a second, and after a restart', () =>
    withNodes(async ({ here, there, kit }) => {
      const device = wishFor('laptop', undefined, 'device');
      await there.blocks.block(operator, wishFor('pump', undefined, 'api-key'));
      await there.blocks.block(operator, device);
      const isRefused = ({ blocks }: Node): boolean =>
        refuses(() => blocks.assertCallerNotBlocked(keyNamed('pump'))) &&
        refuses(() => blocks.assertCallerNotBlocked(personNamed('ada'), 'laptop'));
      await within(1_000, () => isRefused(here));
      await here.blocks.assertCallerNotBlocked(keyNamed('valve'));
      await here.blocks.assertCallerNotBlocked(personNamed('ada'), 'phone');
      assert.ok(isRefused(await kit.again()), 'a restarted process knows them too');
      await here.blocks.lift(operator, 'api-key:pump');
      await here.blocks.lift(operator, 'laptop');
      await within(1_000, () => there.blocks.blocked('pump', 'api-key') === undefined);
      await within(1_000, () => there.blocks.blocked('laptop', 'device') === undefined);
    }));

  // Attack: two or three attacks at each node, and the same ones twice.
  test('attacks count together, and block the key once', () =>
    withNodes(async ({ here, there, kit }) => {
      const who = () => sent(one, keyNamed('pump'));
      for (const node of [here, there]) await attackBy(node, 4, who, 'the same four');
      assert.equal(here.blocks.blocked('pump', 'api-key') ?? there.blocks.blocked('pump', 'api-key'), undefined);
      await attackBy(there, 1, who, 'another');
      await within(1_000, () => here.blocks.blocked('pump', 'api-key') !== undefined);
      const valve = () => sent(one, keyNamed('valve'));
      await Promise.all(
        Array.from({ length: 50 }, (_, at) => (at % 2 ? here : there).suspicion.attacked(valve(), attack(`${at}`))),
      );
      await within(1_000, () => [here, there].every(({ blocks }) => blocks.blocked('valve', 'api-key') !== undefined));
      assert.deepEqual([kit.entries.length, (await here.blocks.list({ ended: true })).items.length], [2, 2]);
    }));

  // Attack: four guesses at each node.
  test('failures count together, and block once', () =>
    withNodes(async ({ here, there, kit }) => {
      for (let each = 0; each < 4; each++) await (each % 2 ? here : there).failures.failed(failureFrom(one));
      await pause(50);
      assert.equal(here.blocks.blocked(one) ?? there.blocks.blocked(one), undefined);
      await here.failures.failed(failureFrom(one));
      assert.ok(here.blocks.blocked(one) !== undefined);
      await within(1_000, () => there.blocks.blocked(one) !== undefined);
      const other = '203.0.113.10';
      const both = Array.from({ length: 50 }, (_, at) => (at % 2 ? here : there).failures.failed(failureFrom(other)));
      await Promise.all(both);
      await within(1_000, () => [here, there].every(({ blocks }) => blocks.blocked(other) !== undefined));
      assert.deepEqual([kit.entries.length, (await here.blocks.list({ ended: true })).items.length], [2, 2]);
    }));

  test('a success at one node resets what failed at the other', () =>
    withNodes(async ({ here, there }) => {
      for (let round = 1; round <= 3; round++) {
        for (let each = 0; each < 4; each++) await here.failures.failed(failureFrom(one));
        await within(1_000, () => there.heard() === 4 * round);
        there.failures.succeeded(one);
        await there.hot.probe(); // on the same connection, so the count is reset by then
      }
      assert.equal(here.blocks.blocked(one), undefined);
    }));

  // Attack: Redis is brought down, so that no word of a block reaches the other node.
  test('a block reaches the other node within a second when the bus is away', { timeout: 30_000 }, () =>
    withNodes(async ({ here, there }) => {
      await redis.kill('SIGKILL');
      try {
        const made = await here.blocks.impose(nobody, offence(one));
        await within(1_000, () => there.blocks.blocked(one)?.id === made?.id);
        await there.blocks.lift(operator, one);
        await within(1_000, () => here.blocks.blocked(one) === undefined);
      } finally {
        await redis.restart();
      }
    }),
  );

  // Attack: PostgreSQL is brought down, and the guessing goes on.
  describe('without a database', () => {
    test('blocks that are there hold, and failures block at the node that sees them', { timeout: 60_000 }, () =>
      withNodes(async ({ here }) => {
        await here.blocks.block(operator, wishFor(one));
        await server.kill('SIGQUIT'); // with SIGKILL its children would go on for a moment
        try {
          const other = '203.0.113.10';
          for (let each = 0; each < 5; each++) await here.failures.failed(failureFrom(other));
          assert.ok(here.blocks.blocked(one)?.stored);
          assert.equal(here.blocks.blocked(other)?.stored, false);
        } finally {
          await server.restart();
        }
      }),
    );
  });
});
