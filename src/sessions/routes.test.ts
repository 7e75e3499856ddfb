import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { personId, realmId, tenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant } from '../kernel/tx.ts';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0';
const me = async (token: string): Promise<number> => (await kit.call('GET', '/v1/me', { token })).status;

/** What a browser would send along, of what it was told to keep. */
function jarOf({ headers }: Answer): Record<string, string> {
  const pairs = headers.getSetCookie().map((line) => line.split(';')[0]?.split('=') ?? []);
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
}

const cookieOf = (jar: Readonly<Record<string, string>>): string =>
  Object.entries(jar)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');

test('the list names the device in words, how it was proved, and the device that it belongs to', async () => {
  const body = { username: 'admin', password: KIT_PASSWORD };
  const signedIn = await kit.call('POST', '/v1/login', { body, headers: { 'user-agent': FIREFOX } });
  const token = signedIn.json.access_token;
  const { items } = (await kit.call('GET', '/v1/sessions', { token })).json;
  const current = items.find((one: { current: boolean }) => one.current);
  assert.deepEqual(
    [current.device, current.amr, current.place, current.second_factor_at, current.user_agent],
    ['Firefox on Linux', ['pwd'], null, null, FIREFOX],
  );
  const devices = (await kit.call('GET', '/v1/devices', { token })).json.items;
  const [own] = devices.filter((one: { id: string }) => one.id === current.device_id);
  assert.deepEqual([own.device, own.remembered_until], ['Firefox on Linux', null]);

  const { token: stranger } = await kit.person('lena', 'viewer');
  assert.equal((await kit.call('DELETE', `/v1/devices/${own.id}`, { token: stranger })).status, 404);
  assert.equal((await kit.call('DELETE', `/v1/devices/${own.id}`, { token })).status, 204);
  assert.equal((await kit.call('DELETE', `/v1/devices/${own.id}`, { token })).json.code, 'SESSION_DEVICE_UNKNOWN');
});

const OPERATOR: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };

test('logging out everywhere says how many sessions that were, and may keep the one it is asked from', async () => {
  const { token } = await kit.person('otto', 'viewer');
  const other = await kit.signIn('otto');
  const kept = await kit.call('POST', '/v1/logout-all?keep=current', { token });
  assert.deepEqual([kept.status, kept.json], [200, { scope: 'own', ended: 1 }]);
  assert.deepEqual([await me(token), await me(other)], [200, 401]);
  kit.clock.advance(1);
  const all = await kit.call('POST', '/v1/logout-all', { token });
  assert.deepEqual(all.json, { scope: 'own', ended: 1 });
  assert.equal(await me(token), 401);
  kit.clock.advance(1);
});

// Attack: somebody without the right, or with one that was proved long ago, puts others out.
test('the wider scopes need their permission, and a proof of the last ten minutes', async () => {
  const { id, token } = await kit.person('pia', 'viewer');
  const admin = await kit.signIn();
  const paths = [`/v1/users/${id}/logout-all`, '/v1/tenant/logout-all', '/v1/platform/logout-all'];
  for (const path of paths) {
    const answer = await kit.call('POST', path, { token });
    assert.deepEqual([answer.status, answer.json.code], [403, 'ACCESS_FORBIDDEN'], path);
  }
  const past = await kit.call('POST', '/v1/platform/logout-all', { token: admin });
  assert.equal(past.status, 403, 'an administrator of a tenant does not reach past it');
  kit.clock.advance(minutes(11));
  for (const path of paths.slice(0, 2)) {
    const answer = await kit.call('POST', path, { token: admin });
    assert.deepEqual([answer.status, answer.json.code], [401, 'ACCESS_PROOF_TOO_OLD'], path);
  }
  assert.equal(await me(token), 200);

  const fresh = await kit.signIn();
  const unknown = await kit.call('POST', '/v1/users/nobody/logout-all', { token: fresh });
  assert.deepEqual([unknown.status, unknown.json.code], [404, 'IDENTITY_PERSON_UNKNOWN']);
  const one = await kit.call('POST', paths[0] ?? '', { token: fresh });
  assert.deepEqual([one.status, one.json], [200, { scope: 'user', ended: 1 }]);
  assert.deepEqual([await me(token), await me(fresh)], [401, 200]);
  kit.clock.advance(1);
  const whole = await kit.call('POST', paths[1] ?? '', { token: fresh });
  assert.equal(whole.json.scope, 'tenant');
  assert.ok(whole.json.ended >= 1);
  assert.equal(await me(fresh), 401);
  kit.clock.advance(1);
});

// Attack: the administrator of one tenant puts somebody out of another one.
test('an administrator ends those sessions of a shared person that act in the own tenant', async () => {
  const { house, storage } = kit.twinkeep;
  const { id, token: here } = await kit.person('wilma', 'viewer');
  const there = tenantId('plant-2');
  await storage.write(inTenant(there), async (tx) => {
    await house.tenants.create(tx, OPERATOR, { id: there, name: 'Plant 2' });
    await house.tenants.addMember(tx, personId(id), there);
  });
  const person = { personId: personId(id), username: 'wilma', realmId: realmId('main'), tenantId: there };
  const subject = { ...person, confirm: async () => undefined, amr: ['pwd'], proved: true };
  const elsewhere = await house.sessions.start(OPERATOR, subject, { userAgent: '', address: '' });
  const admin = await kit.signIn();
  const ended = await kit.call('POST', `/v1/users/${id}/logout-all`, { token: admin });
  assert.deepEqual([ended.status, ended.json], [200, { scope: 'member', ended: 1 }], ended.text);
  assert.deepEqual([await me(here), await me(elsewhere.accessToken)], [401, 200]);
});

test('one token is called back by its id, and its session goes on', async () => {
  const admin = await kit.signIn();
  const { token } = await kit.person('rosa', 'viewer');
  const { jti } = decodeJwt(token);
  assert.equal((await kit.call('POST', '/v1/tokens/revoke', { token, body: { jti } })).status, 403);
  const revoked = await kit.call('POST', '/v1/tokens/revoke', { token: admin, body: { jti } });
  assert.deepEqual([revoked.status, revoked.json], [200, { revoked: true }]);
  assert.deepEqual([await me(token), await me(admin)], [401, 200]);
  const made = await kit.call('POST', '/v1/tokens/revoke', { token: admin, body: { jti: 'x' } });
  assert.deepEqual(made.json, { revoked: false });
});

test('an administrator sees the sessions of the tenant in numbers, and nobody else does', async () => {
  const admin = await kit.signIn();
  const { token } = await kit.person('vera', 'viewer');
  assert.equal((await kit.call('GET', '/v1/sessions/analytics', { token })).status, 403);
  const { json } = await kit.call('GET', '/v1/sessions/analytics', { token: admin });
  assert.ok(json.live >= 2 && json.active >= 2);
  assert.equal(json.by_profile.twinkeep, json.live);
  assert.equal(json.hours.length, 25);
});

// Attack: a page of another site lets the browser change something, with the cookies that it sends along by itself.
test('with tokens in cookies a change needs the CSRF value of its session, and a refresh too', async () => {
  const body = { username: 'admin', password: KIT_PASSWORD, delivery: 'cookie' };
  const signedIn = await kit.call('POST', '/v1/login', { body });
  assert.equal(signedIn.status, 200, signedIn.text);
  assert.deepEqual([signedIn.json.access_token, signedIn.json.refresh_token], [undefined, undefined]);
  const jar = jarOf(signedIn);
  const cookie = cookieOf(jar);
  const csrf = jar['tk_csrf'] ?? '';
  assert.equal((await kit.call('GET', '/v1/csrf', { headers: { cookie } })).json.csrf_token, csrf);
  const refresh = (more: Record<string, string>, body_: object = {}) =>
    kit.call('POST', '/v1/token/refresh', { headers: { cookie, ...more }, body: body_ });

  for (const headers of [{ cookie }, { cookie, 'x-csrf-token': 'guess' }]) {
    const answer = await kit.call('POST', '/v1/logout', { headers });
    assert.deepEqual([answer.status, answer.json.code], [403, 'SESSION_CSRF']);
  }
  assert.equal((await refresh({})).json.code, 'SESSION_CSRF');
  const next = await refresh({ 'x-csrf-token': csrf });
  assert.deepEqual([next.status, next.json.refresh_token, next.json.csrf_token], [200, undefined, csrf]);
  const renewed = { ...jar, ...jarOf(next) };
  assert.notEqual(renewed['tk_refresh'], jar['tk_refresh']);

  const headers = { cookie: cookieOf(renewed), 'x-csrf-token': csrf };
  const out = await kit.call('POST', '/v1/logout', { headers });
  assert.equal(out.status, 204, out.text);
  assert.deepEqual([...new Set(Object.values(jarOf(out)))], [''], 'every cookie of the session is taken away');
  assert.equal((await kit.call('GET', '/v1/me', { headers })).status, 401);
});
