import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSystemRandom } from '../kernel/random.ts';
import { type Checkpoint, parseCheckpoint, signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { generateEd25519 } from './ed25519.ts';
import { signNote } from './signed-note.ts';

const { privateKey, publicKey } = generateEd25519(createSystemRandom());
const name = 'example.com/audit';
const root = Buffer.from('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328', 'hex');
const checkpoint: Checkpoint = { origin: name, size: 8, root, extra: [] };

test('a checkpoint is origin, size, root and extension lines, signed', () => {
  const text = signCheckpoint({ ...checkpoint, extra: ['time 1'] }, privateKey, name);
  const [body, signature] = text.split('\n\n');
  assert.equal(body, `${name}\n8\n${root.toString('base64')}\ntime 1`);
  assert.match(signature ?? '', /^— example\.com\/audit [A-Za-z0-9+/]+={0,2}\n$/);
});

test('what was signed is read and verified', () => {
  const line = fc
    .string({ unit: 'binary', minLength: 1 })
    .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());
  const value = fc.record(
    {
      origin: line,
      size: fc.maxSafeNat(),
      root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
      extra: fc.array(line, { maxLength: 3 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(value, (made) => {
      const text = signCheckpoint(made, privateKey, name);
      assert.deepEqual(parseCheckpoint(text), made);
      assert.deepEqual(verifyCheckpoint(text, publicKey, name), made);
    }),
  );
});

test('the example of the specification is read', () => {
  const text = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`;
  const read = parseCheckpoint(text);
  assert.equal(read?.origin, 'example.com/behind-the-sofa');
  assert.equal(read?.size, 20_852_163);
  assert.deepEqual(read?.extra, []);
});

// Attack: the head of another log, or of this one by another key, is passed off as ours.
test('a checkpoint verifies under no other key or name', () => {
  const text = signCheckpoint(checkpoint, privateKey, name);
  const other = generateEd25519(createSystemRandom());
  assert.equal(verifyCheckpoint(text, other.publicKey, name), undefined);
  assert.equal(verifyCheckpoint(text, publicKey, 'example.com/other'), undefined);
  assert.equal(verifyCheckpoint(signCheckpoint(checkpoint, other.privateKey, name), publicKey, name), undefined);
});

test('a checkpoint with any bit flipped is refused', () => {
  const bytes = Buffer.from(signCheckpoint(checkpoint, privateKey, name));
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const altered = Buffer.from(bytes);
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.equal(verifyCheckpoint(altered.toString(), publicKey, name), undefined, `bit ${bit}`);
  }
});

test('a signed note that is no checkpoint is refused', () => {
  const base64 = root.toString('base64');
  for (const body of [
    '\n',
    'origin\n',
    'origin\n8\n',
    `origin\n08\n${base64}\n`,
    `origin\n-1\n${base64}\n`,
    `origin\n+8\n${base64}\n`,
    `origin\n8.0\n${base64}\n`,
    `origin\n0x8\n${base64}\n`,
    `origin\n1e3\n${base64}\n`,
    `origin\n\n${base64}\n`,
    `origin\n 8\n${base64}\n`,
    `origin\n٨\n${base64}\n`,
    `origin\n${2 ** 53}\n${base64}\n`,
    `origin\n99999999999999999999\n${base64}\n`,
    `\n8\n${base64}\n`,
    `origin\n8\n${base64.slice(0, -1)}\n`,
    `origin\n8\n${base64} \n`,
    `origin\n8\n${root.toString('base64url')}\n`,
    `origin\n8\n${root.subarray(1).toString('base64')}\n`,
    `origin\n8\n${base64}\n\n`,
    `origin\n8\n${base64}\n\nextra\n`,
  ]) {
    const text = signNote(body, privateKey, name);
    assert.equal(parseCheckpoint(text), undefined, JSON.stringify(body));
    assert.equal(verifyCheckpoint(text, publicKey, name), undefined, JSON.stringify(body));
  }
});

test('text that is no note is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '8', '\n', '— ', ' ', '=', '\u0000') }), (text) => {
      assert.equal(parseCheckpoint(text), undefined);
      assert.equal(verifyCheckpoint(text, publicKey, name), undefined);
    }),
  );
});

test('values that a checkpoint cannot carry are refused at signing', () => {
  const sign = (part: Partial<Checkpoint>, key = privateKey) => signCheckpoint({ ...checkpoint, ...part }, key, name);
  for (const origin of ['', 'a\nb', 'a\tb', '\ud800']) assert.throws(() => sign({ origin }), RangeError);
  for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => sign({ size }), RangeError);
  for (const bytes of [0, 31, 33]) assert.throws(() => sign({ root: Buffer.alloc(bytes) }), RangeError);
  for (const line of ['', 'a\nb', '\u0000']) assert.throws(() => sign({ extra: [line] }), RangeError);
  assert.throws(() => sign({}, publicKey), TypeError);
  assert.throws(() => sign({}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), TypeError);
});
