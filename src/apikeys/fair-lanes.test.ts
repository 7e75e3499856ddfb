import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createFairLanes, type FairLanes } from './fair-lanes.ts';

/** Work that ends when it is told to, and says when it began; its lane is the first letter of its name. */
function bench(lanes: FairLanes) {
  const began: string[] = [];
  const turnedAway: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const settle = () => new Promise(setImmediate);
  return {
    began,
    turnedAway,
    async start(...names: string[]): Promise<void> {
      for (const name of names) {
        const gate = Promise.withResolvers<void>();
        gates.set(name, gate);
        const work = lanes.run(name.slice(0, 1), () => {
          began.push(name);
          return gate.promise;
        });
        work.catch((error) => {
          if (isFault(error, 'CRYPTO_BUSY')) assert.deepEqual(error.facts, { retry_after_s: 1 });
          turnedAway.push(name);
        });
      }
      await settle();
    },
    async finish(...names: string[]): Promise<void> {
      for (const name of names) {
        gates.get(name)?.resolve();
        await settle();
      }
    },
    async fail(name: string): Promise<void> {
      gates.get(name)?.reject(new Error(name));
      await settle();
    },
  };
}

// Attack: one address sends invented keys by the dozen, and nobody else's key is looked at for a minute.
test('a lane that comes later waits for the work that runs, and for no more of a lane that has plenty', async () => {
  const { began, start, finish } = bench(createFairLanes({ concurrency: 1, perLane: 4, queueLimit: 64 }));
  await start('a1', 'a2', 'a3', 'a4', 'b1');
  await finish('a1');
  await start('c1', 'c2');
  await finish('b1', 'a2', 'c1', 'a3', 'c2', 'a4');
  assert.deepEqual(began, ['a1', 'b1', 'a2', 'c1', 'a3', 'c2', 'a4']);
});

test('a lane alone gets all places, and gives them up one by one to those that come', async () => {
  const { began, start, finish } = bench(createFairLanes({ concurrency: 2, perLane: 6, queueLimit: 64 }));
  await start('a1', 'a2', 'a3', 'a4', 'b1', 'b2');
  assert.deepEqual(began, ['a1', 'a2']);
  await finish('a1');
  assert.deepEqual(began.at(-1), 'b1');
  await finish('a2');
  assert.deepEqual(began.at(-1), 'a3', 'b has one running, a none');
  await finish('a3', 'b1', 'a4', 'b2');
  assert.deepEqual(began.slice(4).sort(), ['a4', 'b2']);
});

test('a lane has so many waiting or running, the next is told to come back, and gets in when one is done', async () => {
  const { began, turnedAway, start, finish, fail } = bench(
    createFairLanes({ concurrency: 1, perLane: 2, queueLimit: 64 }),
  );
  await start('a1', 'a2', 'a3', 'b1');
  assert.deepEqual(turnedAway, ['a3']);
  await fail('a1');
  await start('a4', 'a5');
  assert.deepEqual(turnedAway, ['a3', 'a1', 'a5']);
  await finish('b1', 'a2', 'a4');
  assert.deepEqual(began, ['a1', 'b1', 'a2', 'a4']);
});

// Attack: sixteen addresses with four invented keys each fill every place that there is.
test('where no place is left the longest lane gives one up to a lane that has fewer', async () => {
  const { began, turnedAway, start, finish } = bench(createFairLanes({ concurrency: 1, perLane: 4, queueLimit: 5 }));
  await start('a1', 'a2', 'a3', 'a4', 'b1', 'b2');
  await start('c1');
  assert.deepEqual(turnedAway, ['a4']);
  await start('d1');
  assert.deepEqual(turnedAway, ['a4', 'a3']);
  await start('e1');
  assert.deepEqual(turnedAway, ['a4', 'a3', 'b2']);
  await start('f1', 'b3');
  assert.deepEqual(turnedAway, ['a4', 'a3', 'b2', 'f1', 'b3'], 'all have one each');
  await finish('a1', 'b1', 'c1', 'd1', 'e1', 'a2');
  assert.deepEqual(began, ['a1', 'b1', 'c1', 'd1', 'e1', 'a2']);
});

test('places are free again when all is done', async () => {
  const { began, start, finish } = bench(createFairLanes({ concurrency: 1, perLane: 1, queueLimit: 1 }));
  for (const round of [1, 2, 3]) {
    await start(`a${round}`, `b${round}`);
    await finish(`a${round}`, `b${round}`);
  }
  assert.equal(began.length, 6);
});
