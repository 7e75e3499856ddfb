import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, createKit, type Kit } from '../testing/index.ts';
import { hashed } from './legacy-kit.contract.ts';

const KEY = 'legacy-key-of-a-machine';
const PREFIX = KEY.slice(0, 8);

let kit: Kit;
let token: string;
before(async () => {
  kit = await createKit();
  token = await kit.signIn();
});
after(() => kit.close());

const take = (body: object, credential: object = { token }): Promise<Answer> =>
  kit.call('POST', '/v1/api-keys/import', { ...credential, body });
const ask = (key: string): Promise<Answer> => kit.call('GET', '/v1/me', { key });
const list = async () => (await kit.call('GET', '/v1/api-keys', { token })).json.items;

test('an administrator takes a file of legacy keys over, and its keys open what their scopes say', async () => {
  const keys = { [PREFIX]: await hashed(KEY) };
  assert.equal((await ask(KEY)).status, 401);
  const first = await take({ keys, scopes: ['read:meter_data'] });
  assert.deepEqual([first.status, first.json], [200, { added: 1, kept: 0, ended: 0, revoked: 0, other_scopes: 0 }]);
  const again = await take({ keys, scopes: ['read'], replace: true });
  assert.deepEqual(again.json, { added: 0, kept: 1, ended: 0, revoked: 0, other_scopes: 1 });
  const me = await ask(KEY);
  assert.deepEqual([me.status, me.json.kind, me.json.permissions], [200, 'api-key', ['read:meter_data']]);
  assert.equal((await kit.call('GET', '/v1/readings', { key: KEY })).status, 200);
  assert.equal((await kit.call('GET', '/v1/users', { key: KEY })).status, 403);
});

test('a legacy key is listed as such and ends when it is revoked, with the next request', async () => {
  const shown = (await list()).find(({ legacy }: { legacy: boolean }) => legacy);
  assert.deepEqual([shown.prefix, shown.name, shown.expires_at], [PREFIX, `legacy ${PREFIX}…`, null]);
  assert.equal((await kit.call('DELETE', `/v1/api-keys/${shown.id}`, { token })).status, 204);
  assert.equal((await ask(KEY)).status, 401);
  assert.ok(!(await list()).some(({ id }: { id: string }) => id === shown.id));
});

// Attack: a bad key ends in a crash, or is told apart from one that is unknown (D12).
test('a legacy key that is unknown, altered, revoked or too short gets one and the same answer', async () => {
  await take({ keys: { 'another-': await hashed('another-key') }, scopes: ['read'] });
  const bad = [KEY, 'another-key-altered', 'unknown-prefix', 'short', '', 'x'.repeat(600), 'tk_short'];
  const answers: Answer[] = [];
  for (const key of bad) answers.push(await ask(key));
  const bare = ({ status, json, headers }: Answer) => ({
    status,
    ...json,
    instance: '',
    challenge: headers.get('www-authenticate'),
  });
  for (const answer of answers) assert.deepEqual(bare(answer), bare(answers[0] ?? answer));
  assert.deepEqual([answers[0]?.status, answers[0]?.json.code], [401, 'APIKEY_INVALID']);
});

// Attack: somebody who may make keys takes over keys that can do more than they.
test('nobody takes over keys with scopes that they lack, and none with scopes that do not exist', async () => {
  const keys = { escalate: await hashed('escalate-me') };
  const key = await kit.key('admin:api_keys', 'read');
  for (const [credential, scopes, code] of [
    [{ key }, ['read', 'write'], 'ACCESS_ESCALATION'],
    [{ token }, ['platform:tenants'], 'ACCESS_ESCALATION'],
    [{ token }, ['read', 'fly'], 'ACCESS_PERMISSION_UNKNOWN'],
  ] as const) {
    assert.equal((await take({ keys, scopes }, credential)).json.code, code);
  }
  assert.equal((await take({ keys, scopes: ['read'] }, { key: await kit.key('read') })).json.code, 'ACCESS_FORBIDDEN');
  assert.equal((await ask('escalate-me')).status, 401);
  assert.equal((await take({ keys, scopes: ['read'] }, { key })).status, 200);
});

test('a file with flaws is refused with the place of each, and nothing of it is taken over', async () => {
  const good = await hashed('complete-key');
  const { status, json } = await take({
    keys: { complete: good, 'too-long-for-a-prefix': good, shortest: 'x' },
    scopes: ['read'],
  });
  assert.deepEqual([status, json.code], [422, 'APIKEY_IMPORT_REFUSED']);
  assert.deepEqual(
    json.errors.map(({ at }: { at: string }) => at),
    ['entry 2', 'shortest'],
  );
  assert.equal((await ask('complete-key')).status, 401);
  for (const [body, at] of [
    [{ keys: [good], scopes: ['read'] }, 'body/keys'],
    [{ keys: {}, scopes: [] }, 'body/scopes'],
    [{ keys: {}, scopes: ['read'], replace: 'yes' }, 'body/replace'],
    [{ keys: {}, scopes: ['read'], source: 'x' }, 'body/source'],
  ] as const) {
    const refused = await take(body);
    assert.deepEqual([refused.status, refused.json.errors[0].at], [422, at]);
  }
});
