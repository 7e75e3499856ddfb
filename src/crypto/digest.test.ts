import assert from 'node:assert/strict';
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { checksum6, equalBytes, hmacSha256, sha256 } from './digest.ts';

const anyBytes = fc.uint8Array({ maxLength: 200 });

test('SHA-256 gives the values of FIPS 180-4, of text as of bytes', () => {
  assert.equal(sha256('').toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  assert.equal(sha256('abc').toString('hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.deepEqual(sha256('Zähler'), sha256(Buffer.from('Zähler')));
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      assert.deepEqual(sha256(bytes), createHash('sha256').update(bytes).digest());
    }),
  );
});

test('HMAC is the same under raw bytes and under a key object, even an empty one', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (key, data) => {
      const mac = createHmac('sha256', key).update(data).digest();
      assert.deepEqual(hmacSha256(key, data), mac);
      assert.deepEqual(hmacSha256(createSecretKey(key), data), mac);
    }),
  );
  assert.deepEqual(hmacSha256(Buffer.from('k'), 'ü'), hmacSha256(Buffer.from('k'), Buffer.from('ü')));
});

test('bytes are equal when length and every byte are', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      assert.equal(equalBytes(a, Uint8Array.from(a)), true);
      assert.equal(equalBytes(a, b), Buffer.from(a).equals(b));
      assert.equal(equalBytes(a, Uint8Array.from([...a, 0])), false);
    }),
  );
});

test('the checksum is the one that GitHub puts at the end of its tokens', () => {
  assert.equal(checksum6('zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ'), '0mLq17');
  assert.equal(checksum6(''), '000000');
});

test('a key with one character mistyped has another checksum', () => {
  const digits = fc.constantFrom(...'0123456789ABCDEFabcdef');
  fc.assert(
    fc.property(fc.array(digits, { minLength: 1, maxLength: 60 }), fc.nat(), digits, (key, at, digit) => {
      const mistyped = key.with(at % key.length, digit);
      assert.equal(checksum6(mistyped.join('')) === checksum6(key.join('')), mistyped.join('') === key.join(''));
    }),
  );
});
