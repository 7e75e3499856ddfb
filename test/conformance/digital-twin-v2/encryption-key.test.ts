import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FieldFunctions } from '../../../src/vault/compat.ts';
import { gcmDecrypt, gcmEncrypt, newKey } from '../old-ciphers.ts';
import { FIELD_KEY, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

const UNREADABLE = { code: 'VAULT_UNREADABLE' };

let kit: ProfileKit;
let fields: FieldFunctions;
before(async () => {
  kit = await startProfile('digital-twin-v2', { encryptionKey: FIELD_KEY });
  fields = kit.twinkeep.house.fieldFunctions('digital-twin-v2');
});
after(() => kit.close());

test('B11 generate_key makes keys of 32 bytes in base64, each another one, without a server or a folder', async (t) => {
  const place = createPlace(t);
  const made = await Promise.all([1, 2, 3].map(() => place.cli.run(['keys', 'generate'])));
  for (const { code, stdout } of made) {
    assert.equal(code, 0);
    assert.match(stdout, /^[A-Za-z0-9+/]{43}=\n$/);
  }
  assert.equal(new Set(made.map(({ stdout }) => stdout)).size, 3);
});

test('B11 a server starts with ENCRYPTION_KEY as it was made, by variable or mounted file, and reads by it', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v2', JWT_SECRET_KEY: SECRET });
  const { stdout } = await place.cli.run(['keys', 'generate']);
  const key = stdout.trim();
  const first = await place.start({ ENCRYPTION_KEY: key });
  const command = ['api-keys', 'create', 'twin', '--scope', 'open:fields', '--json'];
  const made = await place.cli.run(command, { env: { ENCRYPTION_KEY: key } });
  assert.equal(made.code, 0, made.stderr);
  await first.running.stop('SIGTERM');

  const second = await place.start({ ENCRYPTION_KEY_FILE: place.write('key', stdout) });
  const body = { table: 'users', column: 'phone', row: '1', sealed: gcmEncrypt(key, '+82 10') };
  const headers = { 'x-api-key': made.json.key };
  const { status, json } = await second.call('POST', '/v1/vault/open', { headers, body });
  assert.deepEqual([status, json.text, json.form], [200, '+82 10', 'aes-gcm']);
});

test('B11 it is required, and of exactly 32 bytes: nothing else starts', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v2', JWT_SECRET_KEY: SECRET });
  for (const env of [{}, { ENCRYPTION_KEY: '' }]) {
    const flaws = flawsOf(await place.refused(env));
    assert.match(flaws[0]?.reason ?? '', /^Required secret ENCRYPTION_KEY not found/);
  }
  const other = newKey();
  for (const bad of [other.slice(4), other.slice(0, -1), `${other}=`, other.repeat(2), 'z'.repeat(32)]) {
    const ended = await place.refused({ ENCRYPTION_KEY: bad });
    const flaws = flawsOf(ended);
    assert.match(flaws[0]?.at ?? '', /ENCRYPTION_KEY$/, bad);
    assert.ok(!ended.stderr.includes(bad));
  }
});

test('B12 a value is stored as base64 of nonce, ciphertext and tag, and the old system reads it', async () => {
  for (const text of ['Ada Lovelace', '', '광양 제철소', 'x'.repeat(10_000)]) {
    const stored = await fields.encryptData(text);
    assert.match(stored, /^[A-Za-z0-9+/]+={0,2}$/);
    const raw = Buffer.from(stored, 'base64');
    assert.equal(raw.length, 12 + Buffer.byteLength(text) + 16);
    assert.equal(raw.toString('base64'), stored);
    assert.equal(gcmDecrypt(FIELD_KEY, stored), text);
  }
  const nonces = await Promise.all(Array.from({ length: 200 }, () => fields.encryptData('the same')));
  assert.equal(new Set(nonces.map((stored) => stored.slice(0, 16))).size, 200);
});

test('B12 B13 decryptData reads what the old system wrote', async () => {
  for (const text of ['Ada Lovelace', '', '광양 제철소', 'x'.repeat(10_000)])
    assert.equal(await fields.decryptData(gcmEncrypt(FIELD_KEY, text)), text);
});

// Attack: nonce, ciphertext or tag of a stored value is changed, cut, doubled, or a value of another key put there.
test('B13 a value of which anything was changed is refused, and nothing of it is given out', async () => {
  const stored = gcmEncrypt(FIELD_KEY, '+82 10-1234-5678');
  const raw = Buffer.from(stored, 'base64');
  for (let at = 0; at < raw.length; at++) {
    const altered = Buffer.from(raw);
    altered.writeUInt8(altered.readUInt8(at) ^ 0x80, at);
    await assert.rejects(fields.decryptData(altered.toString('base64')), UNREADABLE, `byte ${at}`);
    await assert.rejects(fields.decryptData(raw.subarray(0, at).toString('base64')), UNREADABLE, `cut at ${at}`);
  }
  const junk = [`${stored}${stored}`, ` ${stored}`, `${stored}\n`, stored.replace(/=*$/, '==='), '', 'plain text'];
  for (const text of [...junk, gcmEncrypt(newKey(), '+82 10-1234-5678')])
    await assert.rejects(fields.decryptData(text), UNREADABLE);
});
