import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checksum6 } from '../crypto/index.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { type Answer, createKit, createTestClock, type Kit } from '../testing/index.ts';
import { newKey } from './key.ts';

/** How often each kind of scope was read. */
const reads = { platform: 0, tenant: 0, lookup: 0 };

let kit: Kit;
let token: string;
before(async () => {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  const watched: Storage = {
    ...storage,
    read: (scope, work) => {
      reads[scope.kind]++;
      return storage.read(scope, work);
    },
  };
  kit = await createKit({ clock, storage: watched });
  token = await kit.signIn();
});
after(() => kit.close());

const make = (body: object): Promise<Answer> => kit.call('POST', '/v1/api-keys', { token, body });
const list = async () => (await kit.call('GET', '/v1/api-keys', { token: await kit.signIn() })).json.items;
const ask = (key: string): Promise<Answer> => kit.call('GET', '/v1/me', { key });
const bare = ({ status, json, headers }: Answer) => ({
  status,
  ...json,
  instance: '',
  challenge: headers.get('www-authenticate'),
});

test('a key is shown once, at its making, and never again', async () => {
  const { status, json } = await make({
    name: 'meters',
    scopes: ['write:meter_data', 'read', 'read'],
    expires_in: 3_600,
  });
  assert.equal(status, 201);
  assert.match(json.key, /^tk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
  assert.deepEqual(json.scopes, ['write:meter_data', 'read']);
  assert.deepEqual([json.created_at, json.expires_at], ['2026-11-21T12:00:00.000Z', '2026-11-21T13:00:00.000Z']);
  const me = await ask(json.key);
  assert.deepEqual(me.json, {
    kind: 'api-key',
    id: json.id,
    username: null,
    tenant: 'main',
    permissions: ['write:meter_data', 'read'],
    session: null,
  });
  const listed = await kit.call('GET', '/v1/api-keys', { token });
  assert.ok(!listed.text.includes(json.key.slice(16)));
  const { key: _, ...rest } = json;
  assert.deepEqual(listed.json.items.at(-1), rest);
});

// Attack: a made-up key costs a look-up in the database for each guess.
test('a mistyped key is refused without a look-up, and a made-up one without a look at a tenant', async () => {
  const key = await kit.key('read');
  const typo = key.slice(0, 20) + (key[20] === 'x' ? 'y' : 'x') + key.slice(21);
  Object.assign(reads, { platform: 0, tenant: 0, lookup: 0 });
  assert.equal((await ask(typo)).status, 401);
  assert.deepEqual(reads, { platform: 0, tenant: 0, lookup: 0 });
  assert.equal((await ask(newKey(createSystemRandom()).text)).status, 401);
  assert.deepEqual(reads, { platform: 0, tenant: 0, lookup: 1 });
});

test('a key that is known is verified without asking the database again', async () => {
  const key = await kit.key('read');
  assert.equal((await ask(key)).status, 200);
  Object.assign(reads, { platform: 0, tenant: 0, lookup: 0 });
  assert.equal((await ask(key)).status, 200);
  assert.deepEqual([reads.lookup, reads.tenant], [0, 0]);
});

// Attack: the answer tells which keys exist (D12).
test('a key that is unknown, altered, revoked or run out gets one and the same answer', async () => {
  const made = await make({ name: 'short', scopes: ['read'], expires_in: 60 });
  const gone = await make({ name: 'gone', scopes: ['read'] });
  await kit.call('DELETE', `/v1/api-keys/${gone.json.id}`, { token });
  kit.clock.advance(60_000);
  const [, prefix] = made.json.key.split('_');
  const forged = newKey(createSystemRandom()).text;
  const answers = await Promise.all(
    [made.json.key, gone.json.key, forged, 'tk_', '', `tk_${prefix}_`, 'é'.repeat(50)].map((key) => ask(key)),
  );
  for (const answer of answers) assert.deepEqual(bare(answer), bare(answers[0] ?? answer));
  assert.deepEqual([answers[0]?.status, answers[0]?.json.code], [401, 'APIKEY_INVALID']);
});

// Attack: the public part, which stands in lists and logs, is used with a secret of one's own.
test('the public part of a key with another secret is refused, before and after the key was used', async () => {
  const key = await kit.key('read');
  const forge = () => withSecretOf(newKey(createSystemRandom()).text, key.slice(3, 15));
  assert.equal((await ask(forge())).status, 401);
  assert.equal((await ask(key)).status, 200);
  assert.equal((await ask(forge())).status, 401);
});

test('a key runs out at its moment, whether it was used before or not', async () => {
  const used = await make({ name: 'used', scopes: ['read'], expires_in: 10 });
  const unused = await make({ name: 'unused', scopes: ['read'], expires_in: 10 });
  kit.clock.advance(9_999);
  assert.equal((await ask(used.json.key)).status, 200);
  kit.clock.advance(1);
  assert.equal((await ask(used.json.key)).status, 401);
  assert.equal((await ask(unused.json.key)).status, 401);
});

test('a revoked key is refused with the next request, is gone from the list, and cannot be revoked twice', async () => {
  const { json } = await make({ name: 'leaving', scopes: ['admin'] });
  assert.equal((await ask(json.key)).status, 200);
  const itself = await kit.call('DELETE', `/v1/api-keys/${json.id}`, { key: json.key });
  assert.equal(itself.status, 204);
  assert.equal((await ask(json.key)).status, 401);
  assert.ok(!(await list()).some(({ id }: { id: string }) => id === json.id));
  const again = await kit.call('DELETE', `/v1/api-keys/${json.id}`, { token });
  assert.deepEqual([again.status, again.json.code], [404, 'APIKEY_UNKNOWN']);
});

test('when a key was last used is told, and only of good uses', async () => {
  const { json } = await make({ name: 'watched', scopes: ['read'] });
  const lastUse = async () => {
    await kit.twinkeep.house.apiKeys.flushUse();
    return (await list()).find(({ id }: { id: string }) => id === json.id)?.last_used_at;
  };
  assert.equal(await lastUse(), null);
  await ask(`${json.key.slice(0, -1)}?`);
  assert.equal(await lastUse(), null);
  kit.clock.advance(1_000);
  const at = new Date(kit.clock.now()).toISOString();
  await ask(json.key);
  kit.clock.advance(5_000);
  assert.equal(await lastUse(), at);
});

test('a wish for a key is refused with the place of what is wrong', async () => {
  const good = { name: 'x', scopes: ['read'] };
  const wrong: [object, string][] = [
    [{ ...good, name: '' }, 'body/name'],
    [{ ...good, name: 'x'.repeat(101) }, 'body/name'],
    [{ ...good, name: 'a\u0000b' }, 'body/name'],
    [{ ...good, scopes: [] }, 'body/scopes'],
    [{ ...good, scopes: 'read' }, 'body/scopes'],
    [{ ...good, scopes: [''] }, 'body/scopes/0'],
    [{ ...good, scopes: Array(51).fill('read') }, 'body/scopes'],
    [{ ...good, expires_in: 0 }, 'body/expires_in'],
    [{ ...good, expires_in: 1.5 }, 'body/expires_in'],
    [{ ...good, expires_in: 1e12 }, 'body/expires_in'],
    [{ ...good, expires_in: '60' }, 'body/expires_in'],
    [{ ...good, id: 'mine' }, 'body/id'],
    [{ scopes: ['read'] }, 'body/name'],
  ];
  for (const [body, at] of wrong) {
    const { status, json } = await make(body);
    assert.deepEqual([status, json.code, json.errors[0].at], [422, 'HTTP_INPUT_REFUSED', at]);
  }
});

function withSecretOf(other: string, prefix: string): string {
  const body = `tk_${prefix}_${other.slice(16, 16 + 43)}`;
  return body + checksum6(body);
}
