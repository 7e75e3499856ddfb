import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hash } from '@node-rs/bcrypt';
import { isFault } from '../kernel/errors.ts';
import { BCRYPT_COSTS, bcryptCostOf, createBcrypt } from './bcrypt.ts';
import { createHashQueue } from './password-hash.ts';

const bcrypt = createBcrypt({ queue: createHashQueue() });

/** @see jBCrypt 0.4, TestBCrypt.java, and crypt_blowfish 1.3, wrapper.c (the last two) */
const VECTORS = [
  ['', '$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'],
  ['a', '$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe'],
  ['abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['abcdefghijklmnopqrstuvwxyz', '$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC'],
  ['~!@#$%^&*()      ~!@#$%^&*()PNBFRD', '$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO'],
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
] as const;

test('the vectors of jBCrypt and crypt_blowfish verify, and with another secret they do not', async () => {
  for (const [secret, hashed] of VECTORS) {
    assert.equal(await bcrypt.verify(hashed, secret), true, hashed);
    assert.equal(await bcrypt.verify(hashed, `${secret}x`), false, hashed);
  }
});

test('hashes of the three versions verify, in every cost that is cheap enough to try', async () => {
  for (const version of ['2a', '2b', '2y'] as const) {
    for (const cost of [4, 5, 6]) {
      const hashed = await hash('Gwangyang-№7', { cost, version });
      assert.equal(bcryptCostOf(hashed), cost);
      assert.equal(await bcrypt.verify(hashed, 'Gwangyang-№7'), true);
      assert.equal(await bcrypt.verify(hashed, 'gwangyang-№7'), false);
    }
  }
});

// Attack: bcrypt reads 72 bytes, so whoever knows the beginning of a long secret has it (X28).
test('a secret that bcrypt would cut is refused, not cut', async () => {
  const at72 = 'ä'.repeat(36);
  const hashed = await hash(at72, { cost: 4 });
  assert.equal(await bcrypt.verify(hashed, at72), true);
  assert.equal(await bcrypt.verify(hashed, `${at72}x`), false);
  const long = 'x'.repeat(80);
  assert.equal(await bcrypt.verify(await hash(long, { cost: 4 }), long), false);
});

test('a secret that is not what bcrypt would hash is refused: NUL ends it elsewhere, a lone surrogate becomes another', async () => {
  assert.equal(await bcrypt.verify(await hash('horse\0', { cost: 4 }), 'horse\0'), false);
  assert.equal(await bcrypt.verify(await hash('\ufffd', { cost: 4 }), '\ud800'), false);
});

const full = () => {
  const queue = createHashQueue({ concurrency: 1, queueLimit: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  return { own: createBcrypt({ queue }), busy: queue.run(() => promise), free: resolve };
};

// Attack: a planted hash of cost 31 keeps a thread busy for days.
test('a cost out of the bounds is refused at once, even when no work is admitted', async () => {
  const { own, busy, free } = full();
  const tail = VECTORS[1][1].slice(6);
  for (const cost of ['00', '03', '16', '31', '99']) {
    await assert.rejects(own.verify(`$2b$${cost}${tail}`, 'a'), (error) => isFault(error, 'CRYPTO_COST_REFUSED'));
    await assert.rejects(own.pretend(Number(cost)), (error) => isFault(error, 'CRYPTO_COST_REFUSED'));
  }
  await assert.rejects(own.pretend(4.5), (error) => isFault(error, 'CRYPTO_COST_REFUSED'));
  free();
  await busy;
});

test('what is no bcrypt hash is false without work, and has no cost', async () => {
  const { own, busy, free } = full();
  const [, good] = VECTORS[1];
  const wrong = [
    '',
    'x',
    `${good}A`,
    `${good}\n`,
    good.slice(0, -1),
    good.replace('2a', '2x'),
    good.replace('2a', '2'),
  ];
  // Spare bits that are set: the verifier takes no such spelling, and to refuse it takes no work.
  wrong.push(good.replace('.5zDGO', '.5zDGP'), `${good.slice(0, -1)}f`);
  for (const hashed of [...wrong, '$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAA', '$2b$+4$'.padEnd(60, '.')]) {
    assert.equal(bcryptCostOf(hashed), undefined, hashed);
    assert.equal(await own.verify(hashed, 'a'), false, hashed);
  }
  free();
  await busy;
});

test('past the queue a check is refused, and pretending too', async () => {
  const { own, busy, free } = full();
  await assert.rejects(own.verify(VECTORS[0][1], ''), (error) => isFault(error, 'CRYPTO_BUSY'));
  await assert.rejects(own.pretend(4), (error) => isFault(error, 'CRYPTO_BUSY'));
  free();
  await busy;
  assert.equal(await own.verify(VECTORS[0][1], ''), true);
});

// Attack: keys are told apart by how long a refusal takes.
test('pretending costs the processor what a check of the same cost does', async () => {
  const hashed = await hash('horse', { cost: 9 });
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
  const ratio = (await least(() => bcrypt.pretend(9))) / (await least(() => bcrypt.verify(hashed, 'house')));
  assert.ok(ratio > 0.5 && ratio < 2, `ratio ${ratio}`);
});

test('a check leaves the event loop free', async () => {
  let turns = 0;
  const spin = setInterval(() => (turns += 1), 0);
  await Promise.all(Array.from({ length: 4 }, () => bcrypt.pretend(9)));
  clearInterval(spin);
  assert.ok(turns > 5, `${turns} turns`);
  assert.deepEqual(BCRYPT_COSTS, { least: 4, most: 15 });
});
