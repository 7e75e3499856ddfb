import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serverSuite, startPostgres, startRedis } from '../../../src/testing/index.ts';
import { SECRET } from '../profile-kit.ts';
import { createPlace, type StartedServer, withRedisThere } from '../started.ts';

async function startBoth() {
  const redis = await startRedis();
  const postgres = redis && (await startPostgres());
  if (redis === undefined || postgres === undefined) {
    await redis?.stop();
    return undefined;
  }
  const stop = async (): Promise<void> => void (await Promise.all([redis.stop(), postgres.stop()]));
  return { ...postgres, redis, stop };
}

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

const statusAt = async (server: StartedServer | undefined, address: string, token?: string) =>
  (await server?.call('GET', '/api/v1/data/secure', { token, ...from(address) }))?.status;

await serverSuite('two processes on one PostgreSQL and Redis', startBoth, (servers) => {
  // Attack: guesses are spread over the replicas, and whoever is blocked at one goes on at the other.
  test('D06 D02 failures, blocks and limits of all processes are one', { timeout: 120_000 }, async (t) => {
    const env = {
      TWINKEEP_PROFILE: 'ems',
      JWT_SECRET_KEY: SECRET,
      TWINKEEP_MASTER_KEY: randomBytes(32).toString('base64'),
      TWINKEEP_DATABASE_URL: await servers.createDatabase(),
      REDIS_URL: servers.redis.url,
    };
    const started: StartedServer[] = [];
    for (let each = 0; each < 2; each++) {
      const place = createPlace(t, env);
      place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } }, trustedProxies: ['127.0.0.1'] });
      started.push(await place.start());
    }
    const [one, two] = started;

    const passed = await withRedisThere(started, async (attempt) => {
      const ask = (at: number) => started[at % 2]?.call('GET', '/nothing', from(`192.0.2.${attempt}`));
      const answers = await Promise.all(Array.from({ length: 140 }, (_, at) => ask(at)));
      return answers.filter((answer) => answer?.status === 404).length;
    });
    assert.equal(passed, 100);

    const blocked = await withRedisThere(started, async (attempt) => {
      const address = `203.0.113.${attempt}`;
      for (let each = 0; each < 5; each++) assert.equal(await statusAt(started[each % 2], address, 'bad'), 401);
      const both = async () => [await statusAt(one, address), await statusAt(two, address)];
      for (const until = performance.now() + 2_000; performance.now() < until; await pause(20))
        if ((await both()).every((status) => status === 403)) break;
      return both();
    });
    assert.deepEqual(blocked, [403, 403]);
    assert.equal((await two?.call('GET', '/nothing', from('198.51.100.1')))?.status, 404, 'nobody else is');
  });
});

await serverSuite('one process on Redis', startRedis, (redis) => {
  // Attack: four guesses, a restart to wait for, four guesses more.
  test('D06 with Redis the count of failures outlives the process that counted', { timeout: 120_000 }, async (t) => {
    const place = createPlace(t, { TWINKEEP_PROFILE: 'ems', JWT_SECRET_KEY: SECRET, REDIS_URL: redis.url });
    place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } }, trustedProxies: ['127.0.0.1'] });
    const first = await place.start();
    const address = await withRedisThere([first], async (attempt) => {
      const own = `203.0.113.${100 + attempt}`;
      for (let each = 0; each < 4; each++) assert.equal(await statusAt(first, own, 'bad'), 401);
      return own;
    });
    await first.running.stop('SIGKILL');
    const second = await place.start();
    assert.equal(await statusAt(second, address, 'bad'), 401, 'the fifth');
    assert.equal(await statusAt(second, address), 403);
  });
});
