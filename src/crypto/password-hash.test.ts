import assert from 'node:assert/strict';
import { argon2Sync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { formatArgon2id, parseArgon2id } from './argon2id.ts';
import { createHashQueue, createPasswordHasher } from './password-hash.ts';

const random = createSystemRandom();
const cheap = { memoryKib: 8, passes: 1, parallelism: 1 };
const hasher = createPasswordHasher({ random, cost: cheap });

/** A second opinion from node's own synchronous function. */
function stored(password: string, cost = cheap, saltBytes = 16, tagLength = 32): string {
  const salt = Buffer.alloc(saltBytes, 5);
  const { memoryKib: memory, passes, parallelism } = cost;
  const tag = argon2Sync('argon2id', { message: password, nonce: salt, memory, passes, parallelism, tagLength });
  return formatArgon2id({ cost, salt, tag });
}

test('a new hash has 19 MiB, two passes, one lane and a salt of its own', async () => {
  const real = createPasswordHasher({ random });
  const [a, b] = await Promise.all([real.hash('horse'), real.hash('horse')]);
  for (const phc of [a, b]) {
    assert.match(phc, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.equal(await real.verify(phc, 'horse'), true);
    assert.equal(await real.verify(phc, 'Horse'), false);
    assert.equal(real.needsRehash(phc), false);
  }
  assert.notEqual(a, b);
});

test('a password verifies against its own hash only', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), async (password, other) => {
      const phc = await hasher.hash(password);
      assert.equal(await hasher.verify(phc, password), true);
      assert.equal(await hasher.verify(phc, other), password.normalize('NFC') === other.normalize('NFC'));
    }),
  );
});

test('a password typed with combining marks is the same as one without', async () => {
  const phc = await hasher.hash('A\u030angstro\u0308m');
  assert.equal(await hasher.verify(phc, '\u00c5ngstr\u00f6m'), true);
  assert.equal(await hasher.verify(stored('\u00c5ngstr\u00f6m'), 'A\u030angstro\u0308m'), true);
  assert.equal(await hasher.verify(phc, 'Angstrom'), false);
});

test('a hash that another system made of the characters as typed still verifies for whoever types them so', async () => {
  for (const typed of ['A\u030angstrom', '\u212bngstrom']) {
    assert.equal(await hasher.verify(stored(typed), typed), true);
    assert.equal(await hasher.verify(stored(typed), `${typed}x`), false);
    assert.equal(await hasher.verify(stored(typed), typed.normalize('NFC')), false);
  }
});

test('hashes of other parameters within the bounds verify', async () => {
  for (const [cost, salt, tag] of [
    [{ memoryKib: 64, passes: 3, parallelism: 4 }, 8, 16],
    [{ memoryKib: 100, passes: 1, parallelism: 2 }, 64, 64],
    [{ memoryKib: 8, passes: 10, parallelism: 1 }, 16, 24],
  ] as const) {
    const phc = stored('horse', cost, salt, tag);
    assert.equal(await hasher.verify(phc, 'horse'), true, phc);
    assert.equal(await hasher.verify(phc, 'house'), false, phc);
  }
});

test('a hash with any bit of salt or tag flipped does not verify', async () => {
  const phc = stored('horse');
  const { salt, tag } = parseArgon2id(phc) ?? assert.fail();
  const flip = (bytes: Uint8Array, bit: number) =>
    bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
  for (let bit = 0; bit < 128; bit += 1) {
    assert.equal(await hasher.verify(formatArgon2id({ cost: cheap, salt: flip(salt, bit), tag }), 'horse'), false);
  }
  for (let bit = 0; bit < 256; bit += 1) {
    assert.equal(await hasher.verify(formatArgon2id({ cost: cheap, salt, tag: flip(tag, bit) }), 'horse'), false);
  }
});

// Attack: a planted hash asks for terabytes, or for nothing that can be read.
test('a hash that cannot be read is false without work, even when no work is admitted', async () => {
  const full = createPasswordHasher({ random, cost: cheap, queue: createHashQueue({ concurrency: 1, queueLimit: 0 }) });
  const busy = full.hash('horse');
  for (const phc of [
    '',
    'x',
    '$2b$12$abcdefghijklmnopqrstuv',
    stored('horse').replace('m=8', 'm=4294967295'),
    stored('horse').replace('t=1', 't=11'),
    stored('horse').replace('v=19', 'v=16'),
    `${stored('horse')}=`,
  ]) {
    assert.equal(await full.verify(phc, 'horse'), false, phc);
    assert.equal(full.needsRehash(phc), true, phc);
  }
  await assert.rejects(full.verify(stored('horse'), 'horse'), (error) => isFault(error, 'CRYPTO_BUSY'));
  await busy;
});

test('a hash that is cheaper than ours, or has a short salt or tag, is made anew; a dearer one stays', () => {
  const own = createPasswordHasher({ random, cost: { memoryKib: 64, passes: 2, parallelism: 1 } });
  const at = (memoryKib: number, passes: number, parallelism = 1) =>
    stored('horse', { memoryKib, passes, parallelism });
  for (const [memoryKib, passes] of [
    [32, 4],
    [64, 1],
    [32, 10],
  ] as const) {
    assert.equal(own.needsRehash(at(memoryKib, passes)), true, `${memoryKib} ${passes}`);
  }
  for (const phc of [at(64, 2), at(128, 1), at(64, 3), at(64, 2, 2)]) assert.equal(own.needsRehash(phc), false, phc);
  assert.equal(hasher.needsRehash(stored('horse', cheap, 8)), true);
  assert.equal(hasher.needsRehash(stored('horse', cheap, 16, 16)), true);
});

test('past the queue every kind of work is refused with a time to come back', async () => {
  const small = createPasswordHasher({
    random,
    cost: cheap,
    queue: createHashQueue({ concurrency: 1, queueLimit: 1 }),
  });
  const phc = stored('horse');
  const admitted = [small.hash('horse'), small.verify(phc, 'horse')];
  for (const work of [small.hash('horse'), small.verify(phc, 'horse'), small.pretend('horse')]) {
    await assert.rejects(work, (error) => {
      assert.ok(isFault(error, 'CRYPTO_BUSY'));
      assert.deepEqual([error.kind, error.facts], ['unavailable', { retry_after_s: 1 }]);
      return true;
    });
  }
  assert.equal((await Promise.all(admitted)).length, 2);
  assert.equal(await small.pretend('horse'), false);
});

// Attack: names are told apart by how long a refusal takes.
test('pretending takes the place and the time of a verification', async () => {
  const real = createPasswordHasher({
    random,
    queue: createHashQueue({ concurrency: 1 }),
    cost: { memoryKib: 19_456, passes: 4, parallelism: 1 },
  });
  const phc = await real.hash('horse');
  // Processor time, of all threads: by the clock on the wall a busy machine tells them apart by chance.
  const least = async (work: () => Promise<boolean>): Promise<number> => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 8; run += 1) {
      const before = process.cpuUsage();
      assert.equal(await work(), false);
      const { user, system } = process.cpuUsage(before);
      best = Math.min(best, user + system);
    }
    return best;
  };
  const ratio = (await least(() => real.pretend('house'))) / (await least(() => real.verify(phc, 'house')));
  assert.ok(ratio > 0.5 && ratio < 2, `ratio ${ratio}`);
});

test('hashing leaves the event loop free', async () => {
  const real = createPasswordHasher({ random });
  let turns = 0;
  const spin = setInterval(() => (turns += 1), 0);
  await Promise.all(Array.from({ length: 6 }, () => real.hash('horse')));
  clearInterval(spin);
  assert.ok(turns > 5, `${turns} turns`);
});

test('a cost out of bounds is refused at the start', () => {
  for (const cost of [
    { ...cheap, memoryKib: 7 },
    { ...cheap, memoryKib: 262_145 },
    { ...cheap, passes: 0 },
    { ...cheap, passes: 1.5 },
    { ...cheap, parallelism: 5 },
  ]) {
    assert.throws(() => createPasswordHasher({ random, cost }), RangeError);
  }
  assert.throws(() => createHashQueue({ concurrency: 0 }), RangeError);
});
