import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { createSystemRandom } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import { createMasterKey, generateMasterKeyFile, parseMasterKey, readMasterKeyFile } from './master-key.ts';

const random = createSystemRandom();
const fault = { code: 'VAULT_MASTER_KEY', kind: 'internal' };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-master-'));
});
after(() => rm(folder, { recursive: true }));

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');

test('a key file is made once, for its owner alone, and read back', () => {
  const file = join(folder, 'made');
  generateMasterKeyFile(file, random);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^[A-Za-z0-9+/]{43}=\n$/);
  assert.deepEqual(readMasterKeyFile(file).reveal(), Buffer.from(text, 'base64'));
  assert.throws(() => generateMasterKeyFile(file, random), { code: 'EEXIST' });
  assert.equal(readFileSync(file, 'utf8'), text);
});

// Attack: another user of the machine reads the key.
test('a key file that others may read is refused, with the command that mends it', () => {
  const file = join(folder, 'open');
  generateMasterKeyFile(file, random);
  for (const mode of [0o644, 0o640, 0o604, 0o660, 0o602, 0o610]) {
    chmodSync(file, mode);
    assert.throws(() => readMasterKeyFile(file), fault, mode.toString(8));
  }
  chmodSync(file, 0o400);
  assert.equal(readMasterKeyFile(file).reveal().length, 32);
});

test('a key is the base64 of exactly 32 bytes', () => {
  const good = base64(random.bytes(32));
  assert.equal(parseMasterKey(createSecret(`  ${good}\n`)).reveal().length, 32);
  const wrong = [
    '',
    'x',
    good.slice(1),
    `${good}A`,
    good.replace('=', ''),
    base64(random.bytes(31)),
    base64(random.bytes(33)),
  ];
  for (const text of [
    ...wrong,
    random.bytes(32).toString('hex'),
    random.bytes(32).toString('base64url').replace(/.$/, '_'),
  ]) {
    assert.throws(() => parseMasterKey(createSecret(text)), fault, text);
  }
  const file = join(folder, 'junk');
  writeFileSync(file, 'junk', { mode: 0o600 });
  assert.throws(() => readMasterKeyFile(file), fault);
});

// Attack: the key of an example is left in place, and everybody knows it.
test('a key that is a placeholder is refused', () => {
  const bytes = [Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.alloc(32, 0x61), Buffer.alloc(32, 1)];
  const words = ['changeme', 'CHANGE-ME-', 'example-key-', 'placeholder', 'secret'].map((word) =>
    word.repeat(8).slice(0, 32),
  );
  const texts = ['A', '0', 'x'].map((letter) => `${letter.repeat(43)}=`);
  const spelt = ['changeme', 'placeholder', 'example', 'secret'].map((word) => `${word.repeat(8).slice(0, 43)}=`);
  for (const text of [...bytes.map(base64), ...words.map(base64), ...texts, ...spelt]) {
    assert.throws(() => parseMasterKey(createSecret(text)), fault, text);
  }
});

test('a refusal and a key say nothing of the key', () => {
  const text = base64(random.bytes(31));
  const bytes = random.bytes(32);
  try {
    parseMasterKey(createSecret(text));
    assert.fail('it was taken');
  } catch (error) {
    assert.ok(!inspect(error, { depth: 9 }).includes(text));
  }
  const master = createMasterKey(bytes, random);
  assert.match(master.id, /^[0-9a-f]{16}$/);
  assert.ok(!inspect(master, { depth: 9, showHidden: true }).includes(bytes.toString('hex').slice(0, 16)));
  assert.ok(!inspect(parseMasterKey(createSecret(base64(bytes)))).includes(base64(bytes)));
});

test('a wrapped key opens under its master key, for its purpose, unaltered, and else not', () => {
  const [master, other] = [createMasterKey(random.bytes(32), random), createMasterKey(random.bytes(32), random)];
  const [key, aad] = [random.bytes(32), Buffer.from('data-key\0north\0v1')];
  const wrapped = master.wrap(key, aad);
  assert.deepEqual(master.unwrap(wrapped, aad), key);
  assert.notDeepEqual(wrapped, master.wrap(key, aad));
  assert.notEqual(master.id, other.id);
  assert.throws(() => other.unwrap(wrapped, aad), fault);
  assert.throws(() => master.unwrap(wrapped, Buffer.from('data-key\0south\0v1')), fault);
  for (let at = 0; at < wrapped.length; at++) {
    const altered = Buffer.from(wrapped);
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    assert.throws(() => master.unwrap(altered, aad), fault);
  }
});
