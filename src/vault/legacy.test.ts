import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { sealBareGcm, sealFernet } from '../crypto/index.ts';
import type { LegacyKey } from './keyring.ts';
import { formOf, openLegacy } from './legacy.ts';

const now = 1_795_225_847_000;
const fernetBytes = Buffer.alloc(32, 7);
const gcmKey = createSecretKey(Buffer.alloc(32, 9));
const fernet: LegacyKey = { version: 'v_20230101_000000_0001', algorithm: 'fernet', key: fernetBytes };
const olderFernet: LegacyKey = { version: 'v_20220101_000000_0001', algorithm: 'fernet', key: Buffer.alloc(32, 6) };
const gcm: LegacyKey = { version: 'v_20240101_000000_0001', algorithm: 'aes-gcm', key: gcmKey };
const olderGcm: LegacyKey = {
  version: 'v_20220601_000000_0001',
  algorithm: 'aes-gcm',
  key: createSecretKey(Buffer.alloc(32, 8)),
};
const keys = [gcm, fernet, olderGcm, olderFernet];

const token = (text: string | Uint8Array, key = fernetBytes, at = now) =>
  sealFernet(key, text, { now: at, iv: Buffer.alloc(16, 3) });
const bare = (text: string | Uint8Array, nonce = Buffer.alloc(12, 0xfb)) =>
  sealBareGcm(gcmKey, nonce, Buffer.from(text));
const urlSafe = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_');
const isUnreadable = { code: 'VAULT_UNREADABLE' };

/** A nonce by which a bare value begins as Fernet tokens do. */
const fernetLikeNonce = Buffer.from('800000000065aabbccddeeff', 'hex');

test('the form of a text is told by its beginning and its alphabet', () => {
  assert.equal(formOf('tk1.v_20240827_140523_a1b2.AAAA'), 'envelope');
  assert.equal(formOf(token('')), 'fernet');
  assert.equal(formOf(token('', fernetBytes, 0)), 'fernet');
  assert.equal(formOf(bare('')), 'bare');
  assert.equal(formOf(urlSafe(bare('41.7 kWh'))), 'bare');
  assert.equal(formOf(token('').slice(0, -40)), 'bare', 'base64 of that length may be anything');
  const plain = ['', 'ada@example.com', '+34 600 000 000', 'gAAAAA', bare('').slice(4)];
  for (const text of [...plain, `${bare('')}\n`, `${token('')}\n`, `${bare('')}=====`]) {
    assert.equal(formOf(text), 'unknown', text);
  }
});

test('each form is told apart and opened by the key that sealed it', () => {
  const { version, algorithm } = fernet;
  assert.deepEqual(openLegacy(keys, token('Zürich 4711 🔋'), now), { text: 'Zürich 4711 🔋', version, algorithm });
  assert.deepEqual(openLegacy(keys, token('x', Buffer.alloc(32, 6)), now), {
    text: 'x',
    version: olderFernet.version,
    algorithm: 'fernet',
  });
  for (const spelling of [bare('41.7'), urlSafe(bare('41.7')), urlSafe(bare('41.7')).replace(/=+$/, '')]) {
    assert.deepEqual(openLegacy(keys, spelling, now), { text: '41.7', version: gcm.version, algorithm: 'aes-gcm' });
  }
});

test('whatever text was sealed in whichever form comes back, in any order of keys', () => {
  const order = fc.shuffledSubarray(keys, { minLength: keys.length });
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      order,
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      (text, any, n) => {
        assert.equal(openLegacy(any, token(text), now).text, text);
        assert.equal(openLegacy(any, bare(text, Buffer.from(n)), now).text, text);
      },
    ),
  );
});

test('a bare value that begins as Fernet tokens do opens all the same', () => {
  for (const text of ['x'.repeat(47), 'x'.repeat(100)]) {
    const value = bare(text, fernetLikeNonce);
    assert.ok(value.startsWith('gAAAAA'));
    assert.equal(openLegacy(keys, value, now).algorithm, 'aes-gcm');
    const spelling = urlSafe(value);
    assert.equal(formOf(spelling), 'fernet');
    assert.equal(openLegacy(keys, spelling, now).text, text);
  }
});

test('a Fernet token of any time opens, also one that no more begins as they do', () => {
  for (const at of [0, now + 1e12, 2 ** 36 * 1_000]) {
    assert.equal(openLegacy(keys, token('kept for long', fernetBytes, at), now).text, 'kept for long');
  }
  assert.equal(formOf(token('x', fernetBytes, 2 ** 36 * 1_000)), 'bare');
});

// Attack: a stored value is altered, cut or moved to another key in the hope that a part of it comes out.
test('a value with any bit altered, cut, doubled or of another key is unreadable', () => {
  for (const value of [token('41.7 kWh'), bare('41.7 kWh')]) {
    const raw = Buffer.from(value, 'base64');
    const spellings = [value.slice(1), value + value, `${value}\n`, ` ${value}`, value.slice(0, -4)];
    for (let at = 0; at < raw.length; at += 1) {
      const altered = Buffer.from(raw);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      spellings.push(urlSafe(altered.toString('base64')), altered.toString('base64'));
    }
    for (const each of spellings) assert.throws(() => openLegacy(keys, each, now), isUnreadable, each);
    assert.throws(() => openLegacy([olderFernet, olderGcm], value, now), isUnreadable);
    assert.throws(() => openLegacy([], value, now), isUnreadable);
  }
});

test('what is no sealed value is unreadable, an envelope too', () => {
  for (const text of ['', 'plain', 'tk1.v_20240827_140523_a1b2.AAAA', 'A'.repeat(200)]) {
    assert.throws(() => openLegacy(keys, text, now), isUnreadable);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      assert.throws(() => openLegacy(keys, text, now), isUnreadable);
    }),
  );
});

test('bytes that are no text are unreadable rather than turned into other text', () => {
  for (const bytes of [Buffer.of(0, 1, 2, 0xff, 0xfe), Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xc3)]) {
    for (const value of [token(bytes), bare(bytes)]) assert.throws(() => openLegacy(keys, value, now), isUnreadable);
  }
  assert.equal(openLegacy(keys, bare('\ufeffwith a mark'), now).text, '\ufeffwith a mark');
});
