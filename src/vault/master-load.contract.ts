import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { addSubjects, emptyDatabase, nobody, random, startProcess } from './masters-kit.contract.ts';
import { memoryProvider } from './provider.ts';

const MOST_MS_PER_KEY = 0.6;
const LONGEST_STOP_MS = 2_000;

/** Rotates the master key over that many subject keys, and holds it to its time and to how long others wait. */
export async function rotateManyKeys(t: TestContext, count: number): Promise<void> {
  const storage = await emptyDatabase();
  t.after(storage.close);
  const one = await startProcess({ storage, provider: memoryProvider(random) });
  await addSubjects(one, count, null);
  let [longest, last] = [0, performance.now()];
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const began = performance.now();
  const { keys } = await one.rotator.rotate(nobody).finally(() => clearInterval(beat));
  const tookMs = performance.now() - began;
  assert.equal(keys, count);
  assert.ok(tookMs < count * MOST_MS_PER_KEY, `${tookMs} ms`);
  assert.ok(longest < LONGEST_STOP_MS, `the event loop stood still for ${longest} ms`);
  t.diagnostic(`${keys} keys in ${Math.round(tookMs)} ms, longest stop ${Math.round(longest)} ms`);
}
