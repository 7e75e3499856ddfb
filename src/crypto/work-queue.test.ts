import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createWorkQueue } from './work-queue.ts';

/** Work that ends when it is told to, and says when it began. */
function bench(queue: ReturnType<typeof createWorkQueue>) {
  const began: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<string>>();
  return {
    began,
    start(name: string): Promise<string> {
      const gate = Promise.withResolvers<string>();
      gates.set(name, gate);
      return queue.run(() => {
        began.push(name);
        return gate.promise;
      });
    },
    finish: (name: string) => gates.get(name)?.resolve(name),
    fail: (name: string) => gates.get(name)?.reject(new Error(name)),
  };
}

const isBusy = (error: unknown) => {
  assert.ok(isFault(error, 'CRYPTO_BUSY'));
  assert.equal(error.kind, 'unavailable');
  assert.deepEqual(error.facts, { retry_after_s: 1 });
  return true;
};

test('work past the concurrency waits and is served in order', async () => {
  const { began, start, finish } = bench(createWorkQueue({ concurrency: 2, queueLimit: 9 }));
  const done = ['a', 'b', 'c', 'd'].map(start);
  await Promise.resolve();
  assert.deepEqual(began, ['a', 'b']);
  finish('b');
  assert.equal(await done[1], 'b');
  const late = start('late'); // must not take the place that falls to c
  await Promise.resolve();
  assert.deepEqual(began, ['a', 'b', 'c']);
  for (const name of ['a', 'c', 'd', 'late']) finish(name);
  assert.deepEqual(await Promise.all([...done, late]), ['a', 'b', 'c', 'd', 'late']);
  assert.deepEqual(began, ['a', 'b', 'c', 'd', 'late']);
});

test('work past the queue is refused at once, and admitted again when there is room', async () => {
  const { start, finish } = bench(createWorkQueue({ concurrency: 1, queueLimit: 1 }));
  const [a, b] = [start('a'), start('b')];
  await assert.rejects(start('c'), isBusy);
  finish('a');
  await a;
  const again = start('d');
  for (const name of ['b', 'd']) finish(name);
  assert.deepEqual(await Promise.all([b, again]), ['b', 'd']);
});

test('work that fails leaves its place to the next', async () => {
  const { start, finish, fail } = bench(createWorkQueue({ concurrency: 1, queueLimit: 1 }));
  const [a, b] = [start('a'), start('b')];
  fail('a');
  await assert.rejects(a, { message: 'a' });
  finish('b');
  assert.equal(await b, 'b');
  const c = start('c');
  finish('c');
  assert.equal(await c, 'c');
});

test('without a queue only what can start at once is admitted', async () => {
  const { start, finish } = bench(createWorkQueue({ concurrency: 1, queueLimit: 0 }));
  const a = start('a');
  await assert.rejects(start('b'), isBusy);
  finish('a');
  await a;
});

test('bounds that are no bounds are refused', () => {
  for (const concurrency of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => createWorkQueue({ concurrency, queueLimit: 1 }), RangeError);
  }
  for (const queueLimit of [-1, 0.5, Number.POSITIVE_INFINITY]) {
    assert.throws(() => createWorkQueue({ concurrency: 1, queueLimit }), RangeError);
  }
});
