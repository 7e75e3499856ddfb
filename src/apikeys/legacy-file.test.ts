import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { readLegacyKeys } from './legacy-file.ts';

const A = '$2b$12$abcdefghijklmnopqrstuO5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';
const B = '$2y$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';

function flawsOf(file: string | object): readonly string[] {
  try {
    readLegacyKeys(file);
  } catch (error) {
    if (!isFault(error, 'APIKEY_IMPORT_REFUSED')) throw error;
    assert.equal(error.kind, 'unprocessable');
    const flaws: unknown = error.facts['errors'];
    assert.ok(Array.isArray(flaws));
    return flaws.map(({ at, reason }) => `${at}: ${reason}`);
  }
  return [];
}

test('a file gives each prefix with its hashes and their work, as text or as an object', () => {
  const file = { abcdefgh: A, '12 45-_~': [A, B, A] };
  const entries = [
    { prefix: 'abcdefgh', hash: A, work: 4_096 },
    { prefix: '12 45-_~', hash: A, work: 4_096 },
    { prefix: '12 45-_~', hash: B, work: 16 },
  ];
  assert.deepEqual(readLegacyKeys(file), entries);
  assert.deepEqual(readLegacyKeys(`\ufeff${JSON.stringify(file, undefined, 2)}\n`), entries);
  assert.deepEqual(readLegacyKeys('{}'), []);
});

test('each flaw is named with its place, and never with a hash', () => {
  const plain = 'must be a bcrypt hash ($2a$, $2b$ or $2y$)';
  assert.deepEqual(flawsOf({ abcdefgh: 'plain', bbbbbbbb: [A, A.replace('12', '31')], cccccccc: [], dddddddd: null }), [
    `abcdefgh: ${plain}`,
    'bbbbbbbb/1: must have a cost of 4 to 15',
    `dddddddd: ${plain}`,
  ]);
  assert.deepEqual(flawsOf({ abcdefgh: { nested: A } }), [`abcdefgh: ${plain}`]);
  assert.deepEqual(flawsOf({ abcdefgh: `${A}\n` }), [`abcdefgh: ${plain}`]);
});

// Attack, or slip: the file is named by whole keys, and the refusal carries them into a log.
test('a name that is no prefix is told by its position alone', () => {
  const names = ['a-whole-key-as-it-is-sent', 'short', '', 'abcdefg\n', 'abcdefgé', '__proto__'];
  const text = `{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(A)}`).join(',')}}`;
  const reason = 'must be named by the first 8 characters of its key';
  assert.deepEqual(
    flawsOf(text),
    names.map((_, at) => `entry ${at + 1}: ${reason}`),
  );
});

test('what is no object of JSON is refused, with the place but without the words of the file', () => {
  assert.deepEqual(flawsOf(`{"abcdefgh": "${A}`), ['keys: must be JSON, and is none from character 74 on']);
  for (const text of ['[]', '"x"', 'null', '7']) assert.deepEqual(flawsOf(text), ['keys: must be an object']);
  assert.equal(flawsOf('[').length, 1);
  assert.equal(flawsOf('').length, 1);
  assert.equal(flawsOf(`{"a":${'['.repeat(100)}`).length, 1);
});

// Attack: a file that is made to fill the memory.
test('a file of more than a mebibyte or ten thousand hashes is refused', () => {
  const file = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [String(at).padStart(8, '0'), A]));
  assert.deepEqual(flawsOf(file), ['keys: must hold at most 10000 hashes']);
  delete file['00000000'];
  assert.equal(readLegacyKeys(JSON.stringify(file)).length, 10_000);
  assert.deepEqual(flawsOf(' '.repeat(1_048_577)), ['keys: must be 1048576 bytes at most']);
  const wrong = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [String(at).padStart(8, '0'), 'x']));
  assert.equal(flawsOf(wrong).length, 20);
});

test('whatever stands in a file, it is read or refused with a place', () => {
  const names = fc.oneof(fc.string(), fc.string({ minLength: 8, maxLength: 8 }));
  fc.assert(
    fc.property(fc.dictionary(names, fc.oneof(fc.anything(), fc.constant(A), fc.constant([A, B]))), (file) => {
      for (const flaw of flawsOf(file)) assert.match(flaw, /^[\x20-\x7e]+$/);
    }),
  );
});
