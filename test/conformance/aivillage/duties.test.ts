import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';

let village: Village;
before(async () => {
  village = await startVillage();
});
after(() => village.close());

test('V25: passwords have 12 characters at least, whoever chooses them', async () => {
  const token = await village.signIn();
  const add = (username: string, password: string) =>
    village.call('POST', '/v1/users', { token, body: { username, password, roles: ['viewer'] } });
  assert.equal((await add('short', 'nine-lives')).status, 422);
  assert.equal((await add('long', 'nine lives and a dozen words')).status, 201);
  const own = await village.signIn('long', 'nine lives and a dozen words');
  const change = (password: string) =>
    village.call('POST', '/v1/password', { token: own, body: { current: 'nine lives and a dozen words', password } });
  assert.equal((await change('too-short-1')).status, 422);
  assert.equal((await change('another dozen of lives and words')).status, 204);
  await village.signIn('long', 'another dozen of lives and words');
});

test('V25: API keys are rotated: a new one is made beside the old one, which then ends', async () => {
  const token = await village.signIn();
  const make = () => village.call('POST', '/v1/api-keys', { token, body: { name: 'village', scopes: ['read'] } });
  const [old, next] = [(await make()).json, (await make()).json];
  const isGood = async (key: string) => (await village.call('GET', '/v1/readings', { key })).status === 200;
  assert.deepEqual([await isGood(old.key), await isGood(next.key)], [true, true]);
  assert.ok((await village.call('DELETE', `/v1/api-keys/${old.id}`, { token })).status < 300);
  assert.deepEqual([await isGood(old.key), await isGood(next.key)], [false, true]);
});

test('V25: an operator sees in one place whether logs, keys and factors are looked after', async () => {
  const { json } = await village.call('GET', '/security/status', { token: await village.login() });
  const ids = json.checks.map(({ id }: { id: string }) => id);
  for (const id of ['audit.signed', 'encryption.rotation', 'mfa.administrators', 'keys.master', 'sessions.revocation'])
    assert.ok(ids.includes(id), id);
  const token = await village.signIn();
  await village.call('GET', '/v1/audit/checkpoint', { token }); // what has happened up to here is numbered and signed
  const logged = await village.call('GET', '/v1/audit/entries', { token });
  assert.ok(logged.json.items.length > 0, 'and reads the security log');
});

test('V25: on a shared device a logout leaves nothing that opens the account', async () => {
  await village.person('wanda', 'viewer');
  const { json } = await village.call('POST', '/auth/login', { body: { username: 'wanda', password: KIT_PASSWORD } });
  await village.call('POST', '/auth/logout', { token: json.access_token });
  assert.equal((await village.call('GET', '/auth/sessions', { token: json.access_token })).status, 401);
  const body = { refresh_token: json.refresh_token };
  assert.equal((await village.call('POST', '/auth/refresh', { body })).status, 401);
});
