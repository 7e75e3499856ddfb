import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Json } from '../kernel/tx.ts';
import { serverSuite, startRedis } from '../testing/index.ts';
import { busContract, until } from './bus.contract.ts';
import { type Bus, createMemoryBus } from './bus.ts';
import { createRedisBus } from './bus-redis.ts';
import { connectRedis, firstContact } from './redis-connection.ts';
import { expectFault } from './storage-kit.contract.ts';

busContract('memory', async () => {
  const errors: unknown[] = [];
  const bus = createMemoryBus((error) => errors.push(error));
  return { bus, elsewhere: bus, errors, close: bus.close };
});

await serverSuite('Redis', startRedis, (server) => {
  const { url } = server;
  let prefixes = 0;

  async function makePair(prefix = `test[${++prefixes}]*:`) {
    const errors: unknown[] = [];
    const options = { url, prefix, onError: (error: unknown) => errors.push(error) };
    const [bus, elsewhere] = await Promise.all([createRedisBus(options), createRedisBus(options)]);
    const close = async (): Promise<void> => void (await Promise.all([bus.close(), elsewhere.close()]));
    return { bus, elsewhere, errors, close, prefix };
  }

  busContract('Redis', () => makePair());

  const heardOn = (bus: Bus, topic = 'topic'): Json[] => {
    const heard: Json[] = [];
    bus.subscribe(topic, (message) => heard.push(message));
    return heard;
  };

  test('a message that cannot be read is ignored and told to the operator', async () => {
    const { bus, elsewhere, errors, close, prefix } = await makePair();
    const heard = heardOn(bus);
    const redis = connectRedis({ url }, 'test');
    await firstContact(redis);
    for (const bad of ['', 'null', '[]', '{"from":1,"message":2}', '{"from":"x"}', '{', '"x"', '1']) {
      await redis.publish(`${prefix}bus:topic`, bad);
    }
    redis.disconnect();
    await elsewhere.publish('topic', 'good');
    await until(() => heard.length === 1);
    assert.deepEqual(heard, ['good']);
    assert.equal(errors.length, 16); // both buses hear the eight
    await close();
  });

  test('another prefix is another bus', async () => {
    const [one, two] = await Promise.all([makePair('a'), makePair('ab')]);
    const heard = [heardOn(one.elsewhere), heardOn(two.elsewhere)];
    await one.bus.publish('topic', 1);
    await two.bus.publish('topic', 2);
    await pause(50);
    assert.deepEqual(heard, [[1], [2]]);
    await Promise.all([one.close(), two.close()]);
  });

  // Attack: a revocation is published while a node is cut off, and the stolen token works there for good.
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    test(`a bus knows that it hears nothing after ${signal}, and that it may have missed something`, async () => {
      const { bus, elsewhere, close } = await makePair();
      const here = heardOn(bus);
      const there = heardOn(elsewhere);
      let told = 0;
      bus.onGap(() => told++);
      await server.kill(signal);
      await until(() => !bus.healthy() && !elsewhere.healthy(), 1_500);
      await expectFault('STORAGE_UNAVAILABLE', bus.publish('topic', 'lost'));
      assert.deepEqual([here, there], [['lost'], []]);

      if (signal === 'SIGKILL') await server.restart();
      else await server.kill('SIGCONT');
      await until(() => bus.healthy() && elsewhere.healthy(), 5_000);
      assert.ok(bus.gaps() > 0 && elsewhere.gaps() > 0);
      assert.equal(told, bus.gaps());
      const sends = (): Promise<boolean> =>
        bus.publish('nobody', 0).then(
          () => true,
          () => false,
        );
      for (let tried = 0; !(await sends()); tried++) {
        assert.ok(tried < 100, 'its other connection does not come back');
        await pause(20);
      }
      await bus.publish('topic', 'kept');
      await until(() => there.includes('kept'));
      assert.deepEqual(here, ['lost', 'kept']);
      await close();
    });
  }

  test('a bus opens while Redis is away, and hears once it is there', async () => {
    await server.kill('SIGKILL');
    const { bus, elsewhere, close } = await makePair();
    assert.equal(bus.healthy(), false);
    const there = heardOn(elsewhere);
    await server.restart();
    await until(() => bus.healthy() && elsewhere.healthy(), 5_000);
    for (let waited = 0; there.length === 0 && waited < 100; waited++) {
      await bus.publish('topic', 1).catch(() => undefined); // its other connection may still be on the way
      await pause(20);
    }
    assert.ok(there.length > 0);
    await close();
  });
});
