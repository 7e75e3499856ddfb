import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serverSuite, startPostgres, startRedis } from '../../src/testing/index.ts';
import { startRecorder } from './gateway-recorder.ts';
import { BUDGET, startLoad, startNodes } from './redis-load.ts';
import type { Victim } from './start-victim.ts';

const AWAY_MS = 1_500;
const RECOVERY_MS = 5_000;
const ANSWER_MS = 1_000;

const redis = await startRedis();
after(() => redis?.stop());

const shareOf = (ms: readonly number[], share: number): number =>
  ms.toSorted((a, b) => a - b)[Math.min(Math.floor(ms.length * share), ms.length - 1)] ?? 0;

/** @returns how long it took until all were ready again */
async function ready(victims: readonly Victim[]): Promise<number> {
  const begun = performance.now();
  for (const { address, log } of victims) {
    while ((await fetch(`${address}/ready`)).status !== 200) {
      assert.ok(performance.now() - begun < RECOVERY_MS, `not ready again: ${log()}`);
      await pause(20);
    }
  }
  return performance.now() - begun;
}

await serverSuite('Redis under load', startPostgres, (postgres) => {
  // Attack: whoever can stop or restart Redis uses what was ended, comes in though blocked, or has budgets anew.
  test('killed, stopped and back empty: what was revoked or blocked stays so, and limits hold', async (t) => {
    assert.ok(redis, 'Redis could not be started');
    const recorder = await startRecorder();
    const nodes = await startNodes(postgres, redis.url, recorder.url);
    t.after(async () => {
      await nodes.stop();
      await recorder.close();
    });
    const begun = performance.now();
    const load = await startLoad(nodes);
    t.after(load.end);
    const { seen } = load;
    await pause(2 * AWAY_MS);
    const quietMs = shareOf(seen.tookMs.splice(0), 0.99);
    for (const [at, way] of ['SIGKILL', 'SIGSTOP', 'restart'].entries()) {
      if (way === 'restart') await redis.restart();
      else await redis.kill(way as NodeJS.Signals);
      await load.revoke();
      await load.attackAs();
      await load.attackFrom(`203.0.113.${at + 20}`);
      await pause(AWAY_MS);
      if (way === 'SIGKILL') await redis.restart();
      if (way === 'SIGSTOP') await redis.kill('SIGCONT');
      t.diagnostic(`${way}: ready ${(await ready(nodes.victims)).toFixed(0)} ms after its return`);
      await pause(AWAY_MS);
    }
    await load.end();
    const p99Ms = shareOf(seen.tookMs, 0.99);
    const took = performance.now() - begun;
    t.diagnostic(
      `${took.toFixed(0)} ms, ${seen.looks} looks by ${seen.revoked} revoked and 4 blocked, granted ${seen.granted}, p99 ${p99Ms.toFixed(0)} ms, slowest ${shareOf(seen.tookMs, 1).toFixed(0)} ms, p99 before ${quietMs.toFixed(0)} ms`,
    );
    assert.deepEqual(seen.wrongs.slice(0, 10), [], `${seen.wrongs.length} of them`);
    assert.deepEqual([...seen.honest.keys()], [200], 'who does nothing wrong is served throughout');
    assert.ok(
      took > 61_000 || seen.granted.every((count) => count <= BUDGET),
      `a budget was exceeded: ${seen.granted}`,
    );
    const refusedMs = shareOf(seen.refusedMs, 0.9);
    t.diagnostic(`of ${seen.refusedMs.length} attacks nine in ten were refused within ${refusedMs.toFixed(0)} ms`);
    assert.ok(refusedMs < ANSWER_MS, `${refusedMs} ms`);
    assert.ok(p99Ms < quietMs + ANSWER_MS, `${p99Ms} ms`);
  });
});
