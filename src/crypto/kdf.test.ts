import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { hmacSha256 } from './digest.ts';
import { hkdfSha256 } from './kdf.ts';

/** RFC 5869 §2.2 and §2.3, word for word. */
function reference(inputKey: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer {
  const extracted = hmacSha256(salt.length === 0 ? Buffer.alloc(32) : salt, inputKey);
  let block = Buffer.alloc(0);
  let output = Buffer.alloc(0);
  for (let counter = 1; output.length < length; counter += 1) {
    block = Buffer.from(hmacSha256(extracted, Buffer.concat([block, info, Buffer.of(counter)])));
    output = Buffer.concat([output, block]);
  }
  return output.subarray(0, length);
}

test('a derived key is what RFC 5869 says', () => {
  const bytes = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.integer({ min: 1, max: 200 }), (inputKey, salt, info, length) => {
      const expected = reference(inputKey, salt, info, length);
      assert.deepEqual(hkdfSha256(inputKey, { salt, info, length }), expected);
      assert.deepEqual(hkdfSha256(createSecretKey(inputKey), { salt, info, length }), expected);
    }),
  );
});

test('a derived key of no or of too many bytes is refused', () => {
  const derive = (length: number) => hkdfSha256(Buffer.alloc(32), { salt: '', info: 'test', length });
  assert.equal(derive(8_160).length, 8_160);
  for (const length of [0, -1, 8_161, 1.5, Number.NaN]) assert.throws(() => derive(length), RangeError);
});

test('an info too long for the platform is refused rather than cut', () => {
  const derive = (bytes: number) => hkdfSha256(Buffer.alloc(32), { salt: '', info: Buffer.alloc(bytes), length: 32 });
  assert.equal(derive(1_024).length, 32);
  assert.throws(() => derive(1_025), RangeError);
});
