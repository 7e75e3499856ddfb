import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { hmacSha256 } from './digest.ts';
import { openFernet, openFernetWithAny, parseFernetKey, sealFernet } from './fernet.ts';

const key = Buffer.alloc(32, 7);
const other = Buffer.alloc(32, 8);
const iv = Buffer.alloc(16, 3);
const now = 1_795_225_847_000;
const token = sealFernet(key, '41.7 kWh', { now, iv });
const text = (opened: Buffer | undefined) => opened?.toString();
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** A token whose tag is right, whatever it holds. */
function signed(head: Uint8Array, key = Buffer.alloc(32, 7)): string {
  const token = Buffer.concat([head, hmacSha256(key.subarray(0, 16), head)]).toString('base64url');
  return token + '='.repeat(-token.length & 3);
}

test('what was sealed opens under the same key, bytes as well as text', () => {
  fc.assert(
    fc.property(bytes(32), bytes(16), fc.uint8Array({ maxLength: 200 }), (aKey, anIv, plain) => {
      const sealed = sealFernet(aKey, plain, { now, iv: anIv });
      assert.match(sealed, /^gAAAAA[A-Za-z0-9_-]+={0,2}$/);
      assert.deepEqual(openFernet(aKey, sealed, { now }), Buffer.from(plain));
    }),
  );
  assert.equal(text(openFernet(key, sealFernet(key, 'Zürich 🔋', { now, iv }), { now })), 'Zürich 🔋');
});

// Attack: a stored token is altered in the hope that it opens to something else, or that an error tells why not.
test('every bit of a token counts', () => {
  const raw = Buffer.from(token, 'base64url');
  for (let bit = 0; bit < raw.length * 8; bit += 1) {
    const altered = Buffer.from(raw);
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const spelling = altered.toString('base64url');
    assert.equal(openFernet(key, spelling + '='.repeat(-spelling.length & 3), { now }), undefined);
  }
});

test('a token cut, lengthened, repeated or spelled otherwise does not open', () => {
  for (let length = 0; length < token.length; length += 1) {
    assert.equal(openFernet(key, token.slice(0, length), { now }), undefined);
    assert.equal(openFernet(key, token.slice(token.length - length), { now }), undefined);
  }
  const lastAt = token.search(/=*$/) - 1;
  const next = String.fromCharCode(token.charCodeAt(lastAt) + 1); // sets a spare bit, and nothing else
  const spare = token.slice(0, lastAt) + next + token.slice(lastAt + 1);
  assert.deepEqual(Buffer.from(spare, 'base64url'), Buffer.from(token, 'base64url'));
  const rest = [spare, token + token, `${token}A`, `${token}====`, `${token}\n`, ` ${token}`, `%${token}`];
  for (const altered of [...rest, token.replace(/=+$/, ''), `${token.slice(0, 8)}\n\n\n\n${token.slice(8)}`]) {
    assert.equal(openFernet(key, altered, { now }), undefined, altered);
  }
  const both = sealFernet(key, Buffer.alloc(64), { now, iv: Buffer.alloc(16, 0xff) });
  assert.match(both, /[-_]/);
  assert.equal(openFernet(key, both.replaceAll('-', '+').replaceAll('_', '/'), { now }), undefined);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (any) => assert.equal(openFernet(key, any, { now }), undefined)),
  );
});

test('another version and a text that is no whole block are refused with the right tag too', () => {
  const raw = Buffer.from(token, 'base64url').subarray(0, -32);
  assert.equal(text(openFernet(key, signed(raw), { now })), '41.7 kWh');
  for (const version of [0x00, 0x7f, 0x81, 0xff]) {
    assert.equal(openFernet(key, signed(Buffer.concat([Buffer.of(version), raw.subarray(1)])), { now }), undefined);
  }
  for (const end of [9, 25, 26, 40]) assert.equal(openFernet(key, signed(raw.subarray(0, end)), { now }), undefined);
});

test('a wrong padding is refused with the right tag too', () => {
  const head = Buffer.from(token, 'base64url').subarray(0, 25);
  for (const last of [0, 2, 17, 255]) {
    const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv).setAutoPadding(false);
    const block = cipher.update(Buffer.concat([Buffer.alloc(15, 1), Buffer.of(last)]));
    assert.equal(openFernet(key, signed(Buffer.concat([head, block])), { now }), undefined, `padding ${last}`);
  }
});

test('a token opens until its time to live is over, and at most 60 seconds before it was made', () => {
  const at = (seconds: number, ttlS?: number) => text(openFernet(key, token, { now: now + seconds * 1_000, ttlS }));
  for (const seconds of [-60, 0, 30, 60, 60.999]) assert.equal(at(seconds, 60), '41.7 kWh', `${seconds} s`);
  for (const seconds of [-61, 61, 1e9]) assert.equal(at(seconds, 60), undefined, `${seconds} s`);
  for (const seconds of [-1e9, 1e9]) assert.equal(at(seconds), '41.7 kWh');
});

test('of several keys whichever sealed it opens a token, and no other does', () => {
  const third = Buffer.alloc(32, 9);
  for (const keys of [
    [key, other],
    [other, key],
    [other, third, key],
  ]) {
    assert.equal(text(openFernetWithAny(keys, token, { now })), '41.7 kWh');
  }
  for (const keys of [[], [other], [other, third]]) assert.equal(openFernetWithAny(keys, token, { now }), undefined);
  const halves = Buffer.concat([key.subarray(0, 16), other.subarray(16)]); // signs alike, decrypts otherwise
  assert.equal(openFernet(halves, token, { now }), undefined);
  assert.equal(text(openFernetWithAny([halves, key], token, { now })), '41.7 kWh');
});

test('a key is the base64 of 32 bytes, in either alphabet, with padding or without', () => {
  const raw = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i));
  const [standard, urlSafe] = [raw.toString('base64'), raw.toString('base64url')];
  assert.notEqual(standard.slice(0, 43), urlSafe);
  for (const spelling of [standard, standard.slice(0, -1), urlSafe, `${urlSafe}=`]) {
    assert.deepEqual(parseFernetKey(spelling), raw);
  }
  assert.equal(parseFernetKey(`${'my-own-key-that-I-typed-by-hand-in-2019'.padEnd(43, 'z')}=`)?.length, 32);
  const bad = ['', urlSafe.slice(1), `${urlSafe}==`, `${urlSafe}A`, `${urlSafe}\n`, ` ${urlSafe}`, `${standard}\n`];
  const mixed = `-${'+'.repeat(42)}`;
  for (const spelling of [...bad, mixed]) assert.equal(parseFernetKey(spelling), undefined, spelling);
});

test('a key or an IV of another length is refused', () => {
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => openFernet(Buffer.alloc(length), token, { now }), RangeError);
    assert.throws(() => sealFernet(Buffer.alloc(length), 'x', { now, iv }), RangeError);
    assert.throws(() => sealFernet(key, 'x', { now, iv: Buffer.alloc(length === 16 ? 12 : length) }), RangeError);
  }
});
