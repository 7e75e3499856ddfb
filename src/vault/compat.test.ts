import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import { openBareGcm, openFernet, sealBareGcm, sealFernet } from '../crypto/index.ts';
import type { AuditEntry } from '../kernel/audit.ts';
import { tenantId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createFieldFunctions, type FieldForm, type FieldFunctionDeps, type FieldFunctions } from './compat.ts';
import { createKeys, type Keys } from './keys.ts';
import { createMasterKey } from './master-key.ts';
import { singleMaster } from './masters.ts';
import { vaultMigrations } from './migrations/index.ts';
import { openVault, type Vault } from './vault.ts';

const random = createSystemRandom();
const fernetBytes = random.bytes(32);
const gcmBytes = random.bytes(32);
const gcmKey = createSecretKey(gcmBytes);
const VERSION = /^v_\d{8}_\d{6}_[0-9a-f]{4}$/;
const UNREADABLE = { code: 'VAULT_UNREADABLE' };

let storage: Storage;
let clock: TestClock;
let vault: Vault;
let keys: Keys;
const entries: AuditEntry[] = [];

before(async () => {
  clock = createTestClock();
  storage = createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate(vaultMigrations);
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  vault = await openVault({ storage, masters, clock, random });
  keys = createKeys({
    vault,
    storage,
    audit: { record: async (tx, entry) => tx.afterCommit(() => entries.push(entry)) },
    clock,
    config: { maxSeals: 2 ** 30 },
    retainedBy: async () => [],
    countUnder: async () => 0,
    keepFor: () => 0,
  });
});
after(() => storage.close());

/** Functions of a tenant of its own, unless one is given. */
function functions(
  writes: FieldForm,
  profile = 'aivillage',
  tenant = tenantId(random.bytes(8).toString('hex')),
  writingKey: FieldFunctionDeps['writingKey'] = undefined,
) {
  const by = { principal: { kind: 'operator', tenantId: tenant } } as const;
  const made = createFieldFunctions({ vault, keys, tenant, profile, writes, writingKey, clock, random, by });
  const take = async () => {
    await keys.importLegacy(tenant, { algorithm: 'fernet', bytes: fernetBytes }, by);
    await keys.importLegacy(tenant, { algorithm: 'aes-gcm', bytes: gcmBytes }, by);
  };
  const under = (key: FieldFunctionDeps['writingKey']) => functions(writes, profile, tenant, key);
  return { ...made, tenant, by, take, under, as: (form: FieldForm, name = profile) => functions(form, name, tenant) };
}

const bare = (text: string) => sealBareGcm(gcmKey, random.bytes(12), Buffer.from(text));
const token = (text: string) => sealFernet(fernetBytes, text, { now: clock.now(), iv: random.bytes(16) });

test('what the functions write is what they were told to, and all forms are read by each of them', async () => {
  const { as, take } = functions('envelope');
  await take();
  const text = 'Zürich Zähler 4711 🔋';
  const sealed = new Map<FieldForm, string>();
  for (const form of ['envelope', 'fernet', 'aes-gcm'] as const) sealed.set(form, await as(form).encryptData(text));
  const written = (form: FieldForm): string => sealed.get(form) ?? '';
  assert.match(written('envelope'), /^tk1\.v_/);
  assert.equal(openFernet(fernetBytes, written('fernet'), { now: clock.now(), ttlS: 1 })?.toString(), text);
  assert.equal(openBareGcm(gcmKey, written('aes-gcm'))?.toString(), text);
  assert.match(written('aes-gcm'), /^[A-Za-z0-9+/]+={0,2}$/);
  for (const form of sealed.keys()) {
    for (const each of sealed.values()) assert.equal(await as(form).decryptData(each), text);
    for (const old of [token(text), bare(text)]) assert.equal(await as(form).decryptSensitiveField(old, 'email'), text);
  }
});

// Attack: the sealed value of one field is put where another is read, whose reader may see it.
test('an envelope opens under its field name, profile and tenant alone', async () => {
  const own = functions('envelope');
  const sealed = await own.encryptSensitiveField('ada@example.com', 'email');
  assert.equal(await own.decryptSensitiveField(sealed, 'email'), 'ada@example.com');
  await assert.rejects(own.decryptSensitiveField(sealed, 'phone'), UNREADABLE);
  await assert.rejects(own.decryptData(sealed), UNREADABLE);
  await assert.rejects(own.as('envelope', 'coretwin').decryptSensitiveField(sealed, 'email'), UNREADABLE);
  const stranger = functions('envelope');
  await assert.rejects(stranger.decryptSensitiveField(sealed, 'email'), { kind: 'unprocessable' });
  const inner = (await vault.fields(own.tenant)).seal({ table: 'profile:aivillage', column: 'email', row: '' }, 'x');
  await assert.rejects(own.decryptSensitiveField(inner, 'email'), UNREADABLE);
});

test('an envelope of a version that is not known is told by its version', async () => {
  const sealed = await functions('envelope').encryptData('x');
  const version = sealed.split('.')[1];
  await assert.rejects(functions('envelope').decryptData(sealed), { code: 'VAULT_KEY_UNKNOWN', facts: { version } });
});

test('a legacy form without an imported key is refused with the way to import one', async () => {
  for (const form of ['fernet', 'aes-gcm'] as const) {
    await assert.rejects(functions(form).encryptData('x'), {
      code: 'VAULT_KEY_MISSING',
      facts: { algorithm: form, fix: `twinkeep keys import --from ${form} --key-file FILE` },
    });
  }
});

// Attack: a key is imported to read old values by, and from then on the old program cannot read what is written.
test('a legacy form is written under the key that is named, whatever was imported after it', async () => {
  const { tenant, by, take, under } = functions('fernet');
  await take();
  clock.advance(days(1));
  const newer = random.bytes(32);
  const { version } = await keys.importLegacy(tenant, { algorithm: 'fernet', bytes: newer }, by);
  const own = under({ algorithm: 'fernet', bytes: fernetBytes });
  const written = await own.encryptData('x');
  assert.equal(openFernet(fernetBytes, written, { now: clock.now() })?.toString(), 'x');
  const later = await under(version).encryptData('y');
  assert.equal(openFernet(newer, later, { now: clock.now() })?.toString(), 'y');
  assert.deepEqual([await own.decryptData(written), await own.decryptData(later)], ['x', 'y']);
});

test('with several keys of a form and none named nothing is written, and neither under a key that is not there', async () => {
  const { tenant, by, take, under, encryptData } = functions('fernet');
  await take();
  assert.equal(openFernet(fernetBytes, await encryptData('x'), { now: clock.now() })?.toString(), 'x', 'there is one');
  assert.match(await under({ algorithm: 'aes-gcm', bytes: gcmBytes }).encryptData('x'), /^gAAAAA/);
  await keys.importLegacy(tenant, { algorithm: 'fernet', bytes: random.bytes(32) }, by);
  const facts = { algorithm: 'fernet', imported: 2 };
  await assert.rejects(encryptData('x'), (error) => {
    assert.ok(isFault(error, 'VAULT_KEY_MISSING'));
    assert.partialDeepStrictEqual(error.facts, facts);
    return true;
  });
  for (const missing of ['v_20200101_000000_0000', { algorithm: 'fernet', bytes: random.bytes(32) }] as const) {
    await assert.rejects(under(missing).encryptData('x'), { code: 'VAULT_KEY_MISSING' });
  }
});

// Attack: a stored value is altered in the hope that a part of the text comes out of it.
test('one altered byte in any form gives one error and no text', async () => {
  const own = functions('envelope');
  await own.take();
  const sealed = await own.encryptData('41.7 kWh');
  const at = sealed.lastIndexOf('.') + 1;
  const values = [
    [sealed.slice(0, at), sealed.slice(at)],
    ['', token('41.7 kWh')],
    ['', bare('41.7 kWh')],
  ] as const;
  for (const [head, payload] of values) {
    const raw = Buffer.from(payload, 'base64');
    for (let i = 0; i < raw.length; i += 1) {
      const altered = Buffer.from(raw);
      altered.writeUInt8(altered.readUInt8(i) ^ 0x10, i);
      const spelling = altered.toString('base64url');
      const padded = head === '' ? spelling + '='.repeat(-spelling.length & 3) : spelling;
      await assert.rejects(own.decryptData(head + padded), UNREADABLE);
    }
  }
  for (const junk of ['', 'plain text', 'tk1.', `${sealed}\n`, `${sealed}${sealed}`, 'gAAAAA'.repeat(30)]) {
    await assert.rejects(own.decryptData(junk), UNREADABLE, junk);
  }
});

test('text that is too long, or would come back as other text, is refused in every form', async () => {
  const { as, take } = functions('envelope');
  await take();
  for (const form of ['envelope', 'fernet', 'aes-gcm'] as const) {
    const own: FieldFunctions = as(form);
    const longest = 'é'.repeat(32_768);
    assert.equal(await own.decryptData(await own.encryptData(longest)), longest);
    await assert.rejects(own.encryptData(`${longest}x`), { code: 'VAULT_FIELD_TOO_LARGE' });
    await assert.rejects(own.encryptData('\ud800'), TypeError);
    assert.equal(await own.decryptData(await own.encryptData('')), '');
  }
  await assert.rejects(as('envelope').encryptSensitiveField('x', 'a\0b'), TypeError);
});

test('the status has exactly the old members, and a rotation is told and recorded', async () => {
  const own = functions('envelope');
  const sealed = await own.encryptData('x');
  const { current_version: first, ...status } = await own.getKeyStatus();
  assert.deepEqual(status, { days_until_rotation: 30, algorithm: 'AES-256-GCM' });
  assert.match(first, VERSION);
  assert.ok(sealed.startsWith(`tk1.${first}.`));
  clock.advance(days(3));
  assert.equal((await own.getKeyStatus()).days_until_rotation, 27);

  const recorded = entries.length;
  const rotated = await own.rotateKeys();
  assert.deepEqual(Object.keys(rotated).sort(), ['new_version', 'old_version', 'rotated_at']);
  assert.equal(rotated.old_version, first);
  assert.match(rotated.new_version, VERSION);
  assert.equal(rotated.rotated_at, new Date(clock.now()).toISOString());
  assert.deepEqual(
    entries.slice(recorded).map(({ action }) => action),
    ['vault.key_rotated'],
  );
  assert.equal((await own.getKeyStatus()).current_version, rotated.new_version);
  assert.ok((await own.encryptData('y')).startsWith(`tk1.${rotated.new_version}.`));
  assert.equal(await own.decryptData(sealed), 'x');
});

test('a version is marked as used outside before an envelope leaves, and legacy writes mark none', async () => {
  const own = functions('aes-gcm');
  await own.take();
  const isExternal = async () => {
    const { current_version, versions } = await keys.status(own.tenant);
    return versions.find(({ version }) => version === current_version)?.external;
  };
  await own.encryptData('x');
  assert.equal(await isExternal(), false);
  await own.as('envelope').encryptData('x');
  assert.equal(await isExternal(), true);
});
