import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatArgon2id, parseArgon2id } from './argon2id.ts';

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((value) => Buffer.from(value));
const plain = { noNullPrototype: true };
const cost = fc.record(
  {
    memoryKib: fc.integer({ min: 32, max: 262_144 }),
    passes: fc.integer({ min: 1, max: 10 }),
    parallelism: fc.integer({ min: 1, max: 4 }),
  },
  plain,
);

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.record({ cost, salt: bytes(8, 64), tag: bytes(16, 64) }, plain), (hash) => {
      assert.deepEqual(parseArgon2id(formatArgon2id(hash)), hash);
    }),
  );
});

const SALT = 'c29tZXNhbHQ'; // 8 bytes
const TAG = 'A'.repeat(22); // 16 bytes
const phc = (parameters: string, salt = SALT, tag = TAG) => `$argon2id$v=19$${parameters}$${salt}$${tag}`;

// Attack: a row with a hash of 4 TiB is planted, and the next sign-in takes the process down.
test('parameters out of bounds are not read', () => {
  for (const parameters of ['m=8,t=1,p=1', 'm=32,t=1,p=4', 'm=262144,t=10,p=4'])
    assert.ok(parseArgon2id(phc(parameters)));
  for (const parameters of [
    'm=7,t=1,p=1',
    'm=31,t=1,p=4',
    'm=262145,t=1,p=1',
    'm=4294967295,t=1,p=1',
    'm=64,t=11,p=1',
    'm=64,t=99,p=1',
    'm=64,t=1,p=5',
    'm=64,t=0,p=1',
    'm=64,t=1,p=0',
    'm=0,t=1,p=1',
  ]) {
    assert.equal(parseArgon2id(phc(parameters)), undefined, parameters);
  }
});

test('other algorithms, versions and spellings are not read', () => {
  const good = phc('m=64,t=1,p=1');
  assert.ok(parseArgon2id(good));
  for (const text of [
    '',
    'x',
    good.slice(1),
    `${good}\n`,
    ` ${good}`,
    `${good}$`,
    good.replace('argon2id', 'argon2i'),
    good.replace('argon2id', 'argon2d'),
    good.replace('v=19', 'v=16'),
    good.replace('$v=19', ''),
    good.replace('m=64', 'm=064'),
    good.replace('m=64', 'm=+64'),
    good.replace('m=64,t=1', 't=1,m=64'),
    good.replace('p=1', 'p=1,data=AAAA'),
    phc('m=64,t=1,p=1', 'c29tZXNhbHR'),
    phc('m=64,t=1,p=1', 'c29tZXNhbHQ='),
    phc('m=64,t=1,p=1', 'c29tZXNhbA'),
    phc('m=64,t=1,p=1', SALT, 'A'.repeat(20)),
    phc('m=64,t=1,p=1', SALT, 'A'.repeat(21)),
    phc('m=64,t=1,p=1', SALT, `${'A'.repeat(21)}B`),
    phc('m=64,t=1,p=1', SALT, 'A'.repeat(87)),
    phc('m=64,t=1,p=1', 'A'.repeat(87)),
    phc('m=64,t=1,p=1', SALT, `${'A'.repeat(21)}-`),
  ]) {
    assert.equal(parseArgon2id(text), undefined, text);
  }
});

test('any other text is not read, and none makes it throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(parseArgon2id(text), undefined);
      assert.equal(parseArgon2id(`$argon2id$v=19$m=64,t=1,p=1$${text}`), undefined);
    }),
  );
});
