import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBase62, encodeUint32 } from './base62.ts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function numberOf(text: string): bigint {
  return [...text].reduce((value, digit) => value * 62n + BigInt(DIGITS.indexOf(digit)), 0n);
}

test('bytes of one length give text of one width that holds their number', () => {
  const bytes = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(bytes, (value) => {
      const text = encodeBase62(value);
      assert.match(text, /^[0-9A-Za-z]*$/);
      assert.equal(text.length, encodeBase62(Buffer.alloc(value.length, 0xff)).length);
      assert.equal(numberOf(text), BigInt(`0x0${Buffer.from(value).toString('hex')}`));
    }),
  );
});

test('16 bytes take 22 characters and 32 take 43', () => {
  assert.equal(encodeBase62(Buffer.alloc(16)), '0'.repeat(22));
  assert.equal(encodeBase62(Buffer.alloc(32, 0xff)).length, 43);
  assert.equal(encodeBase62(Buffer.alloc(0)), '');
});

test('a 32-bit number takes 6 characters', () => {
  assert.equal(encodeUint32(0), '000000');
  assert.equal(encodeUint32(61), '00000z');
  assert.equal(encodeUint32(2 ** 32 - 1), '4gfFC3');
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 31 - 1 }), (value) => {
      const buffer = Buffer.alloc(4);
      buffer.writeUInt32BE(value);
      assert.equal(encodeUint32(value), encodeBase62(buffer));
    }),
  );
});

test('what has no width is refused', () => {
  for (const value of [-1, 2 ** 32, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => encodeUint32(value), RangeError);
  }
  assert.throws(() => encodeBase62(Buffer.alloc(1_025)), RangeError);
});
