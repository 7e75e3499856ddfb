import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { Decrypter, Encrypter, generateHybridIdentity } from 'age-encryption';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { decryptAge, encryptAge, identityOfScalar, recipientOf } from './age.ts';

const CHUNK = 65_536;
const SEALED = CHUNK + 16;
const identity = identityOfScalar(Buffer.alloc(32, 7));
const recipient = await recipientOf(identity);
const hasAge = spawnSync('age', ['--version']).status === 0 && spawnSync('age-keygen', ['--version']).status === 0;
const needsAge = { skip: hasAge ? false : 'the command `age` is not installed' };

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

const seal = (plain: Uint8Array, to = [recipient]) => collect(encryptAge(to, inPieces(plain, 50_000)));
const open = (sealed: Uint8Array, by = [identity]) => collect(decryptAge(by, inPieces(sealed, 70_000)));

const refused = (error: unknown): boolean => isFault(error, 'BACKUP_UNREADABLE');

/** Reads on until it is refused, and hands out what came before. */
async function openUntilRefused(sealed: Uint8Array): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  await assert.rejects(async () => {
    for await (const piece of decryptAge([identity], inPieces(sealed, 70_000))) pieces.push(piece);
  }, refused);
  return Buffer.concat(pieces);
}

test('what is sealed opens again, whatever its size and however it comes', async () => {
  for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5]) {
    const plain = randomBytes(size);
    const sealed = await seal(plain);
    assert.ok((await open(sealed)).equals(plain), `${size} bytes`);
  }
  const sizes = fc.tuple(fc.nat(200_000), fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 100_000 }));
  await fc.assert(
    fc.asyncProperty(sizes, async ([size, write, read]) => {
      const plain = Buffer.alloc(size, 'abc');
      const sealed = await collect(encryptAge([recipient], inPieces(plain, Math.max(write, size / 50))));
      const opened = await collect(decryptAge([identity], inPieces(sealed, Math.max(read, size / 50))));
      return opened.equals(plain);
    }),
    { numRuns: 30 },
  );
});

test('each recipient alone opens it, and nobody else', async () => {
  const others = [randomBytes(32), randomBytes(32)].map(identityOfScalar);
  const sealed = await seal(Buffer.from('for two'), [recipient, await recipientOf(others[0] ?? '')]);
  assert.equal((await open(sealed, [others[0] ?? ''])).toString(), 'for two');
  assert.equal((await open(sealed, [others[1] ?? '', identity])).toString(), 'for two');
  await assert.rejects(open(sealed, [others[1] ?? '']), (error) => {
    return isFault(error, 'BACKUP_UNREADABLE') && error.facts['reason'] === 'none of the keys given opens it';
  });
  await assert.rejects(open(sealed, []), refused);
  await assert.rejects(seal(Buffer.from('x'), []), TypeError);
  await assert.rejects(seal(Buffer.from('x'), ['age1nobody']));
});

test('an identity is the bech32 of its key, and its recipient that of its public key', async () => {
  const scalar = randomBytes(32);
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), scalar]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  const raw = key.export({ format: 'der', type: 'spki' }).subarray(-32);
  const bits = [...raw].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const words = [...(await recipientOf(identityOfScalar(scalar))).slice('age1'.length, -6)]
    .map((letter) => 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  assert.equal(words.slice(0, 256), bits);
  assert.throws(() => identityOfScalar(Buffer.alloc(31)), TypeError);
  await assert.rejects(recipientOf(`${identity.slice(0, -1)}Q`));
});

test('the package `age-encryption` opens ours, and we open its, the post-quantum kind too', async () => {
  const plain = randomBytes(3 * CHUNK);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  assert.ok(Buffer.from(await decrypter.decrypt(await seal(plain))).equals(plain));
  const hybrid = await generateHybridIdentity();
  for (const one of [identity, hybrid]) {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await recipientOf(one));
    assert.ok((await open(await encrypter.encrypt(plain), [one])).equals(plain));
    assert.ok((await open(await seal(plain, [await recipientOf(one)]), [one])).equals(plain));
  }
});

test('the command `age` opens ours, and we open its', needsAge, async (t: TestContext) => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-age-'));
  t.after(() => rm(folder, { recursive: true }));
  const [key, plainFile, sealedFile] = ['key', 'plain', 'sealed'].map((name) => join(folder, name));
  if (key === undefined || plainFile === undefined || sealedFile === undefined) throw new Error('unreachable');
  const run = promisify(execFile);
  await writeFile(key, identity);
  assert.equal((await run('age-keygen', ['-y', key])).stdout.trim(), recipient);
  for (const size of [0, 1, CHUNK, 2 * CHUNK + 7]) {
    const plain = randomBytes(size);
    await writeFile(sealedFile, await seal(plain));
    await writeFile(plainFile, ''); // the command makes no file of nothing
    await run('age', ['-d', '-i', key, '-o', plainFile, sealedFile]);
    assert.ok((await readFile(plainFile)).equals(plain), `${size} bytes`);

    await run('age', ['-r', recipient, '-o', sealedFile, plainFile]);
    assert.ok((await open(await readFile(sealedFile))).equals(plain), `${size} bytes`);
    await rm(plainFile);
  }
});

// Attack: one byte is changed, wherever it may be.
test('one flipped byte anywhere is refused', async () => {
  const sealed = await seal(Buffer.from('a secret of a few words'));
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed);
    altered.writeUInt8(altered.readUInt8(at) ^ (at % 2 === 0 ? 1 : 0x80), at);
    assert.equal((await openUntilRefused(altered)).length, 0, `byte ${at}`);
  }
});

// Attack: the end is cut off, at a chunk's border too, so that only the newest rows are missing.
test('a file that was cut at any length is refused', async () => {
  const small = await seal(Buffer.from('a secret of a few words'));
  for (let length = 0; length < small.length; length++) {
    assert.equal((await openUntilRefused(small.subarray(0, length))).length, 0, `${length} bytes`);
  }
  const { head, chunks } = await inChunks(randomBytes(3 * CHUNK + 9));
  for (let count = 0; count < chunks.length; count++) {
    await openUntilRefused(Buffer.concat([head, ...chunks.slice(0, count)]));
    await openUntilRefused(Buffer.concat([head, ...chunks.slice(0, count), (chunks[count] ?? head).subarray(0, 20)]));
  }
});

async function inChunks(plain: Buffer): Promise<{ head: Buffer; chunks: readonly Buffer[] }> {
  const sealed = await seal(plain);
  const size = plain.length + Math.ceil(plain.length / CHUNK) * 16;
  const body = sealed.subarray(-size);
  const count = Math.ceil(plain.length / CHUNK);
  const chunks = Array.from({ length: count }, (_, index) => body.subarray(index * SEALED, (index + 1) * SEALED));
  return { head: sealed.subarray(0, -size), chunks };
}

// Attack: whole chunks, each with a good tag of its own, are put in another order.
test('chunks that are swapped, repeated, left out, added or of another file are refused', async () => {
  const plain = randomBytes(4 * CHUNK);
  const { head, chunks } = await inChunks(plain);
  const other = await inChunks(randomBytes(4 * CHUNK));
  const [a, b, c, d] = chunks;
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four chunks');
  const orders = [
    [b, a, c, d],
    [a, c, b, d],
    [a, a, b, c, d],
    [a, b, c, d, d],
    [a, c, d],
    [b, c, d],
    [a, b, d],
    [d],
    [a, b, c, d, Buffer.from('x')],
    [a, b, c, d, Buffer.alloc(SEALED)],
    [a, b, c, other.chunks[3] ?? a],
    [...other.chunks],
  ];
  for (const [index, order] of orders.entries()) {
    const released = await openUntilRefused(Buffer.concat([head, ...order]));
    assert.ok(plain.subarray(0, released.length).equals(released), `order ${index}`); // nothing in a wrong place
  }
  await openUntilRefused(Buffer.concat([other.head, ...chunks]));
});

// Attack: an endless header, to fill the memory.
test('what is no age file, or has no end to its header, is refused', async () => {
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('age-encryption.org/v1\n');
    for (;;) yield Buffer.from(`-> X25519 ${'A'.repeat(43)}\n${'B'.repeat(43)}\n`.repeat(100));
  };
  await assert.rejects(collect(decryptAge([identity], endless())), refused);
  for (const text of ['', 'SQLite format 3', 'age-encryption.org/v2\n-> X\n', 'x'.repeat(200_000)]) {
    await assert.rejects(open(Buffer.from(text)), refused);
  }
});
