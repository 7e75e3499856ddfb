import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { tenantId } from '../../../src/kernel/brand.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { fernetDecrypt, fernetEncrypt, gcmDecrypt, gcmEncrypt, newFernetKey } from '../old-ciphers.ts';
import { FIELD_KEY, SECRET, startProfile } from '../profile-kit.ts';

const SEALING = ['digital-twin-v1', 'digital-twin-v2', 'aivillage'] as const;
const UNREADABLE = { code: 'VAULT_UNREADABLE' };
const FERNET_KEY = newFernetKey();

type Form = 'envelope' | 'fernet' | 'aes-gcm';

/** All three systems under one roof, each with its key. @param fieldForm what all of them write; else each its own */
async function threeSystems(t: { after(work: () => Promise<void>): void }, fieldForm?: Form) {
  const form = fieldForm === undefined ? {} : { fieldForm };
  const gcm = { secret: SECRET, encryptionKey: FIELD_KEY, ...form };
  const kit = await startProfile(
    'digital-twin-v1',
    { encryptionKey: FERNET_KEY, ...form },
    {
      config: { profiles: [...SEALING], profile: { 'digital-twin-v2': gcm, aivillage: gcm } },
    },
  );
  t.after(kit.close);
  return { kit, of: kit.twinkeep.house.fieldFunctions };
}

/** A bare value that begins as Fernet tokens do: its nonce happens to be so. */
function disguised(text: string): string {
  const nonce = Buffer.concat([Buffer.from([0x80, 0, 0, 0, 0]), randomBytes(7)]);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(FIELD_KEY, 'base64'), nonce);
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

test('X09 each system writes the form of its own until its owner says otherwise', async (t) => {
  const { of } = await threeSystems(t);
  assert.equal(fernetDecrypt(FERNET_KEY, await of('digital-twin-v1').encryptData('x')), 'x');
  assert.equal(gcmDecrypt(FIELD_KEY, await of('digital-twin-v2').encryptData('x')), 'x');
  assert.match(await of('aivillage').encryptData('x'), /^tk1\.v_\d{8}_\d{6}_[0-9a-f]{4}\./);
  for (const form of ['envelope', 'fernet', 'aes-gcm'] as const) {
    const other = await threeSystems(t, form);
    for (const name of SEALING) {
      const written = await other.of(name).encryptData('x');
      const read = {
        envelope: () => (written.startsWith('tk1.v_') ? other.of(name).decryptData(written) : ''),
        fernet: () => fernetDecrypt(FERNET_KEY, written),
        'aes-gcm': () => gcmDecrypt(FIELD_KEY, written),
      };
      assert.equal(await read[form](), 'x', `${name} ${form}`);
    }
  }
});

test('X09 every form is read by all of them, told apart by itself, in both alphabets of base64', async (t) => {
  const { kit, of } = await threeSystems(t);
  const text = 'Zürich, Zähler 4711 🔋 '.repeat(8);
  const forms = [
    fernetEncrypt(FERNET_KEY, text),
    gcmEncrypt(FIELD_KEY, text),
    gcmEncrypt(FIELD_KEY, text, 'base64url'),
    disguised(text),
  ];
  assert.ok(
    [forms[0], forms[3]].every((value) => value?.startsWith('gAAAAA')),
    'the tag decides, not the beginning',
  );
  for (const name of SEALING) {
    const { decryptData, decryptSensitiveField } = of(name);
    for (const value of forms) {
      assert.equal(await decryptData(value), text, name);
      assert.equal(await decryptSensitiveField(value, 'email'), text);
    }
  }
  const key = await kit.key('open:fields');
  const answers = forms.map((sealed) =>
    kit.call('POST', '/v1/vault/open', { key, body: { table: 'users', column: 'email', row: '1', sealed } }),
  );
  const found = (await Promise.all(answers)).map(({ json }) => [json.form, json.text === text]);
  assert.deepEqual(found, [
    ['fernet', true],
    ['aes-gcm', true],
    ['aes-gcm', true],
    ['aes-gcm', true],
  ]);
});

test('X09 a form is changed by a setting, and what was written before stays readable', async (t) => {
  const { of } = await threeSystems(t, 'envelope');
  const before = [fernetEncrypt(FERNET_KEY, 'old'), gcmEncrypt(FIELD_KEY, 'old')];
  for (const name of SEALING) for (const value of before) assert.equal(await of(name).decryptData(value), 'old');
});

// Attack: a sealed value is copied to another field, another system, another row, or from our own tables.
test('X10 an envelope is bound to its place: profile and field name, or tenant, table, column and row', async (t) => {
  const { kit, of } = await threeSystems(t, 'envelope');
  for (const name of SEALING) {
    const own = of(name);
    const sealed = await own.encryptSensitiveField('ada@example.com', 'email');
    assert.equal(await own.decryptSensitiveField(sealed, 'email'), 'ada@example.com');
    await assert.rejects(own.decryptSensitiveField(sealed, 'phone'), UNREADABLE);
    await assert.rejects(own.decryptData(sealed), UNREADABLE);
    for (const other of SEALING.filter((each) => each !== name))
      await assert.rejects(of(other).decryptSensitiveField(sealed, 'email'), UNREADABLE, `${name} in ${other}`);
  }
  const key = await kit.key('seal:fields', 'open:fields');
  const at = { table: 'users', column: 'email', row: '1' };
  const { json } = await kit.call('POST', '/v1/vault/seal', { key, body: { ...at, text: 'x' } });
  const openAt = async (place: object) =>
    (await kit.call('POST', '/v1/vault/open', { key, body: { ...at, ...place, sealed: json.sealed } })).status;
  assert.equal(await openAt({}), 200);
  for (const elsewhere of [{ table: 'people' }, { column: 'phone' }, { row: '2' }])
    assert.equal(await openAt(elsewhere), 422, JSON.stringify(elsewhere));
  await assert.rejects(of('aivillage').decryptSensitiveField(json.sealed, 'email'), UNREADABLE);
});

test('X10 a tenant does not open what another has sealed', async (t) => {
  const { kit } = await threeSystems(t);
  const { house } = kit.twinkeep;
  const operator = { principal: { kind: 'operator', tenantId: tenantId('main') } } as const;
  await house.createTenant(operator, tenantId('rival'), 'Rival');
  const rita = { username: 'rita', password: KIT_PASSWORD, roles: ['admin'] };
  await house.people.create(operator, tenantId('rival'), rita);
  const at = { table: 'users', column: 'email', row: '1' };
  const keyOf = async (token: string): Promise<string> => {
    const wish = { name: 'twin', scopes: ['seal:fields', 'open:fields'] };
    const made = await kit.call('POST', '/v1/api-keys', { token, body: wish });
    assert.equal(made.status, 201, made.text);
    return made.json.key;
  };
  const [home, rival] = [await keyOf(await kit.signIn()), await keyOf(await kit.signIn('rita'))];
  const { sealed } = (await kit.call('POST', '/v1/vault/seal', { key: home, body: { ...at, text: 'x' } })).json;
  const open = (key: string) => kit.call('POST', '/v1/vault/open', { key, body: { ...at, sealed } });
  assert.equal((await open(home)).json.text, 'x');
  const refused = await open(rival);
  assert.deepEqual([refused.status, refused.json.code], [422, 'VAULT_KEY_UNKNOWN']);
});

test('X10 the legacy forms bind nothing, as those who read them expect', async (t) => {
  const { of } = await threeSystems(t);
  for (const [name, decrypt] of [
    ['digital-twin-v1', (value: string) => fernetDecrypt(FERNET_KEY, value)],
    ['digital-twin-v2', (value: string) => gcmDecrypt(FIELD_KEY, value)],
  ] as const) {
    const written = await of(name).encryptSensitiveField('ada@example.com', 'email');
    assert.equal(decrypt(written), 'ada@example.com');
    assert.equal(await of(name).decryptSensitiveField(written, 'phone'), 'ada@example.com');
  }
});
