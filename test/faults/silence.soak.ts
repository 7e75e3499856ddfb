import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { readBooks, reconcile } from './books.ts';
import { layCable } from './cable.ts';
import { assertUnavailable, call, makeKey, signIn } from './call.ts';
import { postgresPlace } from './places.ts';
import { startVictim } from './start-victim.ts';

/** The longest statement, and the grace for its answer. */
const LONGEST_MS = 14_000;
const READY_ANSWER_MS = 4_000;
const RECOVERY_MS = 5_000;

await serverSuite('the way to PostgreSQL falls silent', startPostgres, (server) => {
  test('requests end with a 503 in bounded time, /ready says so soon, and all is well after it', async (t) => {
    const place = await postgresPlace(server);
    t.after(place.remove);
    const url = new URL(place.setting.env?.['TWINKEEP_DATABASE_URL'] ?? '');
    const cable = await layCable(Number(url.port));
    t.after(cable.close);
    url.port = String(cable.port);
    const victim = await startVictim({ ...place.setting, env: { TWINKEEP_DATABASE_URL: url.href } });
    t.after(() => victim.kill('SIGKILL'));
    const token = await signIn(victim.address);
    const key = await makeKey(victim.address, token);

    const since = (start: number): number => Math.round(performance.now() - start);
    const post = (meter: string) => {
      const body = { meter_id: meter, timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 };
      return call(victim.address, 'POST', '/v1/readings', { key, body });
    };
    assert.equal((await post('before')).status, 201);

    cable.cut();
    const cutAt = performance.now();
    const requests = Array.from({ length: 30 }, async (_, index) => {
      assertUnavailable(await post(`silent-${index}`));
      return since(cutAt);
    });
    await pause(500);
    const asked = performance.now();
    const ready = await call(victim.address, 'GET', '/ready');
    const readyMs = since(asked);
    assert.deepEqual([ready.status, ready.json.checks.database], [503, 'failing']);
    assert.ok(readyMs < READY_ANSWER_MS, `/ready took ${readyMs} ms to say so`);
    assert.equal((await call(victim.address, 'GET', '/health')).status, 200);
    const slowest = Math.max(...(await Promise.all(requests)));
    assert.ok(slowest < LONGEST_MS, `the last request ended after ${slowest} ms`);

    cable.mend();
    const mendedAt = performance.now();
    while ((await post('after')).status !== 201) {
      assert.ok(since(mendedAt) < RECOVERY_MS, `no write ${since(mendedAt)} ms after the way was mended`);
      await pause(20);
    }
    t.diagnostic(`/ready said so within ${readyMs} ms, the last of 30 requests after ${slowest} ms`);
    t.diagnostic(`writes again ${since(mendedAt)} ms after the way was mended`);
    assert.ok(victim.alive(), victim.log());
    assert.deepEqual(reconcile(await readBooks(place)), []);
  });
});
