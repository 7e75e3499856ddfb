import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Answer } from '../../../src/testing/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const reading = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 };

let kit: ProfileKit;
const tokens: Record<string, string> = {};
before(async () => {
  kit = await startProfile('ems', { limitsEnabled: false });
  for (const role of ['admin', 'analyst', 'viewer', 'meter_reader'])
    tokens[role] = await kit.member(`the-${role}`, role);
  tokens['nobody'] = await kit.member('the-nobody');
});
after(() => kit.close());

const acts: Readonly<Record<string, (token: string | undefined) => Promise<Answer>>> = {
  greet: (token) => kit.call('GET', '/api/v1/data/secure', { token }),
  read: (token) => kit.call('GET', '/api/v1/data/M1', { token }),
  write: (token) => kit.call('POST', '/api/v1/data', { token, body: reading }),
  delete: (token) => kit.call('DELETE', '/api/v1/data/M1', { token }),
};

/** What each role may do at the routes of the old system, by E05. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  admin: ['greet', 'read', 'write', 'delete'],
  analyst: ['greet', 'read', 'write'],
  viewer: ['greet', 'read'],
  meter_reader: ['greet', 'read', 'write'],
  nobody: ['greet'],
};

test('E04 the secure example greets any user by name', async () => {
  for (const [role, token] of Object.entries(tokens)) {
    const { status, json } = await kit.call('GET', '/api/v1/data/secure', { token });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(json), ['message']);
    assert.match(json.message, new RegExp(`\\bthe-${role}\\b`));
  }
  assert.equal((await kit.call('GET', '/api/v1/data/secure')).status, 401);
});

test('E04 the delete example takes away a meter for whoever holds delete', async () => {
  const admin = tokens['admin'];
  await kit.call('POST', '/api/v1/data', { token: admin, body: { ...reading, meter_id: 'GONE' } });
  assert.equal((await kit.call('DELETE', '/api/v1/data/GONE')).status, 401);
  assert.equal((await kit.call('DELETE', '/api/v1/data/GONE', { token: tokens['analyst'] })).status, 403);
  const deleted = await kit.call('DELETE', '/api/v1/data/GONE', { token: admin });
  assert.deepEqual([deleted.status, deleted.json.deleted], [200, 1]);
  assert.deepEqual((await kit.call('GET', '/api/v1/data/GONE', { token: admin })).json.data, []);
  assert.equal((await kit.call('DELETE', '/api/v1/data/GONE', { token: admin })).status, 404, 'nothing is left');
  for (const id of ['a%20b', `${'x'.repeat(51)}`, "1'%20OR%20'1'='1", 'abc%0A'])
    assert.equal((await kit.call('DELETE', `/api/v1/data/${id}`, { token: admin })).status, 422, id);
});

test('E04 the health example is open', async () => {
  const { status, json } = await kit.call('GET', '/health');
  assert.deepEqual([status, json.status], [200, 'ok']);
  assert.equal((await kit.call('POST', '/health', { body: {} })).status, 405);
});

test('E06 E05 a permission that is missing is 403 in the words of the old system, and everything else goes on', async () => {
  for (const [role, token] of Object.entries(tokens)) {
    for (const [act, perform] of Object.entries(acts)) {
      const { status, text, headers } = await perform(token);
      if (MAY[role]?.includes(act)) assert.ok([200, 404].includes(status), `${role} ${act}: ${status} ${text}`);
      else {
        assert.deepEqual([status, text], [403, '{"detail":"Insufficient permissions"}'], `${role} ${act}`);
        assert.equal(headers.get('content-type'), 'application/json');
      }
    }
  }
});

// Attack: the 403 tells somebody unknown which permissions there are (D08).
test('E06 D08 who is not known is asked to sign in before anything is said of permissions', async () => {
  for (const [act, perform] of Object.entries(acts)) {
    const { status, text } = await perform(undefined);
    assert.deepEqual([status, text], [401, '{"detail":"Invalid authentication credentials"}'], act);
  }
});

test('E06 a permission that is taken away is gone with the next request, under the same token', async () => {
  const { id } = await kit.person('fickle', 'analyst');
  const token = await kit.login('fickle');
  assert.equal((await kit.call('POST', '/api/v1/data', { token, body: reading })).status, 200);
  await kit.call('PATCH', `/v1/users/${id}`, { token: await kit.signIn(), body: { roles: ['viewer'] } });
  const after = await kit.call('POST', '/api/v1/data', { token, body: reading });
  assert.deepEqual([after.status, after.json], [403, { detail: 'Insufficient permissions' }]);
});
