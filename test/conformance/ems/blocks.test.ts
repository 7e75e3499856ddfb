import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { days, minutes, seconds } from '../../../src/kernel/clock.ts';
import { type Answer, KIT_PASSWORD, type KitOptions } from '../../../src/testing/index.ts';
import { LOGIN, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

type Detection = NonNullable<NonNullable<KitOptions['config']>['detection']>;

async function withEms(
  work: (kit: ProfileKit) => Promise<void>,
  options: {
    readonly permanentBlocks?: boolean;
    readonly detection?: Detection;
    readonly trustedProxies?: string[];
  } = {},
): Promise<void> {
  const { permanentBlocks = false, detection = { failures: 5 }, trustedProxies = [] } = options;
  const settings = { permanentBlocks, limitsEnabled: false };
  const kit = await startProfile('ems', settings, { config: { detection, trustedProxies } });
  try {
    await work(kit);
  } finally {
    await kit.close();
  }
}

const ways: Readonly<Record<string, (kit: ProfileKit, headers?: Record<string, string>) => Promise<Answer>>> = {
  token: (kit, headers) => kit.call('GET', '/api/v1/data/secure', { token: 'bad', headers }),
  key: (kit, headers) =>
    kit.call('GET', '/api/v1/data/M1', { headers: { ...headers, 'x-api-key': 'bad-key-bad-key' } }),
  password: (kit, headers) => kit.call('POST', LOGIN.ems, { body: { username: 'admin', password: 'wrong' }, headers }),
};

async function fail(kit: ProfileKit, times: number, way = 'token', headers?: Record<string, string>): Promise<void> {
  for (let each = 0; each < times; each++)
    assert.equal((await ways[way]?.(kit, headers))?.status, 401, `${way} ${each}`);
}

function assertBlocked({ status, json, text }: Answer): void {
  assert.deepEqual([status, json?.detail], [403, 'IP address blocked'], text);
}

for (const way of Object.keys(ways)) {
  test(`E15: the fifth bad ${way} from an address blocks it, before anything else is looked at`, () =>
    withEms(async (kit) => {
      const token = await kit.login();
      await fail(kit, 4, way);
      assert.equal((await kit.call('GET', '/api/v1/data/secure', { token })).status, 200, 'four are forgiven');
      await fail(kit, 1, way);
      assertBlocked(await kit.call('GET', '/api/v1/data/secure', { token }));
      assertBlocked(await kit.call('POST', LOGIN.ems, { body: { username: 'admin', password: KIT_PASSWORD } }));
      assertBlocked(await kit.call('GET', '/nothing'));
      assertBlocked(await kit.call('POST', '/api/v1/data', { body: '{' }));
      assert.equal((await kit.call('GET', '/v1/me')).status, 403, 'the native API too');
    }));
}

test('E15: the block is told as a violation ip_blocked with its address and too_many_failed_attempts', () =>
  withEms(async (kit) => {
    await fail(kit, 2);
    await fail(kit, 2, 'key');
    await fail(kit, 1, 'password');
    const lines = await kit.log('security.log', ({ level }) => level === 'ERROR');
    const told = lines.filter(({ level }) => level === 'ERROR');
    assert.equal(told.length, 1);
    const { timestamp: _, ...event } = told[0]?.event ?? {};
    assert.deepEqual(event, {
      event_type: 'security_violation',
      violation_type: 'ip_blocked',
      details: { ip_address: '127.0.0.1', reason: 'too_many_failed_attempts' },
    });
  }));

test('X17 a block of ems ends after 15 minutes, and each soon after lasts longer', () =>
  withEms(async (kit) => {
    await fail(kit, 5);
    kit.clock.advance(minutes(15) - seconds(1));
    assertBlocked(await kit.call('GET', '/nothing'));
    kit.clock.advance(seconds(1));
    assert.equal((await kit.call('GET', '/nothing')).status, 404);
    await fail(kit, 5);
    kit.clock.advance(minutes(15));
    assertBlocked(await kit.call('GET', '/nothing'));
    kit.clock.advance(minutes(15));
    assert.equal((await kit.call('GET', '/nothing')).status, 404);
  }));

test('E15 X17: with permanentBlocks it stays, as in the old system, until an operator lifts it', () =>
  withEms(
    async (kit) => {
      await fail(kit, 5);
      kit.clock.advance(days(400));
      assertBlocked(await kit.call('GET', '/nothing'));
      const { house } = kit.twinkeep;
      const tenantId = (await house.tenants.list())[0]?.id ?? assert.fail();
      await house.blocks.lift({ principal: { kind: 'operator', tenantId }, tenantId }, '127.0.0.1');
      assert.equal((await kit.call('GET', '/nothing')).status, 404);
    },
    { permanentBlocks: true },
  ));

test('X17 D06 a block outlives a restart, says why, and is lifted by a command', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log'), permanentBlocks: true } } });
  const first = await place.start();
  for (let each = 0; each < 5; each++)
    assert.equal((await first.call('GET', '/api/v1/data/secure', { token: 'bad' })).status, 401);
  assertBlocked(await first.call('GET', '/nothing'));
  await first.running.stop('SIGKILL'); // acknowledged means kept
  const second = await place.start();
  assertBlocked(await second.call('GET', '/nothing'));
  const listed = await place.cli.run(['blocks', 'list', '--json']);
  const [block] = Array.isArray(listed.json) ? listed.json : listed.json.items;
  assert.deepEqual(
    [block.address, block.violation, block.reason],
    ['127.0.0.1', 'ip_blocked', 'too_many_failed_attempts'],
  );
  assert.equal(block.evidence.failures, 5);
  assert.equal((await place.cli.run(['blocks', 'remove', '127.0.0.1'])).code, 0);
  assert.equal((await second.call('GET', '/nothing')).status, 404);
});

// Attack: whoever holds one good key guesses passwords, and uses the key between two guesses.
test('D06 a sign-in sets the count back, and a good key that of keys alone', () =>
  withEms(async (kit) => {
    for (let round = 0; round < 3; round++) {
      await fail(kit, 4);
      await kit.login();
    }
    const key = await kit.key('read');
    await fail(kit, 4, 'key');
    assert.equal((await kit.call('GET', '/api/v1/data/M1', { key })).status, 200);
    await fail(kit, 4, 'password');
    assert.equal((await kit.call('GET', '/api/v1/data/M1', { key })).status, 200);
    assert.equal((await kit.call('GET', '/nothing')).status, 404);
    await fail(kit, 1, 'password');
    assertBlocked(await kit.call('GET', '/nothing'));
  }));

// Links that somebody else planted are in patterns.test.ts.
test('D06 a token that merely ran out blocks nobody', () =>
  withEms(async (kit) => {
    const token = await kit.login();
    kit.clock.advance(days(1));
    for (let each = 0; each < 10; each++)
      assert.equal((await kit.call('GET', '/api/v1/data/secure', { token })).status, 401, 'ran out');
    for (let each = 0; each < 10; each++)
      assert.equal((await kit.call('GET', '/api/v1/data/secure')).status, 401, 'none');
    assert.equal((await kit.call('GET', '/nothing')).status, 404);
  }));

// Attack: one user behind the balancer guesses, and everybody else is blocked with him.
test('D04 behind a trusted balancer the client is blocked and the balancer is not', () =>
  withEms(
    async (kit) => {
      const from = (address: string) => ({ 'x-forwarded-for': address });
      await fail(kit, 5, 'token', from('203.0.113.7'));
      assertBlocked(await kit.call('GET', '/nothing', { headers: from('203.0.113.7') }));
      assert.equal((await kit.call('GET', '/nothing', { headers: from('203.0.113.8') })).status, 404);
      assert.equal((await kit.call('GET', '/nothing')).status, 404);
      const lines = await kit.log('security.log', ({ event }) => event.event_type === 'security_violation');
      const told = lines.find(({ event }) => event.event_type === 'security_violation');
      assert.equal(told?.event.details.ip_address, '203.0.113.7');
      const named = lines.filter(({ event }) => event.event_type === 'api_access').map(({ event }) => event.ip_address);
      assert.ok(named.includes('203.0.113.8'), 'log lines name the client');
    },
    { trustedProxies: ['127.0.0.1'] },
  ));

test('D05 harmless text that the old patterns hit goes through', () =>
  withEms(async (kit) => {
    const token = await kit.login();
    for (const query of ['range=2024-01-01..2024-02-01', 'q=Credit%20Union%20selection', 'q=a%20%3C%20b'])
      assert.equal((await kit.call('GET', `/api/v1/data/secure?${query}`, { token })).status, 200, query);
  }));
