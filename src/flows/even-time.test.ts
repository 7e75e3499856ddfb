import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defineFaults } from '../kernel/errors.ts';
import { createEvenTime } from './even-time.ts';

const fault = defineFaults({
  NO: ['unauthenticated', 'No.'],
  BUSY: ['unavailable', 'Busy.'],
  MANY: ['limited', 'Many.'],
});

/** Time that passes only where something is waited for. */
function setUp(leastMs?: number, dearestMs?: () => number) {
  let now = 0;
  const pass = async (ms: number): Promise<void> => {
    now += ms;
  };
  const time = createEvenTime({ elapsed: () => now, wait: pass, leastMs, dearestMs });
  const took = async (work: () => Promise<unknown>): Promise<number> => {
    const from = now;
    await work().catch(() => undefined);
    return now - from;
  };
  const refuse = (ms: number) => async (): Promise<never> => {
    await pass(ms);
    throw fault('NO');
  };
  return { time, pass, took, refuse };
}

// Attack: the time until a refusal tells how a password is hashed, and so that its name exists.
test('refusals that needed anything between nothing and the floor are answered at the same moment', async () => {
  const { time, took, refuse } = setUp();
  for (const ms of [0, 0.3, 25, 250, 399.5]) {
    const answered = await took(() => time.evenRefusals('login', refuse(ms)));
    assert.ok(answered >= 400 && answered <= 401, `${ms}: ${answered}`);
  }
});

test('the slowest of a kind is learned, and holds for those that follow', async () => {
  const { time, took, refuse } = setUp();
  assert.equal(await took(() => time.evenRefusals('login', refuse(550))), 550);
  assert.ok(Math.abs((await took(() => time.evenRefusals('login', refuse(1)))) - 550) < 1);
  assert.equal(Math.ceil(await took(() => time.evenRefusals('reset', refuse(1)))), 400, 'another kind, another floor');
});

// Attack: hours later, when all is forgotten, the first slow answer stands out.
test('a quiet night takes little of what was learned', async () => {
  const { time, took, refuse, pass } = setUp();
  for (let each = 0; each < 3; each++) await took(() => time.evenRefusals('login', refuse(900)));
  await pass(600_000);
  assert.ok((await took(() => time.evenRefusals('login', refuse(1)))) > 880);
  await pass(48 * 3_600_000);
  assert.ok((await took(() => time.evenRefusals('login', refuse(1)))) < 410);
});

// Attack: one answer is made to hang so that everybody else waits.
test('no answer that hangs makes others wait for long', async () => {
  const { time, took, refuse } = setUp();
  await took(() => time.evenRefusals('login', refuse(60_000)));
  assert.ok((await took(() => time.evenRefusals('login', refuse(1)))) <= 626);
  for (let each = 0; each < 50; each++) await took(() => time.evenRefusals('login', refuse(60_000)));
  assert.ok((await took(() => time.evenRefusals('login', refuse(1)))) <= 2_001);
});

// Attack: a hash of long ago is slower than the least, and its account is told by the first try of every day.
test('what the dearest hash needs is the floor from when it is met, and is not forgotten', async () => {
  let dearest = 0;
  const { time, took, refuse, pass } = setUp(400, () => dearest);
  assert.equal(Math.ceil(await took(() => time.evenRefusals('login', refuse(1)))), 400);
  dearest = 3_100;
  for (const ms of [1, 2_759, 3_000]) {
    assert.equal(Math.ceil(await took(() => time.evenRefusals('login', refuse(ms)))), 3_100, `${ms}`);
    await pass(90 * 24 * 3_600_000);
  }
});

// Attack: with bcrypt of 15 every refusal takes longer than the most that is evened out, and each as long as it likes.
test('what is evened out reaches beyond the least, however high that is set', async () => {
  const { time, took, refuse } = setUp(5_000);
  assert.equal(await took(() => time.evenRefusals('login', refuse(1))), 5_000);
  assert.equal(await took(() => time.evenRefusals('login', refuse(6_000))), 6_000);
  assert.equal(await took(() => time.evenRefusals('login', refuse(1))), 6_000);
  for (let each = 0; each < 9; each++) await took(() => time.evenRefusals('login', refuse(60_000)));
  assert.equal(Math.ceil(await took(() => time.evenRefusals('login', refuse(1)))), 10_000);
});

// Attack: a password that is tried in two forms doubles what a slow hash takes, past the floor.
test('work that is done twice by the wish of whoever asks has twice the floor, and raises that of no other', async () => {
  const { time, took, refuse } = setUp();
  for (const ms of [1, 790, 900, 1])
    assert.ok((await took(() => time.evenRefusals('login', refuse(ms), 2))) >= 800, `${ms}`);
  assert.equal(Math.ceil(await took(() => time.evenRefusals('login', refuse(1)))), 400);
});

test('what went well waits only where good and bad must look alike, and a lack of ours or a full count never does', async () => {
  const { time, took, pass } = setUp();
  assert.equal(await took(() => time.evenRefusals('login', () => pass(5))), 5);
  assert.equal(Math.ceil(await took(() => time.even('reset', () => pass(5)))), 400);
  assert.equal(await time.even('reset', async () => 'sent'), 'sent');
  for (const code of ['BUSY', 'MANY'] as const) {
    const refuse = async (): Promise<never> => {
      throw fault(code);
    };
    assert.equal(await took(() => time.even('reset', refuse)), 0);
    await assert.rejects(time.even('reset', refuse), { code });
  }
});

test('in no order of answers does a quick one come sooner than the floor that the one before it met', async () => {
  const times = fc.array(fc.integer({ min: 0, max: 1_900 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(times, async (all) => {
      const { time, took, refuse } = setUp(0);
      let slowest = 0;
      for (const ms of all) {
        slowest = Math.max(slowest, Math.min(ms, slowest * 1.5 + 25));
        const answered = await took(() => time.evenRefusals('login', refuse(ms)));
        assert.ok(answered >= slowest - 1, `${answered} after ${slowest}`);
      }
    }),
  );
});

test('kinds are few: names made up by callers do not fill the memory', async () => {
  const { time, took, refuse } = setUp(0);
  for (let each = 0; each < 64; each++) await took(() => time.evenRefusals(`kind ${each}`, refuse(1)));
  await assert.rejects(time.evenRefusals('one more', refuse(1)), TypeError);
});

test('time that stands still holds no answer for ever', async () => {
  let waits = 0;
  const wait = async (): Promise<void> => {
    waits++;
  };
  const still = createEvenTime({ elapsed: () => 0, wait });
  await assert.rejects(
    still.evenRefusals('login', async () => {
      throw fault('NO');
    }),
    { code: 'NO' },
  );
  assert.equal(waits, 8);
});
