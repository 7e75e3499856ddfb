import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { hours } from '../../../src/kernel/clock.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';

let village: Village;
before(async () => {
  village = await startVillage({ delivery: 'both' });
});
after(() => village.close());

const jarOf = (headers: Headers): string =>
  headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');

const begin = (username: string, cookie = '') =>
  village.call('POST', '/auth/login', { headers: { cookie }, body: { username, password: KIT_PASSWORD } });

test('V13: a browser with a cookie of a session that has ended gives its second factor like any other', async () => {
  const { token } = await village.person('olga', 'viewer');
  const first = await begin('olga');
  const { secret } = await village.enrol(first.json.access_token);
  const stale = jarOf(first.headers);
  const fresh = async () => (await begin('olga', stale)).json.mfa_token;
  const give = (ticket: string, headers: Record<string, string>) =>
    village.call('POST', '/auth/mfa/verify', { headers, body: { mfa_token: ticket, code: village.codeOf(secret) } });

  await village.call('POST', '/v1/logout-all', { token });
  village.clock.advance(60_000);
  assert.equal((await village.call('GET', '/auth/sessions', { headers: { cookie: stale } })).status, 401);
  const revoked = await give(await fresh(), { cookie: stale });
  assert.equal(revoked.status, 200, revoked.text);

  village.clock.advance(hours(1));
  const expired = await give(await fresh(), { cookie: jarOf(revoked.headers) });
  assert.equal(expired.status, 200, expired.text);
  village.clock.advance(60_000);
  const garbled = await give(await fresh(), { cookie: 'aivillage_access=a.b.c' });
  assert.equal(garbled.status, 200, garbled.text);
});

// Attack: a token that is no good is sent on purpose, or nothing but a cookie that ended, to do what needs somebody known.
test('V14: what was sent on purpose must be good, and a cookie that ended is worth nothing', async () => {
  const cookie = 'aivillage_access=a.b.c';
  const body = { mfa_token: 'made up', code: '123456' };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token: 'a.b.c', body })).status, 401);
  assert.equal((await village.call('POST', '/auth/mfa/setup', { headers: { cookie } })).status, 401);
  const status = await village.call('GET', '/security/status', { headers: { cookie } });
  assert.deepEqual([status.status, Object.keys(status.json)], [200, ['session_management']]);
  assert.equal((await village.call('GET', '/security/status', { token: 'a.b.c' })).status, 401);
});
