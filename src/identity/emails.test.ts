import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import { vaultFault } from '../vault/index.ts';
import { createEmails } from './emails.ts';
import { identityStore } from './store.ts';

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

const spoil = statement({
  reach: 'platform',
  sql: 'update person set email = :email where username = :username',
  params: { email: 'text', username: 'text' },
});

/** Holds every password back that is to be hashed, as a queue of them would. */
function holdHashes(): () => void {
  const { identity } = kit.twinkeep.house;
  const { hash } = identity;
  const gate = Promise.withResolvers<void>();
  identity.hash = (password) => gate.promise.then(() => hash(password));
  return () => {
    identity.hash = hash;
    gate.resolve();
  };
}

// Attack: a password is changed with the address while its key is followed by another, and a second person takes it.
test('an address that waited for a password through a rotation is stored under the key of the moment', async () => {
  const { json } = await create('hedy');
  await create('seed', 'seed@twin.example');
  const release = holdHashes();
  const body = { email: 'hedy@twin.example', password: `${KIT_PASSWORD} new` };
  const changing = kit.call('PATCH', `/v1/users/${json.id}`, { token, body });
  await new Promise((resolve) => setTimeout(resolve, 100)); // it is on its way to the hash by then
  const { house } = kit.twinkeep;
  await house.keys.rotate({ reason: 'manual' }, { principal: { kind: 'anonymous' } });
  for (let turn = 0; turn < 5; turn++) {
    kit.clock.advance(4_000);
    await house.rewrap.run({ urgent: true });
  }
  const own = (await house.keys.statusOfAll()).find(({ tenant }) => tenant === 'platform');
  const states = own?.versions.map(({ state }) => state) ?? [];
  assert.ok(states.includes('emptied') && !states.includes('retired'), states.join());
  release();
  assert.equal((await changing).status, 200);
  token = await kit.signIn();
  assert.deepEqual(await find('hedy@twin.example'), ['hedy']);
  assert.equal((await create('eve2', 'Hedy@twin.example')).status, 409);
});

// Attack: whoever can write to one row of the database shuts the administrators out of all people.
test('an address that was altered is shown as unreadable, and hides and stops nothing else', async () => {
  const made = await create('ida', 'ida@twin.example');
  await create('jean', 'jean@twin.example');
  await kit.twinkeep.storage.write(platform, (tx) => tx.run(spoil, { email: 'tks1.AAAA', username: 'ida' }));
  const { status, json } = await kit.call('GET', '/v1/users', { token });
  assert.equal(status, 200);
  const shown = (name: string) => {
    const { email, email_unreadable } = json.items.find(({ username }: { username: string }) => username === name);
    return [email, email_unreadable];
  };
  assert.deepEqual(
    [shown('ida'), shown('jean')],
    [
      [null, true],
      ['jean@twin.example', false],
    ],
  );
  const changed = await change(made.json.id, { roles: ['analyst'] });
  assert.deepEqual([changed.status, changed.json.roles, changed.json.email_unreadable], [200, ['analyst'], true]);
  assert.deepEqual(await find('ida@twin.example'), ['ida']);
  const mended = await change(made.json.id, { email: 'ida@twin.example' });
  assert.deepEqual([mended.status, mended.json.email, mended.json.email_unreadable], [200, 'ida@twin.example', false]);
});

test('an address that does not open is told once of its person, and a provider that is away by itself', async () => {
  const { json } = await create('olga', 'olga@twin.example');
  const { storage, house } = kit.twinkeep;
  const told: unknown[] = [];
  const failing = { code: 'VAULT_UNREADABLE' as 'VAULT_UNREADABLE' | 'VAULT_PROVIDER_AWAY' };
  const open = () => Promise.reject(vaultFault(failing.code));
  const vault = { ...house.vault, subjects: { ...house.vault.subjects, open } };
  const emails = createEmails({ storage, vault, audit: house.audit, onError: (error) => told.push(error) });
  const look = () =>
    storage.read(platform, async (tx) => {
      const person = await identityStore.byId(tx, json.id);
      return emails.of(tx, person ?? assert.fail());
    });
  failing.code = 'VAULT_PROVIDER_AWAY';
  assert.deepEqual(await look(), { address: undefined, isUnreadable: true });
  assert.equal(told.length, 0);
  failing.code = 'VAULT_UNREADABLE';
  for (let time = 0; time < 3; time++) assert.equal((await look()).isUnreadable, true);
  assert.equal(told.length, 1);
  assert.ok(String(told[0]).includes(json.id) && !String(told[0]).includes('olga'));
});
