import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Json } from '../kernel/tx.ts';
import { busContract, until } from './bus.contract.ts';
import { busGround, createThreadBus, missOn } from './bus-threads.ts';

let buses = 0;
const newGround = () => busGround(`bus-threads.test ${++buses}`);
const failed = (error: unknown): void => assert.fail(String(error));

busContract('threads', async () => {
  const errors: unknown[] = [];
  const ground = newGround();
  const bus = createThreadBus(ground, (error) => errors.push(error));
  const elsewhere = createThreadBus(ground, (error) => errors.push(error));
  return { bus, elsewhere, errors, close: async () => void (await Promise.all([bus.close(), elsewhere.close()])) };
});

/** Publishes `count` messages from a thread of its own and says so in shared memory, for this one to wait asleep. */
const PUBLISHER = `
  const { workerData } = require('node:worker_threads');
  import(workerData.module).then(({ createThreadBus }) => {
    const bus = createThreadBus(workerData.ground, console.error);
    const done = new Int32Array(workerData.done);
    for (let n = 0; n < workerData.count; n++) void bus.publish('topic', n);
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
    setTimeout(() => undefined, 60_000);
  });
`;

// Attack: a stolen token is used in the very moment in which another thread answers that it was revoked.
test('what another thread has published is heard by a settle, though this thread never came to its event loop', async () => {
  const ground = newGround();
  const bus = createThreadBus(ground, failed);
  const heard: Json[] = [];
  bus.subscribe('topic', (message) => heard.push(message));
  const done = new Int32Array(new SharedArrayBuffer(4));
  const module = new URL('./bus-threads.ts', import.meta.url).href;
  const worker = new Worker(PUBLISHER, { eval: true, workerData: { module, ground, done: done.buffer, count: 500 } });

  assert.notEqual(Atomics.wait(done, 0, 0, 20_000), 'timed-out'); // asleep, so nothing can be heard meanwhile
  assert.deepEqual(heard, []);
  bus.settle();
  assert.deepEqual(
    heard,
    Array.from({ length: 500 }, (_, n) => n),
  );
  await worker.terminate();
  await bus.close();
});

test('a settle hears each message once, in order, also when some came by themselves', async () => {
  const ground = newGround();
  const [bus, elsewhere] = [createThreadBus(ground, failed), createThreadBus(ground, failed)];
  const heard: Json[] = [];
  elsewhere.subscribe('topic', (message) => heard.push(message));
  for (let n = 0; n < 100; n++) {
    await bus.publish('topic', n);
    if (n % 3 === 0) elsewhere.settle();
    if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  elsewhere.settle();
  assert.deepEqual(
    heard,
    Array.from({ length: 100 }, (_, n) => n),
  );
  await Promise.all([bus.close(), elsewhere.close()]);
  elsewhere.settle();
});

// Attack: a thread is made to crash after it has stored a revocation and before it has told anybody.
test('a gap that one thread makes is known to every other from its next settle on', async () => {
  const ground = newGround();
  const [bus, elsewhere] = [createThreadBus(ground, failed), createThreadBus(ground, failed)];
  let [here, there] = [0, 0];
  bus.onGap(() => here++);
  elsewhere.onGap(() => there++);
  missOn(ground);
  assert.deepEqual([here, there], [0, 0]);
  bus.settle();
  elsewhere.settle();
  assert.deepEqual([here, there, bus.gaps()], [1, 1, 1]);
  bus.miss();
  elsewhere.settle();
  assert.deepEqual([here, there, elsewhere.gaps()], [2, 2, 2]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([here, there], [2, 2], 'each gap once');
  assert.equal(createThreadBus(ground, failed).gaps(), 0, 'who comes later has missed nothing');
  await Promise.all([bus.close(), elsewhere.close()]);
});

test('a thread that no request comes to hears of a gap by itself', async () => {
  const ground = newGround();
  const bus = createThreadBus(ground, failed);
  let heard = 0;
  bus.onGap(() => heard++);
  const awake = setInterval(() => undefined, 10);
  missOn(ground);
  await until(() => heard === 1);
  clearInterval(awake);
  await bus.close();
});

test('two buses of one process hear nothing of each other', async () => {
  const [one, other] = [createThreadBus(newGround(), failed), createThreadBus(newGround(), failed)];
  other.subscribe('topic', () => assert.fail('another bus'));
  await one.publish('topic', 1);
  other.settle();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Promise.all([one.close(), other.close()]);
});
