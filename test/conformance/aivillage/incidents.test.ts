import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MAIN_TENANT } from '../../../src/tenants/index.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';
import { type Receivers, startReceivers } from './receivers.ts';

let village: Village;
let receivers: Receivers;
before(async () => {
  receivers = await startReceivers();
  village = await startVillage({}, { config: { delivery: receivers.delivery } });
});
after(async () => {
  await village.close();
  await receivers.close();
});

const OPERATOR = { principal: { kind: 'operator', tenantId: MAIN_TENANT } } as const;

async function member(username: string, ...roles: string[]): Promise<string> {
  const person = { username, password: KIT_PASSWORD, roles, email: `${username}@mail.example` };
  const made = await village.twinkeep.house.people.create(OPERATOR, MAIN_TENANT, person);
  return made.person.id;
}

async function lettersTo(address: string) {
  await village.twinkeep.house.delivery.run();
  return receivers.letters.filter(({ to }) => to === address).map(({ subject }) => subject);
}

async function actionsOf(): Promise<readonly string[]> {
  await village.twinkeep.house.audit.integrate();
  const { json } = await village.call('GET', '/v1/audit/entries?limit=200', { token: await village.signIn() });
  return json.items.map(({ action }: { action: string }) => action);
}

const signIn = (username: string) =>
  village.call('POST', '/auth/login', { body: { username, password: KIT_PASSWORD } });

// Attack: a refresh token is copied; the thief and its owner both use it.
test('V20: a copied refresh token ends its session by itself, and its owner is told', async () => {
  await member('petra', 'viewer');
  const { json: first } = await signIn('petra');
  const refresh = (token: string) => village.call('POST', '/auth/refresh', { body: { refresh_token: token } });
  const { json: thief } = await refresh(first.refresh_token);
  const { json: further } = await refresh(thief.refresh_token);
  assert.equal((await refresh(first.refresh_token)).status, 401);
  for (const token of [first, thief, further].map((grant) => grant.access_token))
    assert.equal((await village.call('GET', '/auth/sessions', { token })).status, 401);
  assert.equal((await refresh(further.refresh_token)).status, 401);
  assert.equal((await refresh(first.refresh_token)).status, 401);
  const subjects = await lettersTo('petra@mail.example');
  assert.equal(subjects.filter((subject) => subject === 'A session of yours was ended').length, 1, 'once');
});

test('V20: an account that was got into is shut: sessions, keys and password end, its owner is told, all on record', async () => {
  const id = await member('quinn', 'viewer', 'admin');
  const inside = (await signIn('quinn')).json.access_token;
  const native = await village.signIn('quinn');
  const wish = { name: 'a', scopes: ['read'] };
  const { json: key } = await village.call('POST', '/v1/api-keys', { token: native, body: wish });
  const body = { reason: 'phished' };
  const path = `/v1/users/${id}/compromised`;
  const { status, json } = await village.call('POST', path, { token: await village.signIn(), body });
  assert.equal(status, 200);
  assert.deepEqual([json.api_keys, json.factors], [1, 0]);
  assert.ok(json.sessions >= 2);
  assert.equal((await village.call('GET', '/auth/sessions', { token: inside })).status, 401);
  assert.equal((await village.call('GET', '/v1/me', { token: native })).status, 401);
  assert.equal((await village.call('GET', '/v1/readings', { key: key.key })).status, 401);
  assert.equal((await signIn('quinn')).status, 401);
  assert.ok((await lettersTo('quinn@mail.example')).some((subject) => subject.includes('was secured')));
  const actions = await actionsOf();
  for (const action of ['incident.responded', 'session.all_ended', 'api_key.revoked'])
    assert.ok(actions.includes(action));

  village.clock.advance(1_000);
  const admin = await village.signIn();
  const link = await village.call('POST', `/v1/users/${id}/password-reset`, { token: admin });
  const fresh = { token: link.json.token, password: 'another horse another battery' };
  assert.ok((await village.call('POST', '/v1/password/reset', { body: fresh })).status < 300);
  const again = { username: 'quinn', password: fresh.password };
  assert.equal((await village.call('POST', '/auth/login', { body: again })).status, 200);
});

// Attack: somebody who may not shuts others out.
test('V20: accounts are shut by administrators who proved lately who they are, and by nobody else', async () => {
  const id = await member('rita', 'viewer');
  await member('sven', 'viewer');
  const path = `/v1/users/${id}/compromised`;
  assert.equal((await village.call('POST', path)).status, 401);
  assert.equal((await village.call('POST', path, { token: await village.signIn('sven') })).status, 403);
  assert.equal((await signIn('rita')).status, 200);
});

test('V20: the keys that seal can be rotated for an emergency, on record', async () => {
  const before = (await village.call('GET', '/security/status', { token: (await signIn('admin')).json.access_token }))
    .json;
  await village.twinkeep.house.keys.rotate({ reason: 'emergency' }, OPERATOR);
  village.clock.advance(60_000);
  const after = await village.twinkeep.house.keys.status(MAIN_TENANT);
  assert.notEqual(after.current_version, before.encryption.current_version);
  assert.equal(after.versions.at(-1)?.reason, 'emergency');
});

test('V20: what is detected raises an alert, and so does what was done about it', async () => {
  const token = await village.signIn();
  const body = { url: receivers.hookUrl, events: ['session.*', 'person.*'], description: 'the watch' };
  assert.equal((await village.call('POST', '/v1/webhooks', { token, body })).status, 201);
  const id = await member('tess', 'viewer');
  const { json: first } = await signIn('tess');
  const refresh = (value: string) => village.call('POST', '/auth/refresh', { body: { refresh_token: value } });
  const { json: next } = await refresh(first.refresh_token);
  await refresh(next.refresh_token);
  assert.equal((await refresh(first.refresh_token)).status, 401);
  await village.call('POST', `/v1/users/${id}/compromised`, { token });
  await village.twinkeep.house.delivery.run();
  for (const type of ['session.replayed', 'person.compromised'])
    assert.ok(
      receivers.events.some((event) => event.includes(type) && event.includes(id)),
      type,
    );
  const actions = await actionsOf();
  for (const action of ['session.refresh_refused', 'incident.responded']) assert.ok(actions.includes(action), action);
});
