import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

const NOBODY = '01990000-0000-7000-8000-000000000000';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const codeOf = ({ status, json }: Answer) => [status, json?.code];
const newPerson = (username: string, ...roles: string[]) => ({ username, password: KIT_PASSWORD, roles });

// Attack: a route forgets to ask who calls (D08: or answers 403 to somebody who has not said who he is).
test('every route that is not open asks first who calls, whatever else is wrong with the request', async () => {
  for (const { method, path, access, admits } of kit.twinkeep.routes) {
    if (access.kind === 'public' || access.kind === 'unlimited') continue;
    const url = path.replace(/:\w+/, '%00');
    for (const call of [{}, { body: 'not json' }, { tenant: 'nowhere' }, { headers: { cookie: 'tk_device=x' } }]) {
      const answer = await kit.call(method, url, method === 'GET' ? { ...call, body: undefined } : call);
      // A socket may say who it is in its first message; that nothing is told before is shown where its relay is tested.
      if (admits === 'later') assert.ok(answer.status >= 400 && answer.status < 500, `${method} ${path}`);
      else {
        assert.deepEqual(codeOf(answer), [401, 'ACCESS_UNAUTHENTICATED'], `${method} ${path}`);
        assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
      }
    }
    const bad = await kit.call(method, url, { key: 'tk_bad' });
    assert.deepEqual([...codeOf(bad), bad.headers.get('www-authenticate')], [401, 'APIKEY_INVALID', 'Bearer']);
    assert.deepEqual(codeOf(await kit.call(method, url, { token: 'bad' })), [401, 'SESSION_TOKEN_INVALID']);
  }
});

test('every route that asks a permission refuses a person and a key who hold nothing', async () => {
  const { token } = await kit.person('nell');
  const key = await kit.key('analyze');
  for (const { method, path, access } of kit.twinkeep.routes) {
    if (access.kind !== 'permission') continue;
    for (const credential of [{ token }, { key }]) {
      const answer = await kit.call(method, path.replace(/:\w+/, NOBODY), credential);
      assert.deepEqual([...codeOf(answer), answer.json.permission], [403, 'ACCESS_FORBIDDEN', access.permission]);
    }
  }
});

// Attack: one of two credentials is looked at here, and the other further on.
test('a request with two credentials is refused', async () => {
  const answer = await kit.call('GET', '/v1/me', { token: await kit.signIn(), key: await kit.key('read') });
  assert.deepEqual(codeOf(answer), [400, 'HTTP_TWO_CREDENTIALS']);
});

// Attack: somebody who may administer people, but not all that they do, makes himself or others more.
test('nobody makes a person with rights that they lack', async () => {
  const key = await kit.key('admin:users', 'read');
  assert.equal((await kit.call('POST', '/v1/users', { key, body: newPerson('eva', 'viewer') })).status, 201);
  for (const role of ['admin', 'analyst', 'meter_reader']) {
    const answer = await kit.call('POST', '/v1/users', { key, body: newPerson(`eva-${role}`, 'viewer', role) });
    assert.deepEqual(codeOf(answer), [403, 'ACCESS_ESCALATION']);
  }
  const token = await kit.signIn();
  const { json } = await kit.call('GET', '/v1/users', { token });
  const names = json.items.map(({ username }: { username: string }) => username);
  assert.ok(!names.some((name: string) => name.startsWith('eva-')), 'a refused person leaves nothing behind');
  assert.deepEqual(codeOf(await kit.call('POST', '/v1/users', { token, body: newPerson('ghost', 'superuser') })), [
    422,
    'ACCESS_ROLE_UNKNOWN',
  ]);
});

// Attack: whoever sets the password of an administrator can sign in as one.
test('nobody changes a person who holds rights that they lack', async () => {
  const key = await kit.key('admin:users', 'read');
  const token = await kit.signIn();
  const { json: me } = await kit.call('GET', '/v1/me', { token });
  const { id: viewer } = await kit.person('vic', 'viewer');
  const { id: analyst } = await kit.person('ann', 'analyst');
  for (const body of [
    { password: 'violet tractor hums nightly' },
    { disabled: true },
    { roles: [] },
    { roles: ['viewer'] },
  ]) {
    for (const id of [me.id, analyst]) {
      assert.deepEqual(codeOf(await kit.call('PATCH', `/v1/users/${id}`, { key, body })), [403, 'ACCESS_ESCALATION']);
    }
  }
  assert.deepEqual(codeOf(await kit.call('PATCH', `/v1/users/${viewer}`, { key, body: { roles: ['admin'] } })), [
    403,
    'ACCESS_ESCALATION',
  ]);
  assert.equal((await kit.call('PATCH', `/v1/users/${viewer}`, { key, body: { disabled: true } })).status, 200);
  assert.equal((await kit.call('GET', '/v1/me', { token })).status, 200);
});

// Attack: a key makes a key that can more.
test('nobody makes a key with scopes that they lack, and none with scopes that do not exist', async () => {
  const key = await kit.key('admin:api_keys', 'write:meter_data');
  const make = (scopes: string[], credential: object) =>
    kit.call('POST', '/v1/api-keys', { ...credential, body: { name: 'more', scopes } });
  assert.equal((await make(['write:meter_data'], { key })).status, 201);
  for (const scope of ['write', 'read', 'admin', 'admin:users', 'delete:meter_data']) {
    assert.deepEqual(codeOf(await make(['write:meter_data', scope], { key })), [403, 'ACCESS_ESCALATION'], scope);
  }
  const token = await kit.signIn();
  assert.deepEqual(codeOf(await make(['platform:tenants'], { token })), [403, 'ACCESS_ESCALATION']);
  for (const scope of ['platform', 'root', '__proto__', 'read:', 'READ', 'write:meter_data ', 'read\u0000']) {
    assert.deepEqual(codeOf(await make([scope], { token })), [422, 'ACCESS_PERMISSION_UNKNOWN'], scope);
  }
});

test('a right that is taken away is gone with the next request, without a new token', async () => {
  const { id, token } = await kit.person('wim', 'analyst');
  const body = { meter_id: 'M-1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 };
  assert.equal((await kit.call('POST', '/v1/readings', { token, body })).status, 201);
  const admin = await kit.signIn();
  await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { roles: ['viewer'] } });
  assert.deepEqual(codeOf(await kit.call('POST', '/v1/readings', { token, body })), [403, 'ACCESS_FORBIDDEN']);
  const { json } = await kit.call('GET', '/v1/me', { token });
  assert.deepEqual(json.permissions, ['read']);
  await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { roles: ['meter_reader', 'viewer'] } });
  assert.equal((await kit.call('POST', '/v1/readings', { token, body })).status, 201);
});

test('what asks for a recent proof refuses a session that signed in 12 hours ago, and says so', async () => {
  const own = await createKit({
    config: { sessions: { absoluteMs: 86_400_000, idleMs: 86_400_000, accessMs: 86_400_000 } },
  });
  try {
    const token = await own.signIn();
    own.clock.advance(12 * 3_600_000);
    const make = () => own.call('POST', '/v1/users', { token, body: newPerson('late', 'viewer') });
    assert.equal((await make()).status, 201);
    own.clock.advance(1);
    const answer = await make();
    assert.deepEqual(codeOf(answer), [401, 'ACCESS_PROOF_TOO_OLD']);
    assert.equal(
      answer.headers.get('www-authenticate'),
      'Bearer error="insufficient_user_authentication", max_age="43200"',
    );
    assert.equal((await own.call('GET', '/v1/users', { token })).status, 200);
  } finally {
    await own.close();
  }
});

// Attack: the tenants of everybody are made or listed by the administrator of one.
test('no administrator reaches past the tenant', async () => {
  const token = await kit.signIn();
  const key = await kit.key('read', 'write', 'delete', 'admin');
  for (const credential of [{ token }, { key }]) {
    assert.deepEqual(codeOf(await kit.call('GET', '/v1/tenants', credential)), [403, 'ACCESS_FORBIDDEN']);
    const body = { id: 'mine', name: 'Mine' };
    assert.deepEqual(codeOf(await kit.call('POST', '/v1/tenants', { ...credential, body })), [403, 'ACCESS_FORBIDDEN']);
  }
});
