import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { inTenant } from '../../../src/kernel/tx.ts';
import { MAIN_TENANT } from '../../../src/tenants/index.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';

let village: Village;
before(async () => {
  village = await startVillage();
});
after(() => village.close());

const isIn = async (token: string, from = village): Promise<boolean> =>
  (await from.call('GET', '/auth/sessions', { token })).status === 200;

/** Lets time pass, and revocations be read at its end: nobody is let in by a feed not heard of for so long. */
async function wait(ms: number): Promise<void> {
  village.clock.advance(ms);
  while (!village.twinkeep.house.revocations.fresh()) await pause(20);
}

test('V15: sessions are listed with their device, and one of them is ended at once', async () => {
  await village.person('anna', 'viewer');
  const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };
  const body = { username: 'anna', password: KIT_PASSWORD };
  const laptop = (await village.call('POST', '/auth/login', { body, headers })).json.access_token;
  const phone = await village.login('anna');
  const { json } = await village.call('GET', '/auth/sessions', { token: phone });
  assert.equal(json.total, json.sessions.length);
  const other = json.sessions.find((one: { device: string }) => one.device.includes('Firefox'));
  assert.equal(other.current, false);
  assert.equal(other.ip_address, '127.0.0.1');
  const gone = await village.call('DELETE', `/auth/sessions/${other.session_id}`, { token: phone });
  assert.deepEqual([gone.status, gone.json.revoked], [200, true]);
  assert.deepEqual([await isIn(laptop), await isIn(phone)], [false, true]);
  const again = await village.call('DELETE', `/auth/sessions/${other.session_id}`, { token: phone });
  assert.equal(again.status, 404);
});

// Attack: somebody ends the sessions of others by their ids.
test('V15: the session of somebody else is as unknown as none', async () => {
  const [one, two] = [await village.member('bert', 'viewer'), await village.member('cora', 'viewer')];
  const { json } = await village.call('GET', '/auth/sessions', { token: one });
  const [{ session_id: id }] = json.sessions;
  assert.equal((await village.call('DELETE', `/auth/sessions/${id}`, { token: two })).status, 404);
  assert.ok(await isIn(one));
});

test('V13, X22: without a body a member ends all of their own sessions, and no one else’s', async () => {
  const other = await village.member('dora', 'viewer');
  const first = await village.member('emil', 'viewer');
  const second = await village.login('emil');
  const { status, json } = await village.call('POST', '/auth/logout-all', { token: second });
  assert.equal(status, 200);
  assert.equal(json.scope, 'own');
  assert.ok(json.count >= 2);
  assert.deepEqual([await isIn(first), await isIn(second), await isIn(other)], [false, false, true]);
});

// Attack: a member asks for the wider scopes.
test('X22: the wider scopes need a permission', async () => {
  const token = await village.member('finn', 'viewer');
  const { id } = await village.person('gina', 'viewer');
  for (const body of [{ scope: 'user', user_id: id }, { scope: 'tenant' }, { scope: 'global' }])
    assert.equal((await village.call('POST', '/auth/logout-all', { token, body })).status, 403);
  for (const body of [{ scope: 'user' }, { scope: 'own', user_id: id }, { scope: 'all' }, { everyone: true }])
    assert.ok([400, 422].includes((await village.call('POST', '/auth/logout-all', { token, body })).status));
});

test('X22: the wider scopes need a proof of the last ten minutes, which a sign-in is', async () => {
  const admin = await village.login();
  const { id } = await village.person('hugo', 'viewer');
  const his = await village.login('hugo');
  const body = { scope: 'user', user_id: id };
  await wait(601_000);
  const late = await village.call('POST', '/auth/logout-all', { token: admin, body });
  assert.equal(late.status, 401);
  assert.match(late.text, /ACCESS_PROOF_TOO_OLD/);
  assert.equal((await village.call('POST', '/auth/logout-all', { token: admin })).status, 401);
  const proof = { password: KIT_PASSWORD, code: '000000' };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token: admin, body: proof })).status, 200);
  const done = await village.call('POST', '/auth/logout-all', { token: admin, body });
  assert.deepEqual([done.status, done.json.scope], [200, 'user']);
  assert.equal(await isIn(his), false);
  const own = await village.call('POST', '/auth/logout-all', { token: admin, body: { scope: 'own' } });
  assert.equal(own.json.scope, 'own');
  await wait(1_000); // what is signed in the same moment is ended too
});

test('V20, X22: the emergency calls end everyone’s sessions, and say that sessions work', async () => {
  const [one, two] = [await village.member('ida', 'viewer'), await village.member('jan', 'viewer')];
  const admin = await village.login();
  const { status, json } = await village.call('POST', '/auth/logout-all', { token: admin });
  assert.equal(status, 200);
  assert.equal(json.scope, 'tenant', 'the one tenant of that system is everyone');
  assert.ok(json.count >= 3);
  assert.match(json.message, /other tenants were left.*platform:sessions/);
  for (const token of [one, two, admin]) assert.equal(await isIn(token), false);
  const bare = await village.call('GET', '/security/status');
  assert.deepEqual([bare.status, bare.json], [200, { session_management: { status: 'healthy' } }]);
  await wait(1_000);
  assert.ok(await isIn(await village.login('ida')), 'who signs in anew is in');
});

test('V12: a token is refused by the request after its revocation', async () => {
  const token = await village.member('kai', 'viewer');
  for (let turn = 0; turn < 5; turn++) assert.ok(await isIn(token)); // and so it is remembered as good
  assert.equal((await village.call('POST', '/auth/logout-all', { token })).status, 200);
  assert.equal(await isIn(token), false);
});

test('V11: a person may have as many sessions as is configured, and the oldest gives way', async () => {
  const sessions = { maxPerPerson: 2, whenFull: 'end-oldest' } as const;
  const bounded = await startVillage({}, { config: { sessions } });
  try {
    const tokens: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      tokens.push(await bounded.login());
      bounded.clock.advance(100);
    }
    const states = await Promise.all(tokens.map((token) => isIn(token, bounded)));
    assert.deepEqual(states, [false, true, true]);
  } finally {
    await bounded.close();
  }
});

test('V11: a sign-in from a device and network that are new is noted, and the numbers tell of it', async () => {
  const proxied = await startVillage({}, { config: { trustedProxies: ['127.0.0.1/32'] } });
  try {
    await proxied.person('lars', 'viewer');
    const body = { username: 'lars', password: KIT_PASSWORD };
    const from = (address: string, agent: string) =>
      proxied.call('POST', '/auth/login', { body, headers: { 'x-forwarded-for': address, 'user-agent': agent } });
    await from('198.51.100.7', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0');
    assert.equal((await from('203.0.113.9', 'curl/8.5.0')).status, 200);
    const token = await proxied.signIn();
    await proxied.twinkeep.house.sessions.flushUse();
    const { json } = await proxied.call('GET', '/v1/sessions/analytics', { token });
    const total = (key: string): number =>
      json.hours.reduce((sum: number, hour: Record<string, number>) => sum + (hour[key] ?? 0), 0);
    assert.ok(json.live >= 3 && json.active >= 3);
    assert.ok(json.by_profile.aivillage >= 2);
    assert.ok(total('suspicious') >= 1);
  } finally {
    await proxied.close();
  }
});

// Attack: a stolen session of an administrator who has yet to give the second factor that policy asks for.
test('what an administrator may past the routes asks for the second factor too, and nothing is done in its place', async () => {
  const own = await startVillage();
  try {
    const token = await own.login();
    const status = async () => (await own.call('GET', '/security/status', { token })).json;
    assert.ok('checks' in (await status()));
    const { id } = await own.person('mia', 'viewer');
    await own.twinkeep.storage.write(inTenant(MAIN_TENANT), (tx) =>
      own.twinkeep.house.mfa.policy.set(tx, { principal: { kind: 'operator', tenantId: MAIN_TENANT } }, MAIN_TENANT, {
        requiredFor: ['admin'],
        methods: ['totp', 'backup'],
        rememberMs: 0,
      }),
    );
    for (const body of [undefined, { scope: 'tenant' }, { scope: 'user', user_id: id }]) {
      const refused = await own.call('POST', '/auth/logout-all', { token, ...(body && { body }) });
      assert.equal(refused.status, 403, JSON.stringify(body));
      assert.match(refused.text, /ACCESS_FACTOR_REQUIRED/);
    }
    const seen = await status();
    assert.deepEqual([typeof seen.security_rating, 'checks' in seen], ['string', false]);
    assert.ok(await isIn(token, own), 'not even the own sessions were ended');
    const ended = await own.call('POST', '/auth/logout-all', { token, body: { scope: 'own' } });
    assert.equal(ended.status, 200);
  } finally {
    await own.close();
  }
});
