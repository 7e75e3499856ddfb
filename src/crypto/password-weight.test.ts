import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { hash as bcryptHash } from '@node-rs/bcrypt';
import { createSystemRandom } from '../kernel/random.ts';
import { createHashQueue, createPasswordHasher } from './password-hash.ts';
import { coverOfBcrypt } from './password-weight.ts';

const random = createSystemRandom();
const hasher = createPasswordHasher({ random });

const iterated = (rounds: number): string =>
  `pbkdf2:sha256:${rounds}$Ab12$${pbkdf2Sync('horse', 'Ab12', rounds, 32, 'sha256').toString('hex')}`;
const bcrypt = (cost: number): string => `$2b$${cost}$${'.'.repeat(53)}`;

/** Milliseconds of processor time, of all threads: by the clock on the wall a busy machine adds its own. */
async function leastOf(work: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const from = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(from);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

test('what covers a hash is a little more than its check takes, whatever its kind, and is known sooner', async () => {
  const all = [
    iterated(600_000),
    bcrypt(11),
    await hasher.hash('horse', { kind: 'werkzeug-scrypt' }),
    (await hasher.hash('horse')).replace('t=2', 't=6'),
  ];
  for (const stored of all) {
    const seen: string[] = [];
    for (let round = 0; round < 5 && seen.length === round; round++) {
      const cover = await createPasswordHasher({ random }).coverOf(stored); // measured anew: the machine has other work, too
      const takes = await leastOf(() => hasher.verify(stored, 'wrong'));
      if (cover < 0.9 * takes || cover > 4.5 * takes) seen.push(`takes ${takes}, is covered by ${cover}`); // steps of 50 ms
    }
    assert.ok(seen.length < 5, `${stored.slice(0, 30)}: ${seen.join('; ')}`);
  }
});

test('of one kind of work it grows as the work does, and none at all needs nothing', async () => {
  const [one, eight] = [await hasher.coverOf(bcrypt(12)), await hasher.coverOf(bcrypt(15))];
  assert.ok(eight > one * 6 && eight <= one * 8, `${one} ${eight}`);
  assert.ok((await hasher.coverOf(iterated(3_000_000))) >= 9 * (await hasher.coverOf(iterated(300_000))) - 450);
  for (const stored of ['!', '', `sha256$salt$${'ab'.repeat(32)}`, bcrypt(31)])
    assert.equal(await hasher.coverOf(stored), 0, stored);
  assert.ok((await coverOfBcrypt(15)) > (await coverOfBcrypt(12)) * 3);
});

// Attack: the first wrong password for the slowest account is answered later, and so is the first of every day.
test('the dearest hash that a wrong password met is remembered, and one that was only looked at is not', async () => {
  const own = createPasswordHasher({ random });
  const [quick, slow] = [iterated(1_000), iterated(1_000_000)];
  assert.ok((await own.coverOf(bcrypt(15))) > 0);
  assert.equal(own.dearestMs(), 0);
  assert.equal(await own.check(slow, 'horse'), true);
  assert.equal(own.dearestMs(), 0, 'who gets in is told so');
  assert.equal(await own.check(slow, 'house'), false);
  const end = performance.now() + 5_000;
  while (own.dearestMs() === 0 && performance.now() < end) await pause(5);
  const known = own.dearestMs();
  assert.equal(known, await own.coverOf(slow));
  assert.equal(await own.check(quick, 'house'), false);
  assert.equal(own.dearestMs(), known);
});

// Attack: the right password of a disabled person is refused sooner than a wrong one; and a slow hash later than any.
test('a right password that is no good costs what a wrong one costs, and what is dear already is not made dearer', async () => {
  const queue = createHashQueue();
  let runs = 0;
  const counted = createPasswordHasher({
    random,
    queue: {
      run: (work) => {
        runs++;
        return queue.run(work);
      },
    },
  });
  const runsOf = async (text: string, password: string, barred: boolean): Promise<number> => {
    runs = 0;
    assert.equal(await counted.check(text, password, { kind: 'bcrypt', cost: 13 }, barred), false);
    return runs;
  };
  const ten = await bcryptHash('horse', { cost: 10 });
  assert.equal(await runsOf(ten, 'horse', true), 4);
  assert.equal(await runsOf(ten, 'house', true), 4);
  assert.equal(await runsOf(iterated(1_000), 'horse', true), 2);
  assert.equal(await runsOf(iterated(3_000_000), 'house', false), 1);
  assert.equal(await counted.check(ten, 'horse', { kind: 'bcrypt', cost: 13 }), true);
});
