import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const NEW_PASSWORD = 'another horse battery staple';

async function rivals(name: string, change: object) {
  const { id } = await kit.person(name, 'viewer');
  const token = await kit.signIn();
  const signIn = () => kit.call('POST', '/v1/login', { body: { username: name, password: KIT_PASSWORD } });
  const [changed, ...grants] = await Promise.all([
    kit.call('PATCH', `/v1/users/${id}`, { token, body: change }),
    ...Array.from({ length: 8 }, signIn),
  ]);
  assert.equal(changed.status, 200);
  return grants.filter(({ status }) => status === 200);
}

// Attack: whoever holds the stolen password signs in at the very moment in which it is changed.
test('no session that was started with the old password outlives its change', async () => {
  for (const grant of await rivals('rita', { password: NEW_PASSWORD })) {
    const { access_token: token, refresh_token } = grant.json;
    assert.equal((await kit.call('GET', '/v1/me', { token })).status, 401);
    assert.equal((await kit.call('POST', '/v1/token/refresh', { body: { refresh_token } })).status, 401);
  }
});

test('no session that was started while its person was disabled goes on', async () => {
  for (const grant of await rivals('dora', { disabled: true })) {
    assert.equal((await kit.call('GET', '/v1/me', { token: grant.json.access_token })).status, 401);
  }
});

// Attack: a refresh that shares its group commit with the disabling signs its token after the revocation.
test('no token that was refreshed while its person was disabled outlives it', async () => {
  const admin = await kit.signIn();
  const { id } = await kit.person('rolf', 'viewer');
  const sessions = await Promise.all(
    Array.from({ length: 8 }, () =>
      kit.call('POST', '/v1/login', { body: { username: 'rolf', password: KIT_PASSWORD } }),
    ),
  );
  const refresh = (token: string) => kit.call('POST', '/v1/token/refresh', { body: { refresh_token: token } });
  const [, ...refreshed] = await Promise.all([
    kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: true } }),
    ...sessions.map(({ json }) => refresh(json.refresh_token)),
  ]);
  kit.clock.advance(50);
  for (const answer of refreshed.filter(({ status }) => status === 200)) {
    assert.equal((await kit.call('GET', '/v1/me', { token: answer.json.access_token })).status, 401);
  }
  await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: false } });
  for (const answer of refreshed.filter(({ status }) => status === 200)) {
    assert.equal((await refresh(answer.json.refresh_token)).status, 401);
  }
});
