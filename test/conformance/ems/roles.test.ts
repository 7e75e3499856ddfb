import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, createKit, type Kit } from '../../../src/testing/index.ts';

/** As E05 lists them. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  admin: ['read', 'write', 'delete', 'admin'],
  analyst: ['read', 'write', 'analyze'],
  viewer: ['read'],
  meter_reader: ['read', 'write:meter_data'],
};

/** What each role comes to over HTTP: 403 or something else. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  admin: ['read', 'write', 'delete', 'administer'],
  analyst: ['read', 'write'],
  viewer: ['read'],
  meter_reader: ['read', 'write'],
};

const reading = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 };

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const acts: Readonly<Record<string, (credential: object) => Promise<Answer>>> = {
  read: (credential) => kit.call('GET', '/v1/readings', credential),
  write: (credential) => kit.call('POST', '/v1/readings', { ...credential, body: reading }),
  delete: (credential) => kit.call('DELETE', '/v1/readings/NONE', credential),
  administer: (credential) => kit.call('GET', '/v1/users', credential),
};

describe('E05 four roles', () => {
  for (const [role, permissions] of Object.entries(ROLES)) {
    test(`${role} holds ${permissions.join(', ')}, and does what they allow and nothing else`, async () => {
      const { token } = await kit.person(`the-${role}`, role);
      const { json } = await kit.call('GET', '/v1/me', { token });
      assert.deepEqual(json.permissions, permissions);
      for (const [act, perform] of Object.entries(acts)) {
        const { status } = await perform({ token });
        assert.equal(status !== 403, MAY[role]?.includes(act), `${role} ${act}: ${status}`);
        assert.notEqual(status, 401);
      }
    });
  }

  test('a role that is not one of them is none', async () => {
    const body = { username: 'x', password: 'correct horse battery', roles: ['superuser'] };
    const answer = await kit.call('POST', '/v1/users', { token: await kit.signIn(), body });
    assert.deepEqual([answer.status, answer.json.code], [422, 'ACCESS_ROLE_UNKNOWN']);
  });
});

test('X14 write does what write:meter_data does, and write:meter_data nothing else that write does', async () => {
  const narrow = await kit.key('write:meter_data');
  const broad = await kit.key('write');
  const can = async (key: string) => (await kit.call('POST', '/v1/readings', { key, body: reading })).status !== 403;
  assert.deepEqual([await can(broad), await can(narrow)], [true, true]);
  const { house } = kit.twinkeep;
  const tenant = house.tenants.list().then(([main]) => main?.id ?? assert.fail());
  const principal = async (key: string) => house.apiKeys.verify(key);
  for (const wanted of ['write', 'write:configuration', 'write:meter_data:x']) {
    const narrowMay = await house.access.may(await principal(narrow), await tenant, wanted);
    assert.equal(narrowMay, wanted === 'write:meter_data:x', wanted);
    assert.equal(await house.access.may(await principal(broad), await tenant, wanted), true, wanted);
  }
  for (const wanted of ['write_all', 'writer', 'read', 'delete:meter_data']) {
    assert.equal(await house.access.may(await principal(broad), await tenant, wanted), false, wanted);
  }
});

// Attack: the answer to somebody unknown tells what rights a route wants, or a route forgets to ask who it is.
test('D08 who has not said who they are is asked for that before anything is said of rights', async () => {
  for (const { method, path, access, admits } of kit.twinkeep.routes) {
    if (access.kind === 'public' || access.kind === 'unlimited') continue;
    if (admits === 'later') continue; // a socket says it in its first message, and hears nothing before
    const answer = await kit.call(method, path.replace(/:\w+/, 'x'));
    assert.deepEqual([answer.status, answer.json.code], [401, 'ACCESS_UNAUTHENTICATED'], `${method} ${path}`);
    assert.equal(answer.json.permission, undefined);
  }
  const { token } = await kit.person('nobody-in-particular');
  const known = await kit.call('DELETE', '/v1/readings/x', { token });
  assert.deepEqual([known.status, known.json.code], [403, 'ACCESS_FORBIDDEN']);
});
