import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

let kit: Kit;
let token: string;
before(async () => {
  kit = await createKit();
  token = await kit.signIn();
});
after(() => kit.close());

const create = (username: string, email?: string): Promise<Answer> =>
  kit.call('POST', '/v1/users', { token, body: { username, password: KIT_PASSWORD, roles: ['viewer'], email } });
const find = async (email: string): Promise<readonly string[]> => {
  const { json } = await kit.call('GET', `/v1/users?email=${encodeURIComponent(email)}`, { token });
  return json.items.map(({ username }: { username: string }) => username);
};
const change = (id: string, body: object): Promise<Answer> => kit.call('PATCH', `/v1/users/${id}`, { token, body });

const stored = statement({
  reach: 'platform',
  sql: 'select email, email_index from person where username = :username',
  params: { username: 'text' },
  returns: { email: 'text?', email_index: 'text?' },
});

test('a person is found by an e-mail address, however it is spelt, and it is stored sealed', async () => {
  const made = await create('vera', 'Vera.Rubin@Twin.Example');
  assert.deepEqual([made.status, made.json.email], [201, 'Vera.Rubin@Twin.Example']);
  for (const spelling of ['vera.rubin@twin.example', 'VERA.RUBIN@TWIN.EXAMPLE']) {
    assert.deepEqual(await find(spelling), ['vera']);
  }
  assert.deepEqual(await find('vera@twin.example'), []);
  const row = await kit.twinkeep.storage.read(platform, (tx) => tx.one(stored, { username: 'vera' }));
  assert.match(row?.email ?? '', /^tks1\./);
  assert.match(row?.email_index ?? '', /^bi1\.v_/);
});

test('two people cannot have one address, nor one each of its spellings, also when they ask at once', async () => {
  await create('ada', 'ada@twin.example');
  const taken = await create('eve', 'ADA@twin.example');
  assert.deepEqual([taken.status, taken.json.code], [409, 'IDENTITY_EMAIL_TAKEN']);
  const both = await Promise.all([create('mia', 'one@twin.example'), create('noa', 'one@twin.example')]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409]);
  assert.equal((await find('one@twin.example')).length, 1);
});

test('an address is changed and taken away, and found no more', async () => {
  const { json } = await create('lise', 'lise@twin.example');
  assert.equal((await change(json.id, { email: 'meitner@twin.example' })).json.email, 'meitner@twin.example');
  assert.deepEqual([await find('lise@twin.example'), await find('meitner@twin.example')], [[], ['lise']]);
  assert.equal((await change(json.id, { email: null })).json.email, null);
  assert.deepEqual(await find('meitner@twin.example'), []);
});

test('what is no address is refused with its place', async () => {
  for (const bad of ['', 'vera', 'vera@', '@twin.example', `${'v'.repeat(250)}@twin.example`, 'vera@twin.example\n']) {
    const { status, json } = await create(`bad-${bad.length}`, bad);
    assert.deepEqual([status, json.errors?.[0]?.at], [422, 'body/email'], bad);
  }
});

test('an address is found on both sides of a rotation of its key', async () => {
  await create('emmy', 'emmy@twin.example');
  const { house } = kit.twinkeep;
  await house.keys.rotate({ reason: 'manual' }, { principal: { kind: 'anonymous' } });
  await create('grace', 'grace@twin.example');
  assert.deepEqual([await find('emmy@twin.example'), await find('Grace@twin.example')], [['emmy'], ['grace']]);
  assert.equal((await create('other', 'EMMY@twin.example')).status, 409);
  kit.clock.advance(60_000); // who sealed under the old key is done by then
  await house.rewrap.run({ urgent: true });
  assert.deepEqual(await house.rewrap.unreadable(tenantId('platform')), []);
  assert.deepEqual([await find('emmy@twin.example'), await find('Grace@twin.example')], [['emmy'], ['grace']]);
});

// Attack: a copy of the database still has the row of somebody who was erased.
test('an address is unreadable once the key of its person is destroyed', async () => {
  const { json } = await create('rosa', 'rosa@twin.example');
  const { storage, house } = kit.twinkeep;
  await storage.write(platform, (tx) => house.vault.subjects.destroy(tx, json.id));
  const listed = await kit.call('GET', '/v1/users', { token });
  assert.ok(listed.text.includes('"rosa"'));
  assert.ok(!listed.text.includes('rosa@'));
});
