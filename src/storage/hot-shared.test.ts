import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../kernel/clock.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { digestName } from './hot-digest.ts';
import type { FloodJob } from './hot-flood.contract.ts';
import { createMemoryHotState } from './hot-memory.ts';
import { createSharedHotState } from './hot-shared.ts';
import { hotStateContract } from './hot-state.contract.ts';
import { sharedHotBuffer } from './hot-table.ts';
import { slidingContract, type TickingHotState, takeNow, ticking } from './hot-takes.contract.ts';

const random = createSystemRandom();

const shared = (cells: number): TickingHotState =>
  ticking((clock) =>
    createSharedHotState({ clock, buffer: sharedHotBuffer(cells, random), values: createMemoryHotState({ clock }) }),
  );

hotStateContract('shared memory', async () => {
  const { hot, pass } = shared(1_000);
  return { hot, advance: async (ms) => pass(ms), close: hot.close };
});

describe('in shared memory', () => slidingContract(test, () => shared(16)));

/** @returns the thread once it is ready, or once it holds what it is to hold */
async function start(job: FloodJob): Promise<Worker> {
  const worker = new Worker(new URL('./hot-flood.contract.ts', import.meta.url), { workerData: job });
  await once(worker, 'message');
  return worker;
}

async function floodOf(jobs: readonly FloodJob[], forMs = never): Promise<readonly number[]> {
  const threads = await Promise.all(jobs.map(start));
  const answers = threads.map(async (worker) => Number((await once(worker, 'message'))[0]));
  const until = Date.now() + forMs;
  for (const worker of threads) worker.postMessage(until);
  const allowed = await Promise.all(answers);
  await Promise.all(threads.map((worker) => worker.terminate()));
  return allowed;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const here = (buffer: SharedArrayBuffer) =>
  createSharedHotState({ clock: systemClock, buffer, values: createMemoryHotState({ clock: systemClock }) });

const never = Number.MAX_SAFE_INTEGER;

// Attack: requests go to all worker threads at once, each of which would count its own part.
test('four threads that flood one cell are allowed exactly the limit', async () => {
  const buffer = sharedHotBuffer(1_000, random);
  const takes = [{ cell: 'cell', limit: { count: 50_000, windowMs: 600_000 } }];
  const job: FloodJob = { buffer, kind: 'flood', takes, times: 100_000 };
  assert.equal(sum(await floodOf([job, job, job, job])), 50_000);
});

test('four threads that flood one cell through several windows are allowed the limit in each', async () => {
  const buffer = sharedHotBuffer(1_000, random);
  const takes = [{ cell: 'cell', limit: { count: 1_000, windowMs: 600 } }];
  const job: FloodJob = { buffer, kind: 'flood', takes, times: never };
  const allowed = sum(await floodOf([job, job, job, job], 2_500));
  // A window slides by slots, and threads begin anywhere in one: between the bounds any number is right.
  assert.ok(allowed >= 3_000 && allowed <= 5_000, String(allowed));
});

// Attack: two threads take the same cells in opposite order, and wait for each other for ever.
test('threads that take several cells at once, in any order, count all of them or none', async () => {
  const buffer = sharedHotBuffer(1_000, random);
  const cells = ['a', 'b', 'c', 'd', 'e'].map((cell, nth) => ({
    cell,
    limit: { count: 20_000 + 1_000 * nth, windowMs: 600_000 },
  }));
  const turned = (by: number) => [...cells.slice(by), ...cells.slice(0, by)];
  const job = (takes: FloodJob['takes']): FloodJob => ({ buffer, kind: 'flood', takes, times: 20_000 });
  const allowed = await floodOf([job(cells), job(cells.toReversed()), job(turned(2)), job(turned(4))]);
  assert.equal(sum(allowed), 20_000);
  for (const { cell, limit } of cells) {
    const taken = takeNow(here(buffer), cell, limit.count + 1, limit.windowMs);
    assert.equal(taken.remaining, limit.count - 20_000, cell);
  }
});

// Attack: a request ends a thread just while it counts, and with it all others that meet the same cell.
test('a thread that is ended while it holds a cell holds up the others for a moment only', async () => {
  const buffer = sharedHotBuffer(1_000, random);
  const limit = { count: 10, windowMs: 600_000 };
  const hot = here(buffer);
  for (let time = 0; time < 4; time++) takeNow(hot, 'cell', limit.count, limit.windowMs);
  const worker = await start({ buffer, kind: 'hold', takes: [{ cell: 'cell', limit }], times: 1 });
  await worker.terminate();
  const began = performance.now();
  assert.equal(takeNow(hot, 'cell', limit.count, limit.windowMs).remaining, 5);
  const took = performance.now() - began;
  assert.ok(took > 50 && took < 2_000, String(took));
  const later = performance.now();
  assert.equal(takeNow(hot, 'cell', limit.count, limit.windowMs).remaining, 4);
  assert.ok(performance.now() - later < 50);
});

test('of ten thousand names none shares its count with another', () => {
  const { hot } = shared(65_536);
  for (let name = 0; name < 10_000; name++) assert.equal(takeNow(hot, `name ${name}`, 5, 60_000).remaining, 4);
  for (let name = 0; name < 10_000; name++) assert.equal(takeNow(hot, `name ${name}`, 5, 60_000).remaining, 3);
});

// Attack: a flood of new names drives the attacker's own cell out of the table.
test('when a bucket is full the ended go first, then the longest untouched', () => {
  const { hot, pass } = shared(16);
  const taken = (cell: string, windowMs: number): boolean => takeNow(hot, cell, 1, windowMs).allowed;
  taken('brief', 1_000);
  for (let name = 0; name < 15; name++) taken(`long ${name}`, 60_000);
  pass(1_100);
  taken('in the place of brief', 60_000);
  for (let name = 0; name < 15; name++) assert.equal(taken(`long ${name}`, 60_000), false);
  taken('attacked', 60_000);
  for (let name = 0; name < 1_000; name++) {
    assert.equal(taken('attacked', 60_000), false);
    taken(`flood ${name}`, 60_000);
  }
});

test('names are digested by HalfSipHash-2-4, under a seed that each buffer has for itself', () => {
  // The first vectors of the reference code: the key is the bytes 0 to 7, the message those from 0 on.
  const vectors = { 0: '218d1f59b9b83cc8', 2: '064f39ef7c50eb57', 4: 'd5e78a175be52ea1', 8: 'edfee820bce4858c' };
  for (const [bytes, expected] of Object.entries({ ...vectors, 10: '95b0469f06a6f2ee', 62: 'f90b3ab572d46693' })) {
    const message = Buffer.from(Array.from({ length: Number(bytes) }, (_, byte) => byte)).toString('utf16le');
    const digest = { low: 0, high: 0 };
    digestName({ low: 0x03020100, high: 0x07060504 }, message, digest);
    const written = Buffer.alloc(8);
    written.writeInt32LE(digest.low, 0);
    written.writeInt32LE(digest.high, 4);
    assert.equal(written.toString('hex'), expected, bytes);
  }
  const seedOf = (buffer: SharedArrayBuffer) => Buffer.from(buffer).toString('hex', 8, 16);
  assert.notEqual(seedOf(sharedHotBuffer(1, random)), seedOf(sharedHotBuffer(1, random)));
});

test('a buffer of another form, or a size that makes no sense, is refused', () => {
  const open = (buffer: SharedArrayBuffer) => () => here(buffer);
  assert.throws(open(new SharedArrayBuffer(4_096)), TypeError);
  assert.throws(open(new SharedArrayBuffer(0)), TypeError);
  for (const cells of [0, -1, 1.5, Number.NaN, 2 ** 20 + 1])
    assert.throws(() => sharedHotBuffer(cells, random), TypeError);
});
