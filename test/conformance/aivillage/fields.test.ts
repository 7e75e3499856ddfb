import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { createSqliteStorage } from '../../../src/storage/index.ts';
import { createTestClock } from '../../../src/testing/index.ts';
import type { FieldFunctions } from '../../../src/vault/compat.ts';
import { dataKeyByHand, openByHand, payloadOf } from '../by-hand.ts';
import { fernetEncrypt, gcmEncrypt, newFernetKey } from '../old-ciphers.ts';
import { FIELD_KEY, type ProfileKit, startProfile } from '../profile-kit.ts';

const UNREADABLE = { code: 'VAULT_UNREADABLE' };
const MASTER = Buffer.from(FIELD_KEY, 'base64');
const VERSION = /^v_\d{8}_\d{6}_[0-9a-f]{4}$/;
const FERNET_KEY = newFernetKey();

let folder: string;
let kit: ProfileKit;
let fields: FieldFunctions;
let db: DatabaseSync;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-village-'));
  const clock = createTestClock(Date.UTC(2026, 10, 21, 14, 5, 23));
  const storage = createSqliteStorage({ file: join(folder, 'db'), clock });
  kit = await startProfile('aivillage', { encryptionKey: FIELD_KEY }, { clock, storage });
  fields = kit.twinkeep.house.fieldFunctions('aivillage');
  db = new DatabaseSync(join(folder, 'db'));
  const body = { algorithm: 'fernet', key: FERNET_KEY };
  const token = await kit.signIn();
  assert.equal((await kit.call('POST', '/v1/vault/keys/import', { token, body })).status, 200);
});
after(async () => {
  db.close();
  await kit.close();
  rmSync(folder, { recursive: true });
});

const placeOf = (column: string) => ({ tenant: 'main', table: 'external.profile:aivillage', column, row: '' });

// The rest of V01 is that all personal data is so at rest, user names too, and that it travels by TLS.
test('of V01: encrypt_sensitive_field seals by AES-256-GCM under a data key of 256 bits', async () => {
  const sealed = await fields.encryptSensitiveField('ada@example.com', 'email');
  const version = sealed.split('.')[1] ?? '';
  assert.match(version, VERSION);
  assert.equal(payloadOf(sealed).length, 12 + 'ada@example.com'.length + 16);
  assert.equal(openByHand(db, MASTER, placeOf('email'), sealed), 'ada@example.com');
  assert.equal(await fields.decryptSensitiveField(sealed, 'email'), 'ada@example.com');
});

// Attack: the sealed value of one field is stored in another, whose readers may see more.
test('of V01: X10 the field name is part of the call, and the value opens under no other', async () => {
  const sealed = await fields.encryptSensitiveField('+82 10', 'phone');
  for (const name of ['email', 'Phone', 'phone ', '']) {
    await assert.rejects(fields.decryptSensitiveField(sealed, name), UNREADABLE, name);
    assert.throws(() => openByHand(db, MASTER, placeOf(name), sealed));
  }
  const other = kit.twinkeep.house.fieldFunctions('digital-twin-v2');
  await assert.rejects(other.decryptSensitiveField(sealed, 'phone'), UNREADABLE, 'nor in another profile');
});

test('of V01: e-mail addresses and places stand sealed in the database, and in none of its files', async () => {
  const { id } = await kit.person('vera', 'viewer');
  const email = 'vera.of.the.village@example.com';
  const token = await kit.signIn();
  assert.equal((await kit.call('PATCH', `/v1/users/${id}`, { token, body: { email } })).status, 200);
  const reading = {
    meter_id: 'M1',
    timestamp: '2026-11-21T11:00:00Z',
    energy_consumption: 1,
    location: 'Gwangyang-si',
  };
  const key = await kit.key('write:meter_data');
  assert.equal((await kit.call('POST', '/v1/readings', { key, body: reading })).status, 201);
  const { json } = await kit.call('GET', '/v1/readings', { key: await kit.key('read:meter_data') });
  assert.equal(json.items[0].location, reading.location);
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name), 'latin1');
    for (const text of [email, 'vera.of.the', reading.location]) assert.ok(!bytes.includes(text), name);
  }
});

test('V02 legacy Fernet values open beside new ones, and which is which is found out by itself', async () => {
  const texts = ['ada@example.com', '', '광양 제철소 🔋', 'x'.repeat(10_000)];
  for (const text of texts) {
    assert.equal(await fields.decryptSensitiveField(fernetEncrypt(FERNET_KEY, text), 'email'), text);
    const sealed = await fields.encryptSensitiveField(text, 'email');
    assert.match(sealed, /^tk1\./, 'what is written is new');
    assert.equal(await fields.decryptSensitiveField(sealed, 'email'), text);
  }
  const foreign = fernetEncrypt(newFernetKey(), 'ada@example.com');
  await assert.rejects(fields.decryptSensitiveField(foreign, 'email'), UNREADABLE);
  for (const text of ['', 'ada@example.com', 'gAAAAA', 'tk1.', gcmEncrypt(FIELD_KEY, 'x').slice(0, 20)])
    await assert.rejects(fields.decryptSensitiveField(text, 'email'), UNREADABLE);
});

test('V04 get_key_status tells version, days and algorithm, the same by function, command surface and HTTP', async () => {
  const status = await fields.getKeyStatus();
  assert.deepEqual(Object.keys(status).toSorted(), ['algorithm', 'current_version', 'days_until_rotation']);
  assert.deepEqual([status.algorithm, status.days_until_rotation], ['AES-256-GCM', 30]);
  assert.match(status.current_version, /^v_20261121_140523_[0-9a-f]{4}$/, 'when it was made, in UTC');
  const { json } = await kit.call('GET', '/v1/vault/keys', { token: await kit.signIn() });
  const { current_version, days_until_rotation, algorithm, versions } = json;
  assert.deepEqual({ current_version, days_until_rotation, algorithm }, status);
  const own = versions.find(({ version }: { version: string }) => version === current_version);
  assert.deepEqual([own.state, own.algorithm], ['current', 'AES-256-GCM']);
  assert.ok(versions.every(({ version }: { version: string }) => VERSION.test(version)));
});

test('of V24: keys are twice as long as those of Fernet', async () => {
  const { current_version } = await fields.getKeyStatus();
  assert.equal(dataKeyByHand(db, MASTER, 'main', current_version).length, 2 * 16);
});
