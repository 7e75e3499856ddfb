import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readVerifier, verifyLog } from '../../src/audit/index.ts';
import { readBooks, reconcile } from './books.ts';
import { call, signIn } from './call.ts';
import { createDice, type Dice } from './dice.ts';
import type { Place } from './places.ts';
import { endChild, spawnVictim, startVictim } from './start-victim.ts';

const READY_MS = 25_000; // on a machine that is busy with other tests
const LONGEST_START_MS = 450;

/** Where a start is cut off: before the so-manieth call of a kind. A thread counts its own. */
export interface Cut {
  readonly name: string;
  readonly nth: number;
}

/** Kills first starts at random moments, one after another on the same folder. @returns how many were still starting */
export async function cutStartsAtRandom(t: TestContext, place: Place, seed: number, kills: number): Promise<void> {
  t.diagnostic(`FAULT_SEED=${seed}`);
  const dice: Dice = createDice(seed);
  const moments: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const moment = dice.between(40, LONGEST_START_MS);
    const child = spawnVictim(place.setting);
    await pause(moment);
    await endChild(child, 'SIGKILL');
    moments.push(moment);
  }
  t.diagnostic(`killed ${moments.join(', ')} ms after it was spawned`);
  await assertStarts(t, place);
}

/** Kills a first start before one system call, by `strace`. @returns why not, where there is none */
export async function cutStart(
  place: Place,
  { name, nth }: Cut,
): Promise<'cut' | 'ready' | { readonly missing: string }> {
  const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${nth}`];
  const child = spawnVictim({ ...place.setting, under: ['strace', '-f', '-qq', '-o', '/dev/null', ...inject] });
  const failed = once(child, 'spawn').then(
    () => undefined,
    (error: Error) => error.message,
  );
  const printed = once(child.stdout ?? child, 'data').then(() => 'ready' as const);
  const ended = once(child, 'close').then(() => 'cut' as const);
  for (const outcome of [printed, ended]) outcome.catch(() => undefined);
  const failure = await failed;
  if (failure !== undefined) return { missing: `strace can't be had here: ${failure}` };
  const outcome = await Promise.race([printed, ended]); // it may need fewer such calls than that
  child.stdin?.end(); // whatever is left of it ends itself
  await ended;
  return outcome;
}

/** The next start is ready in time, has its administrator, and its log is whole. */
export async function assertStarts(t: TestContext, place: Place): Promise<void> {
  const victim = await startVictim(place.setting);
  t.after(() => victim.kill('SIGKILL'));
  assert.ok(victim.readyMs <= READY_MS, `ready after ${victim.readyMs} ms`);
  const token = await signIn(victim.address);
  assert.equal((await call(victim.address, 'GET', '/v1/users', { token })).json.items.length, 1);
  const { verifier } = (await call(victim.address, 'GET', '/v1/audit/checkpoint', { token })).json;
  assert.deepEqual(reconcile(await readBooks(place)), []);
  await victim.kill('SIGTERM');
  const storage = await place.open();
  const report = await verifyLog(storage, { key: readVerifier(verifier) }).finally(storage.close);
  assert.deepEqual(report.flaws, []);
}
