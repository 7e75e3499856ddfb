import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { hash } from '@node-rs/bcrypt';
import { Redis } from 'ioredis';
import { hours, minutes, seconds } from '../../../src/kernel/clock.ts';
import { type Answer, serverSuite, startRedis } from '../../../src/testing/index.ts';
import { type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace, type StartedServer, withRedisThere } from '../started.ts';

/** As `token_urlsafe(32)` makes them (E34). */
const KEY = 'Xb3kQ9vRhV1mC7sLw0pZ2yT5nG8jD4fA6eU_iO-KxWq';
const WINDOW_MS = hours(1);
/** A take is counted for its whole window, and for a sixtieth of it more at most (src/storage/hot-window.ts). */
const SLACK_MS = WINDOW_MS / 60;

interface Options {
  readonly redisUrl?: string;
  readonly trustedProxies?: string[];
}

async function withEms(work: (kit: ProfileKit) => Promise<void>, config: Options = {}): Promise<void> {
  const hashed = await hash(KEY, { cost: 4, version: '2b' });
  const settings = (folder: string) => {
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ [KEY.slice(0, 8)]: hashed }));
    return { apiKeysFile: join(folder, 'keys.json') };
  };
  const kit = await startProfile('ems', settings, { config });
  try {
    await work(kit);
  } finally {
    await kit.close();
  }
}

const anonymous = (kit: ProfileKit): Promise<Answer> => kit.call('GET', '/nothing');
const byKey = (kit: ProfileKit, key = KEY): Promise<Answer> =>
  kit.call('GET', '/api/v1/data/secure', { headers: { 'x-api-key': key } });

async function statuses(
  count: number,
  ask: () => Promise<Answer>,
  together = 20,
): Promise<Readonly<Record<number, number>>> {
  const found: Record<number, number> = {};
  for (let left = count; left > 0; left -= together) {
    const answers = await Promise.all(Array.from({ length: Math.min(together, left) }, ask));
    for (const { status } of answers) found[status] = (found[status] ?? 0) + 1;
  }
  return found;
}

test('E10 E11 an address has 100 requests in an hour, and the next is refused in the words of the old system', () =>
  withEms(async (kit) => {
    assert.deepEqual(await statuses(100, () => anonymous(kit)), { 404: 100 });
    const over = await anonymous(kit);
    assert.deepEqual([over.status, over.text], [429, '{"error":"Rate limit exceeded"}']);
    assert.equal(over.headers.get('content-type'), 'application/json');
    const wait = Number(over.headers.get('retry-after'));
    assert.ok(wait > 3_500 && wait <= (WINDOW_MS + SLACK_MS) / 1_000, `retry-after ${wait}`);
    const login = await kit.call('POST', '/api/v1/auth/login', { body: { username: 'admin', password: 'x' } });
    assert.deepEqual([login.status, login.json], [429, { error: 'Rate limit exceeded' }], 'no route is outside');
    kit.clock.advance(wait * 1_000);
    assert.equal((await anonymous(kit)).status, 404, 'after that time it is let in');
  }));

test('E10 X15 a verified key has 1000 requests in an hour in the place of the limit of its address', () =>
  withEms(async (kit) => {
    assert.equal((await byKey(kit)).status, 200); // from here on it is known without a slow hash
    assert.deepEqual(await statuses(999, () => byKey(kit)), { 200: 999 });
    const over = await byKey(kit);
    assert.deepEqual([over.status, over.text], [429, '{"error":"Rate limit exceeded"}']);
    assert.deepEqual(await statuses(100, () => anonymous(kit)), { 404: 100 }, 'its address has spent nothing');
    assert.equal((await anonymous(kit)).status, 429);
    kit.clock.advance(WINDOW_MS + SLACK_MS);
    assert.equal((await byKey(kit)).status, 200);
  }));

describe('E09 the window slides', () => {
  test('so that a request leaves it an hour after it came, and a refused one was never in it', () =>
    withEms(async (kit) => {
      assert.deepEqual(await statuses(50, () => anonymous(kit)), { 404: 50 });
      kit.clock.advance(minutes(30));
      assert.deepEqual(await statuses(80, () => anonymous(kit)), { 404: 50, 429: 30 });
      kit.clock.advance(minutes(30) + SLACK_MS); // the first 50 have left, the 30 that were refused do not count
      assert.deepEqual(await statuses(60, () => anonymous(kit)), { 404: 50, 429: 10 });
      kit.clock.advance(minutes(30));
      assert.deepEqual(await statuses(60, () => anonymous(kit)), { 404: 50, 429: 10 });
    }));

  // Attack: requests are timed so that a fixed window would let twice the limit through at its edge.
  test('so that no hour ever sees more than the limit, and no caller waits longer than an hour and a minute', () =>
    withEms(async (kit) => {
      const accepted: number[] = [];
      let seed = 7;
      const next = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      for (let burst = 0; burst < 60; burst++) {
        kit.clock.advance(seconds(next(900)));
        const now = kit.clock.now();
        const within = (ms: number): number => accepted.filter((at) => at > now - ms).length;
        const asked = 1 + next(40);
        const { 404: taken = 0 } = await statuses(asked, () => anonymous(kit));
        const least = Math.min(asked, Math.max(0, 100 - within(WINDOW_MS + SLACK_MS)));
        assert.ok(taken >= least, `${taken} of ${asked} were let in, and ${least} were due`);
        for (let each = 0; each < taken; each++) accepted.push(now);
        assert.ok(within(WINDOW_MS) <= 100, `${within(WINDOW_MS)} within an hour`);
      }
      assert.ok(accepted.length > 500, `only ${accepted.length} were let in`);
    }));
});

// Attack: a new key with every request, each with a count of its own.
test('D01 E10 an invented key counts against its address, before its slow hash is worked out', () =>
  withEms(async (kit) => {
    let made = 0;
    const invented = (): Promise<Answer> => byKey(kit, `${KEY.slice(0, 8)}-invented-${made++}`);
    const found = await statuses(130, invented, 3); // of one address a few hashes wait or run, and more are refused
    assert.deepEqual(found, { 401: 100, 429: 30 });
    assert.equal((await anonymous(kit)).status, 429, 'the address has none left');
    const refusedAt = performance.now();
    await statuses(100, invented);
    assert.ok(performance.now() - refusedAt < 2_000, 'what is refused costs no slow hash');
  }));

// Attack: many requests at one moment pass a limiter that counts first and adds later.
test('D02 requests that arrive at one moment do not pass the limit together', () =>
  withEms(async (kit) => {
    const answers = await Promise.all(Array.from({ length: 160 }, () => anonymous(kit)));
    assert.equal(answers.filter(({ status }) => status === 404).length, 100);
  }));

// Attack: behind a balancer all users share one count, and one of them spends it for all.
test('D04 E10 behind a trusted balancer every client has a hundred of its own, and an IPv6 one by its /64', () =>
  withEms(
    async (kit) => {
      const from = (address: string) => (): Promise<Answer> =>
        kit.call('GET', '/nothing', { headers: { 'x-forwarded-for': `198.51.100.1, ${address}` } });
      assert.deepEqual(await statuses(101, from('192.0.2.1')), { 404: 100, 429: 1 });
      assert.deepEqual(await statuses(60, from('192.0.2.2')), { 404: 60 });
      assert.deepEqual(await statuses(60, from('2001:db8:0:1::1')), { 404: 60 });
      assert.deepEqual(await statuses(60, from('2001:db8:0:1:ffff::2')), { 404: 40, 429: 20 });
      assert.deepEqual(await statuses(60, from('2001:db8:0:2::1')), { 404: 60 });
    },
    { trustedProxies: ['127.0.0.1'] },
  ));

await serverSuite('with Redis', startRedis, (server) => {
  const redisUrl = server.url;

  test('E09 E10 D02 the counters are in Redis, exact under requests that come together, over two processes', async (t) => {
    const env = {
      TWINKEEP_PROFILE: 'ems',
      JWT_SECRET_KEY: SECRET,
      REDIS_URL: redisUrl,
      TWINKEEP_TRUSTED_PROXIES: '127.0.0.1',
    };
    const started: StartedServer[] = [];
    for (let each = 0; each < 2; each++) {
      const place = createPlace(t, env);
      place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
      started.push(await place.start());
    }
    const passed = await withRedisThere(started, async (attempt) => {
      const headers = { 'x-forwarded-for': `192.0.2.${attempt}` };
      const ask = (at: number) => started[at % 2]?.call('GET', '/nothing', { headers });
      const answers = await Promise.all(Array.from({ length: 150 }, (_, at) => ask(at)));
      return answers.filter((answer) => answer?.status === 404).length;
    });
    assert.equal(passed, 100);
    const windows = await windowsIn(redisUrl);
    assert.ok(windows.length > 0, 'something is counted there');
    for (const { ttlMs } of windows) assert.ok(ttlMs > 0 && ttlMs <= 2 * WINDOW_MS, 'and expires there');
  });

  // Attack: whoever may look into Redis takes the keys that stand there.
  test('D03 no API key stands in the names or values of Redis, nor does an address', () =>
    withEms(
      async (kit) => {
        for (const key of [KEY, `${KEY}x`]) await byKey(kit, key);
        const held = (await windowsIn(redisUrl)).map(({ name, value }) => name + value).join('\n');
        assert.ok(held.length > 50);
        for (const secret of [KEY, KEY.slice(8), KEY.slice(0, 8), '127.0.0.1'])
          assert.ok(!held.includes(secret), secret);
      },
      { redisUrl },
    ));
});

async function windowsIn(url: string): Promise<readonly { name: string; value: string; ttlMs: number }[]> {
  const redis = new Redis(url);
  try {
    const names = await redis.keys('*');
    return await Promise.all(
      names.map(async (name) => ({
        name,
        value: (await redis.dumpBuffer(name))?.toString('latin1') ?? '',
        ttlMs: await redis.pttl(name),
      })),
    );
  } finally {
    redis.disconnect();
  }
}
