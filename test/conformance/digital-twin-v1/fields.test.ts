import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { FieldFunctions } from '../../../src/vault/compat.ts';
import { fernetDecrypt, fernetEncrypt, newFernetKey } from '../old-ciphers.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

const KEY = newFernetKey();
const UNREADABLE = { code: 'VAULT_UNREADABLE' };

let kit: ProfileKit;
let fields: FieldFunctions;
before(async () => {
  kit = await startProfile('digital-twin-v1', { encryptionKey: KEY });
  fields = kit.twinkeep.house.fieldFunctions('digital-twin-v1');
});
after(() => kit.close());

test('A08 A10 what encryptData writes the old system reads, and the other way round', async () => {
  for (const text of ['Ada Lovelace', '', '광양 제철소', 'x'.repeat(10_000)]) {
    const token = await fields.encryptData(text);
    assert.match(token, /^gAAAAA[\w-]+={0,2}$/);
    assert.equal(fernetDecrypt(KEY, token), text);
    assert.equal(await fields.decryptData(fernetEncrypt(KEY, text)), text);
  }
  assert.notEqual(await fields.encryptData('twice'), await fields.encryptData('twice'));
});

test('A08 A10 an owner seals the columns of a table that he chooses, and no other', async (t) => {
  const db = new DatabaseSync(':memory:');
  t.after(() => db.close());
  db.exec('create table users (id integer primary key, name text, email text, floor text)');
  const add = db.prepare('insert into users (name, email, floor) values (?, ?, ?)');
  const row = { name: 'Ada', email: 'ada@example.com', floor: 'B2' };
  add.run(await fields.encryptData(row.name), await fields.encryptData(row.email), row.floor);
  const stored = db.prepare('select name, email, floor from users').get() ?? assert.fail();
  assert.equal(stored['floor'], 'B2');
  assert.ok(![stored['name'], stored['email']].some((text) => /Ada|example/.test(String(text))));
  assert.equal(await fields.decryptData(String(stored['email'])), row.email);
  assert.equal(fernetDecrypt(KEY, String(stored['name'])), row.name);
});

// Attack: a byte of a stored value is changed, or a value of another key is put in its place.
test('A08 A10 a token that was altered, or is of another key, does not open', async () => {
  const token = await fields.encryptData('41.7');
  const raw = Buffer.from(token, 'base64url');
  for (let at = 0; at < raw.length; at++) {
    const altered = Buffer.from(raw);
    altered.writeUInt8(altered.readUInt8(at) ^ 0x01, at);
    const text = altered.toString('base64url');
    await assert.rejects(fields.decryptData(text + '='.repeat(-text.length & 3)), UNREADABLE, `byte ${at}`);
  }
  await assert.rejects(fields.decryptData(fernetEncrypt(newFernetKey(), '41.7')), UNREADABLE);
});

/** What a program of the owner's asks, in the place of `SecureDatabaseManager`. */
const sealedAt = (sealed: string) => ({ table: 'users', column: 'email', row: '1', sealed });

test('A09 a key file that was placed by hand is loaded at the start, and its values open from then on', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v1', JWT_SECRET_KEY: newFernetKey() });
  const made = await place.cli.run(['keys', 'generate', '--form', 'fernet']);
  const key = made.stdout.trim();
  assert.match(key, /^[\w-]{43}=$/, 'the base64url of 32 bytes');
  const again = await place.cli.run(['keys', 'generate', '--form', 'fernet']);
  assert.notEqual(again.stdout, made.stdout);

  const server = await place.start({ ENCRYPTION_KEY_FILE: place.write('encryption.key', made.stdout) });
  const { json } = await place.cli.run(['api-keys', 'create', 'twin', '--scope', 'open:fields', '--json']);
  const headers = { 'x-api-key': json.key };
  const body = sealedAt(fernetEncrypt(key, 'ada@example.com'));
  const opened = await server.call('POST', '/v1/vault/open', { headers, body });
  assert.deepEqual([opened.status, opened.json.text, opened.json.form], [200, 'ada@example.com', 'fernet']);
  const foreign = sealedAt(fernetEncrypt(again.stdout.trim(), 'ada@example.com'));
  assert.equal((await server.call('POST', '/v1/vault/open', { headers, body: foreign })).status, 422);
  const { stderr } = await server.running.stop('SIGTERM');
  const { stdout } = await place.cli.run(['config', 'check', '--json'], { env: { ENCRYPTION_KEY: key } });
  assert.ok(!`${stderr}${stdout}`.includes(key.slice(0, 20)), 'it is never told');
});

test('A09 a file that holds no Fernet key, nothing, or cannot be read stops the start', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v1', JWT_SECRET_KEY: newFernetKey() });
  const short = Buffer.alloc(31, 'k3y!').toString('base64url');
  const { stderr } = await place.refused({ ENCRYPTION_KEY_FILE: place.write('short.key', short) });
  assert.match(stderr, /encryptionKey|ENCRYPTION_KEY/);
  assert.ok(!stderr.includes(short));
  for (const file of [place.write('empty.key', '\n'), '/absent/encryption.key']) {
    const flaws = flawsOf(await place.refused({ ENCRYPTION_KEY_FILE: file }));
    assert.deepEqual(
      flaws.map(({ at }) => at),
      ['ENCRYPTION_KEY_FILE'],
    );
    assert.match(flaws[0]?.reason ?? '', /^Required secret ENCRYPTION_KEY not found/);
  }
});
