import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hash } from '@node-rs/bcrypt';
import fc from 'fast-check';
import { decodeJwt } from 'jose';
import { generateApiKey, generateSessionId, signMessage, verifySignature } from '../../../src/app/index.ts';
import { startProfile } from '../profile-kit.ts';

const SECRET = 'Nq7Rk2VxT9bW4mK8sYc3Jd6PfA1uEhGz';
const MESSAGE = '{"meter_id":"M1","energy_consumption":12.5}';
/** `hmac.new(SECRET.encode(), MESSAGE.encode(), hashlib.sha256).hexdigest()` of Python. */
const SIGNATURE = '521e05f73a55614f23af37ad42865fc918cdd39cb76e11c8ba11695d6d97309d';

test('E34 a signature is HMAC-SHA256 in hex, as the old function made and checked it', () => {
  assert.equal(signMessage(MESSAGE, SECRET), SIGNATURE);
  assert.equal(verifySignature(MESSAGE, SIGNATURE, SECRET), true);
  assert.equal(verifySignature(Buffer.from(MESSAGE), SIGNATURE, SECRET), true, 'a body as it came');
  // RFC 4231, test case 2
  const known = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  assert.equal(verifySignature('what do ya want for nothing?', known, 'Jefe'), true);
});

// Attack: a message, its signature or the secret is changed by whoever carries it.
test('E34 any other message, signature or secret is refused', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(text, text, fc.string({ unit: 'binary', maxLength: 80 }), (message, secret, junk) => {
      fc.pre(secret !== '' && message !== MESSAGE && secret !== SECRET);
      const signature = createHmac('sha256', secret).update(message).digest('hex');
      assert.equal(verifySignature(message, signature, secret), true);
      assert.equal(verifySignature(MESSAGE, signature, secret), false);
      assert.equal(verifySignature(message, signature, SECRET), false);
      assert.equal(verifySignature(message, junk, secret), junk === signature);
    }),
  );
  for (let at = 0; at < SIGNATURE.length; at++) {
    const other = SIGNATURE[at] === '0' ? '1' : '0';
    assert.equal(verifySignature(MESSAGE, SIGNATURE.slice(0, at) + other + SIGNATURE.slice(at + 1), SECRET), false);
  }
  for (const bad of ['', SIGNATURE.toUpperCase(), ` ${SIGNATURE}`, `${SIGNATURE}0`, SIGNATURE.slice(1), '\ud800'])
    assert.equal(verifySignature(MESSAGE, bad, SECRET), false, bad);
});

// Attack: the secret was never set, so whoever knows that can sign.
test('E34 without a secret nothing is signed, and nothing verified', () => {
  const empty = createHmac('sha256', '').update(MESSAGE).digest('hex');
  assert.throws(() => verifySignature(MESSAGE, empty, ''), TypeError);
  assert.throws(() => signMessage(MESSAGE, ''), TypeError);
  assert.throws(() => signMessage('\ud800', SECRET), TypeError);
  assert.throws(() => signMessage(MESSAGE, '\udfff'), TypeError);
});

test('E34 E07 a generated key is token_urlsafe(32), and opens the API by its hash in the key file', async () => {
  const keys = Array.from({ length: 200 }, () => generateApiKey());
  assert.equal(new Set(keys).size, 200);
  for (const key of keys) {
    assert.match(key, /^[\w-]{43}$/);
    assert.equal(Buffer.from(key, 'base64url').length, 32);
  }
  const [key = ''] = keys;
  const hashed = await hash(key, { cost: 4, version: '2b' });
  const kit = await startProfile('ems', (folder) => {
    const apiKeysFile = join(folder, 'keys.json');
    writeFileSync(apiKeysFile, JSON.stringify({ [key.slice(0, 8)]: hashed }));
    return { apiKeysFile, limitsEnabled: false };
  });
  try {
    assert.equal((await kit.call('GET', '/api/v1/data/M1', { key })).status, 200);
    const answer = await kit.call('GET', '/api/v1/data/M1', { key: keys[1] });
    assert.deepEqual([answer.status, answer.text], [401, '{"detail":"Invalid API key"}']);
  } finally {
    await kit.close();
  }
});

test('E34 E02 session ids are 16 random bytes in hex, those of the tokens too', async () => {
  const ids = Array.from({ length: 200 }, () => generateSessionId());
  assert.equal(new Set(ids).size, 200);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  const kit = await startProfile('ems', { limitsEnabled: false });
  try {
    const named = [decodeJwt(await kit.login())['sid'], decodeJwt(await kit.login())['sid']];
    for (const id of named) assert.match(String(id), /^[0-9a-f]{32}$/);
    assert.notEqual(named[0], named[1], 'a new one with each sign-in');
  } finally {
    await kit.close();
  }
});
