import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { tenantId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { type DataKey, openField, sealField } from './field.ts';
import { aadOf } from './place.ts';

const random = createSystemRandom();
const VERSION = 'v_20261121_120000_a1b2';
const OTHER_VERSION = 'v_20261121_120000_a1b3';
const place = { table: 'reading', column: 'location', row: 'M1|1795262400000' };

const bytes = random.bytes(32);
const dataKey = (tenant: string, version: string, key = bytes): DataKey => ({
  tenantId: tenantId(tenant),
  version,
  key: createSecretKey(key),
});
const own = dataKey('north', VERSION);
const keyOf = (key: DataKey) => (version: string) => (version === key.version ? key : undefined);
const open = (sealed: string, at = place, key = own): string => openField(keyOf(key), at, sealed);
const unreadable = { code: 'VAULT_UNREADABLE' };

test('a sealed field names its key version and opens where it was sealed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const sealed = sealField(own, place, text, random);
      assert.match(sealed, /^tk1\.v_20261121_120000_a1b2\.[A-Za-z0-9_-]{38,}$/);
      assert.equal(open(sealed), text);
    }),
  );
});

test('the same text is sealed differently each time, under a nonce of its own', () => {
  const sealed = Array.from({ length: 2_000 }, () => sealField(own, place, 'x', random));
  const nonces = sealed.map((each) =>
    Buffer.from(each.split('.')[2] ?? '', 'base64url')
      .subarray(0, 12)
      .toString('hex'),
  );
  assert.equal(new Set(nonces).size, 2_000);
});

// Attack: a ciphertext is copied to another row, column, table or tenant, where its reader may read it.
test('a field that was moved does not open', () => {
  const sealed = sealField(own, place, 'Gwangyang', random);
  const elsewhere = [
    { ...place, table: 'person' },
    { ...place, column: 'name' },
    { ...place, row: 'M1|1795262400001' },
    { ...place, row: '' },
    { table: 'readin', column: 'glocation', row: place.row },
    { table: 'reading', column: 'location|M1', row: '1795262400000' },
  ];
  for (const at of elsewhere) assert.throws(() => open(sealed, at), unreadable);
  assert.throws(() => open(sealed, place, dataKey('south', VERSION)), unreadable);
});

// Attack: the version is changed to that of another key, or to one that was destroyed.
test('a field under another version does not open, and an unknown version is named', () => {
  const sealed = sealField(own, place, 'Gwangyang', random);
  const renamed = sealed.replace(VERSION, OTHER_VERSION);
  assert.throws(() => open(renamed, place, dataKey('north', OTHER_VERSION)), unreadable);
  assert.throws(() => open(renamed), { code: 'VAULT_KEY_UNKNOWN', facts: { version: OTHER_VERSION } });
  assert.throws(() => open(sealed, place, dataKey('north', VERSION, random.bytes(32))), unreadable);
});

test('one flipped bit in any byte makes a field unreadable', () => {
  const sealed = sealField(own, place, 'Gwangyang', random);
  const head = sealed.lastIndexOf('.') + 1;
  const payload = Buffer.from(sealed.slice(head), 'base64url');
  for (let at = 0; at < payload.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(payload);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
      assert.throws(() => open(sealed.slice(0, head) + flipped.toString('base64url')), unreadable);
    }
  }
  for (let length = 0; length < payload.length; length++) {
    assert.throws(() => open(sealed.slice(0, head) + payload.subarray(0, length).toString('base64url')), unreadable);
  }
  assert.throws(
    () => open(sealed.slice(0, head) + Buffer.concat([payload, Buffer.alloc(1)]).toString('base64url')),
    unreadable,
  );
});

test('one changed character anywhere in an envelope makes it unreadable, or of another version', () => {
  const sealed = sealField(own, place, 'Gwangyang', random);
  for (let at = 0; at < sealed.length; at++) {
    for (const letter of 'A0.-_ =é\n') {
      if (sealed[at] === letter) continue;
      const changed = sealed.slice(0, at) + letter + sealed.slice(at + 1);
      assert.throws(() => open(changed), { name: 'TwinkeepError', kind: 'unprocessable' });
    }
  }
});

test('what is no envelope is unreadable', () => {
  const sealed = sealField(own, place, 'x', random);
  const near = [
    '',
    'tk1',
    'tk1..',
    sealed.slice(0, -1),
    `${sealed}\n`,
    ` ${sealed}`,
    `${sealed}.x`,
    sealed.replace('tk1', 'tk2'),
  ];
  for (const text of near) assert.throws(() => open(text), unreadable);
  fc.assert(fc.property(fc.string(), (text) => assert.throws(() => open(text), unreadable)));
});

test('a field has its size, in bytes', () => {
  assert.equal(open(sealField(own, place, 'x'.repeat(65_536), random)).length, 65_536);
  assert.throws(() => sealField(own, place, 'x'.repeat(65_537), random), { code: 'VAULT_FIELD_TOO_LARGE' });
  assert.throws(() => sealField(own, place, 'é'.repeat(32_769), random), { code: 'VAULT_FIELD_TOO_LARGE' });
});

// Attack: a part of the place holds the separator, so that two places have one name.
test('a place with NUL in it is refused', () => {
  for (const part of ['table', 'column', 'row']) {
    assert.throws(() => sealField(own, { ...place, [part]: 'a\0b' }, 'x', random), TypeError);
  }
});

// Attack: two places, or two texts, differ in lone surrogates alone, which are one character as UTF-8.
test('text and places with lone surrogates are refused, and whole pairs are not', () => {
  const refused = { code: 'VAULT_TEXT_INVALID', kind: 'unprocessable' };
  for (const lone of ['\ud800', 'a\udfffb', '\udc00\ud800']) {
    assert.throws(() => sealField(own, place, lone, random), refused);
    for (const part of ['table', 'column', 'row']) {
      assert.throws(() => sealField(own, { ...place, [part]: lone }, 'x', random), refused);
    }
    assert.throws(() => open(sealField(own, place, 'x', random), { ...place, row: lone }), refused);
    assert.throws(() => aadOf('data-key', 'north', lone), refused);
  }
  assert.equal(open(sealField(own, { ...place, row: '😀' }, '😀', random), { ...place, row: '😀' }), '😀');
});
