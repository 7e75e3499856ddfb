import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryHotState } from './hot-memory.ts';
import { hotStateContract } from './hot-state.contract.ts';
import { slidingContract, type TickingHotState, takeNow, ticking } from './hot-takes.contract.ts';

const inMemory = (maxCells?: number): TickingHotState => ticking((clock) => createMemoryHotState({ clock, maxCells }));

hotStateContract('memory', async () => {
  const { hot, pass } = inMemory();
  return { hot, advance: async (ms) => pass(ms), close: hot.close };
});

describe('in memory', () => slidingContract(test, () => inMemory()));

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

// Attack: a flood of addresses, or of takes spread over a whole window, fills the memory.
test('in memory a cell costs some hundred bytes, and few when its takes are near each other', () => {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  assert.ok(typeof gc === 'function');
  const used = (): number => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const { hot, pass } = inMemory(20_000);
  const before = used();
  const round = (): void => {
    for (let name = 0; name < 10_000; name++) takeNow(hot, `cell ${name}`, 1_000_000, 60_000);
  };
  for (let time = 0; time < 30; time++) round();
  const near = (used() - before) / 10_000;
  assert.ok(near < 700, String(near));
  for (let time = 0; time < 60; time++) {
    pass(1_000);
    round();
  }
  const spread = (used() - before) / 10_000;
  assert.ok(spread < 1_000, String(spread));
});
