import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { NONCE_BYTES, open, SEAL_OVERHEAD_BYTES, seal } from './aead.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const nonce = Buffer.alloc(NONCE_BYTES, 3);
const aad = Buffer.from('tenant/table/column/row');
const bytes = (maxLength = 300) => fc.uint8Array({ maxLength });

test('what was sealed opens under the same key and aad, and is 28 bytes longer', () => {
  const nonces = fc.uint8Array({ minLength: NONCE_BYTES, maxLength: NONCE_BYTES });
  fc.assert(
    fc.property(nonces, bytes(), bytes(), (aNonce, plaintext, anAad) => {
      const sealed = seal(key, aNonce, plaintext, anAad);
      assert.equal(sealed.length, plaintext.length + SEAL_OVERHEAD_BYTES);
      assert.deepEqual(sealed.subarray(0, NONCE_BYTES), Buffer.from(aNonce));
      assert.deepEqual(open(key, sealed, anAad), Buffer.from(plaintext));
    }),
  );
});

test('text is sealed as its UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.deepEqual(seal(key, nonce, text, aad), seal(key, nonce, Buffer.from(text), aad));
    }),
  );
  assert.deepEqual(open(key, seal(key, nonce, '\ud800x', aad), aad), Buffer.from('\ud800x'));
});

// Attack: a stored field is altered in the hope that it opens to something else.
test('every bit of a sealed text counts', () => {
  const sealed = seal(key, nonce, Buffer.from('41.7 kWh'), aad);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const altered = Buffer.from(sealed);
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.equal(open(key, altered, aad), undefined);
  }
});

test('a sealed text cut or lengthened at either end does not open', () => {
  const sealed = seal(key, nonce, Buffer.from('41.7 kWh'), aad);
  for (let length = 0; length < sealed.length; length += 1) {
    assert.equal(open(key, sealed.subarray(0, length), aad), undefined);
    assert.equal(open(key, sealed.subarray(sealed.length - length), aad), undefined);
  }
  assert.equal(open(key, Buffer.concat([sealed, Buffer.alloc(1)]), aad), undefined);
});

// Attack: a ciphertext is copied to another row, whose reader would take it for its own.
test('a sealed text opens under no other aad', () => {
  const sealed = seal(key, nonce, Buffer.from('41.7 kWh'), aad);
  fc.assert(
    fc.property(bytes(), (other) => {
      fc.pre(!aad.equals(other));
      assert.equal(open(key, sealed, other), undefined);
    }),
  );
});

test('a sealed text opens under no other key', () => {
  const sealed = seal(key, nonce, Buffer.from('41.7 kWh'), aad);
  assert.equal(open(createSecretKey(randomBytes(32)), sealed, aad), undefined);
});

test('a nonce of another length and a key of another size are refused', () => {
  const plaintext = Buffer.from('x');
  for (const length of [0, 11, 13, 16]) {
    assert.throws(() => seal(key, Buffer.alloc(length), plaintext, aad), RangeError);
  }
  const short = createSecretKey(Buffer.alloc(16));
  assert.throws(() => seal(short, nonce, plaintext, aad), RangeError);
  assert.throws(() => open(short, seal(key, nonce, plaintext, aad), aad), RangeError);
});
