import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { seal } from './aead.ts';
import { openBareGcm, sealBareGcm } from './bare-gcm.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const nonce = Buffer.alloc(12, 0xfb);
const sealed = sealBareGcm(key, nonce, Buffer.from('41.7 kWh'));

/** The four spellings of one value. */
function spellings(standard: string): readonly string[] {
  const urlSafe = standard.replaceAll('+', '-').replaceAll('/', '_');
  return [standard, urlSafe, standard.replace(/=+$/, ''), urlSafe.replace(/=+$/, '')];
}

test('a bare value opens in both alphabets, with padding and without', () => {
  const nonces = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(nonces, fc.uint8Array({ maxLength: 99 }), (aNonce, plain) => {
      const value = sealBareGcm(key, aNonce, plain);
      for (const spelling of spellings(value)) assert.deepEqual(openBareGcm(key, spelling), Buffer.from(plain));
    }),
  );
});

// Attack: a stored value is altered in the hope that it opens to something else.
test('every bit of a bare value counts', () => {
  const raw = Buffer.from(sealed, 'base64');
  for (let bit = 0; bit < raw.length * 8; bit += 1) {
    const altered = Buffer.from(raw);
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    for (const spelling of spellings(altered.toString('base64'))) assert.equal(openBareGcm(key, spelling), undefined);
  }
});

// Attack: one value is given many spellings, to slip past whatever compares them.
test('a bare value spelled in any other way does not open', () => {
  const value = [0, 1, 2]
    .map((more) => sealBareGcm(key, nonce, Buffer.alloc(29 + more, 0x5a)))
    .find((each) => each.includes('+') && each.includes('/') && each.endsWith('='));
  assert.ok(value);
  const lastAt = value.search(/=+$/) - 1;
  const spare = value.slice(0, lastAt) + String.fromCharCode(value.charCodeAt(lastAt) + 1) + value.slice(lastAt + 1);
  assert.deepEqual(Buffer.from(spare, 'base64'), Buffer.from(value, 'base64'));
  const other = [value.replace('+', '-'), value.replaceAll('/', '_'), spare, spare.replace(/=+$/, '')];
  for (const spelling of [
    ...other,
    `${value}=`,
    `${value}\n`,
    ` ${value}`,
    `${value.slice(0, 9)}\n${value.slice(9)}`,
  ]) {
    assert.ok(openBareGcm(key, value));
    assert.equal(openBareGcm(key, spelling), undefined, spelling);
  }
});

test('a bare value cut, lengthened or repeated does not open, and no other text does', () => {
  for (let length = 0; length < sealed.length; length += 1) {
    // Cut of its padding alone it is another spelling of the same.
    const cut = sealed.slice(0, length);
    if (cut !== sealed.replace(/=+$/, '')) assert.equal(openBareGcm(key, cut), undefined);
    if (length > 0) assert.equal(openBareGcm(key, sealed.slice(length)), undefined);
  }
  const raw = Buffer.from(sealed, 'base64');
  assert.equal(openBareGcm(key, Buffer.concat([raw, raw]).toString('base64')), undefined);
  assert.equal(openBareGcm(key, Buffer.concat([raw, Buffer.alloc(1)]).toString('base64')), undefined);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (any) => assert.equal(openBareGcm(key, any), undefined)));
});

test('a value that was sealed with additional data, or under another key, is none', () => {
  const bound = seal(key, nonce, Buffer.from('x'), Buffer.from('place')).toString('base64');
  assert.equal(openBareGcm(key, bound), undefined);
  assert.equal(openBareGcm(createSecretKey(Buffer.alloc(32, 8)), sealed), undefined);
  assert.throws(() => openBareGcm(createSecretKey(Buffer.alloc(16)), sealed), RangeError);
});
