import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from '../crypto/index.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { newKey, readKey } from './key.ts';

const random = createSystemRandom();
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

test('a key says what it is, has a public part of its own, and is read back', () => {
  const keys = Array.from({ length: 500 }, () => newKey(random));
  for (const { text, prefix, digest } of keys) {
    assert.match(text, /^tk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
    assert.equal(text.slice(3, 15), prefix);
    assert.deepEqual(digest, sha256(text));
    assert.deepEqual(readKey(text), { prefix, digest });
  }
  assert.equal(new Set(keys.map(({ prefix }) => prefix)).size, 500);
});

test('also the smallest and the largest secret have their full length', () => {
  for (const byte of [0x00, 0xff]) {
    const { text } = newKey({ bytes: (size) => Buffer.alloc(size, byte) });
    assert.ok(readKey(text));
  }
});

test('one character mistyped anywhere is no key, so that it needs no look-up', () => {
  const { text } = newKey(random);
  for (let at = 0; at < text.length; at++) {
    for (const letter of BASE62) {
      if (letter !== text[at]) assert.equal(readKey(text.slice(0, at) + letter + text.slice(at + 1)), undefined);
    }
  }
});

test('anything else is no key', () => {
  const { text } = newKey(random);
  const near = [`${text}\n`, ` ${text}`, `${text}0`, text.slice(0, -1), text.slice(1), text.toUpperCase(), '', 'tk_'];
  for (const other of near) assert.equal(readKey(other), undefined);
  fc.assert(fc.property(fc.string(), (other) => assert.equal(readKey(other), undefined)));
});
