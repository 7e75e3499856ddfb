import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createLimits, limitConfig } from '../limits/index.ts';
import { createMemoryHotState } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { type Attempt, type CodeAttempt, createAttempts } from './attempts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function setUp(config: object = {}) {
  const clock = createTestClock();
  const hot = createMemoryHotState({ clock });
  const parsed = limitConfig.parse(config);
  const attempts = createAttempts({ limits: createLimits({ hot, config: parsed }), config: parsed });
  const admitted = async (work: Promise<unknown>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      assert.ok(isFault(error, 'LIMIT_EXCEEDED'));
      return false;
    }
  };
  const begins = (attempt: Attempt): Promise<boolean> => admitted(attempts.begin(attempt));
  const answers = (attempt: CodeAttempt): Promise<boolean> => admitted(attempts.beginCode(attempt));
  return { clock, attempts, begins, answers };
}

let strangers = 0;
const stranger = (): string => `198.51.${(strangers >> 8) & 255}.${strangers++ & 255}`;

// Attack: one account's password is guessed from a thousand addresses, all day.
test('a thousand addresses together get no more guesses a day at one name than its count and one in ten minutes', async () => {
  const { clock, begins } = setUp();
  let good = 0;
  for (let step = 0; step < 24 * 12; step++) {
    for (let each = 0; each < 20; each++) {
      if (await begins({ account: 'ada', addressBlock: `10.0.${step % 250}.${each}` })) good++;
    }
    clock.advance(5 * MINUTE - 1_000);
  }
  assert.ok(good >= 140 && good <= 50 + 24 * 6, `${good}`);
});

// Attack: one stranger keeps an owner without a known device out, by fifty wrong passwords and one whenever one is free.
test('an owner at a new address waits for minutes at most, whatever one stranger does all day', async () => {
  const { clock, attempts, begins } = setUp();
  const waits: number[] = [];
  for (let step = 0; step < 24 * 60; step++) {
    for (let each = 0; each < 3; each++) await begins({ account: 'ada', addressBlock: `192.0.2.${each}` });
    if (step % 60 === 59) {
      const from = clock.now();
      const own = { account: 'ada', addressBlock: stranger() };
      while (!(await begins(own))) {
        clock.advance(20_000);
        await begins({ account: 'ada', addressBlock: '192.0.2.1' });
      }
      waits.push(clock.now() - from);
    }
    clock.advance(MINUTE);
  }
  assert.equal(waits.length, 24);
  assert.ok(Math.max(...waits) <= 32 * MINUTE, `${Math.max(...waits) / MINUTE} minutes`);
  await attempts.clear(['ada']);
  assert.equal(await begins({ account: 'ada', addressBlock: stranger() }), true);
});

test('an address that the account knows has a count of its own, as a device has', async () => {
  const { begins } = setUp();
  for (let each = 0; each < 200; each++) await begins({ account: 'ada', addressBlock: stranger() });
  const addressBlock = '203.0.113.9';
  assert.equal(await begins({ account: 'ada', addressBlock }), false);
  assert.equal(await begins({ account: 'ada', addressBlock, knownDevice: `at ${addressBlock}` }), true);
});

test('what came out of the slow count and was good goes back there, and those of others stay', async () => {
  const { attempts, begins } = setUp({ signInFailuresPerAccountDay: 1 });
  await begins({ account: 'ada', addressBlock: stranger() });
  const own = { account: 'ada', addressBlock: '203.0.113.7' };
  for (let each = 0; each < 5; each++) await attempts.good(await attempts.begin(own));
  const slow = await attempts.begin(own);
  assert.equal(slow.slow, true);
  assert.equal(await begins({ account: 'ada', addressBlock: stranger() }), false, 'both counts are used up');
});

// Attack: whoever knows the password keeps the owner's new devices out for a day by wrong codes.
test('a code at a new address waits for half an hour at most, and a backup code for nobody', async () => {
  const { clock, attempts, answers } = setUp();
  const code = (guessable: boolean) => ({ account: 'person-1', addressBlock: stranger(), guessable });
  let guesses = 0;
  for (let step = 0; step < 24 * 6; step++) {
    for (let each = 0; each < 5; each++) if (await answers(code(true))) guesses++;
    clock.advance(10 * MINUTE);
  }
  assert.ok(guesses >= 50 && guesses <= 20 + 48, `${guesses} of a million a day`);
  assert.equal(await answers(code(false)), true);
  await attempts.clear(['person-1']);
  assert.equal(await answers(code(true)), true);
});

test('the longer somebody guesses the slower it goes', async () => {
  const { clock, begins } = setUp();
  const round = async (): Promise<number> => {
    let good = 0;
    for (let each = 0; each < 60; each++) if (await begins({ account: 'ada', addressBlock: stranger() })) good++;
    return good;
  };
  assert.equal(await round(), 10);
  const rounds: number[] = [];
  for (let each = 0; each < 5; each++) {
    clock.advance(6 * MINUTE);
    rounds.push(await round());
  }
  assert.deepEqual(rounds, [10, 11, 0, 1, 0], 'thirty in the hour, and then one in ten minutes');
});

// Attack: strangers use up the count of an account, so that its owner can't get in.
test('a device that the account knows gets in during a flood, and a new one when it is over', async () => {
  const { clock, attempts, begins } = setUp();
  for (let each = 0; each < 200; each++) await begins({ account: 'ada', addressBlock: stranger() });
  const own = { account: 'ada', addressBlock: '203.0.113.7', knownDevice: 'laptop' };
  const fresh = { account: 'ada', addressBlock: '203.0.113.8' };
  assert.deepEqual([await begins(own), await begins(fresh)], [true, false]);
  await attempts.good(own);
  assert.equal(await begins(fresh), false, 'the owner gives strangers nothing back');
  clock.advance(6 * MINUTE);
  assert.equal(await begins(fresh), true, 'a quick one again');
});

// Attack: with the cookie of a known device its holder guesses without end.
test('a known device has a count too, and none of another account', async () => {
  const { begins } = setUp();
  const own = { account: 'ada', addressBlock: '203.0.113.7', knownDevice: 'laptop' };
  let good = 0;
  for (let each = 0; each < 40; each++) if (await begins({ ...own, addressBlock: stranger() })) good++;
  assert.equal(good, 10);
  assert.equal(await begins({ ...own, account: 'bob' }), true);
  assert.equal(
    await begins({ ...own, account: 'ada\0laptop', knownDevice: undefined }),
    false,
    'not by its name either',
  );
});

// Attack: a right password is used to win back guesses at it, or at another account.
test('what turned out good is taken off, and nothing else with it', async () => {
  const { attempts, begins } = setUp();
  for (let each = 0; each < 9; each++) await begins({ account: 'ada', addressBlock: stranger() });
  const own = { account: 'ada', addressBlock: '203.0.113.7' };
  for (let each = 0; each < 12; each++) await attempts.good(await attempts.begin(own));
  assert.equal(await begins(own), true);
  assert.equal(await begins(own), false, 'nine of others and one of its own');
});

test('every spelling of a name has one count', async () => {
  const { begins } = setUp({ signInFailuresPerAccount: 4 });
  for (const account of ['ada@plant.example', 'ADA@Plant.Example', ' ada@plant.example', 'ａda@plant.example'])
    assert.equal(await begins({ account, addressBlock: stranger() }), true, account);
  assert.equal(await begins({ account: 'ada@plant.example', addressBlock: stranger() }), false);
});

// Attack: one address tries many accounts, keys and sockets, each a little.
test('an address has one count over all that it tries', async () => {
  const { begins } = setUp({ signInPerAddress: 8 });
  const addressBlock = '192.0.2.1';
  for (let each = 0; each < 4; each++) {
    assert.equal(await begins({ account: `name ${each}`, addressBlock }), true);
    assert.equal(await begins({ addressBlock }), true);
  }
  assert.deepEqual([await begins({ account: 'new', addressBlock }), await begins({ addressBlock })], [false, false]);
});

test('a refusal says the same for each name, and counts nothing', async () => {
  const { attempts, clock } = setUp({ signInFailuresPerAccount: 1 });
  const said: unknown[] = [];
  for (const account of ['ada', 'nobody']) {
    await attempts.begin({ account, addressBlock: stranger() });
    for (let each = 0; each < 3; each++) {
      await attempts
        .begin({ account, addressBlock: stranger() })
        .catch((error: unknown) => said.push(Object(error).facts));
    }
  }
  assert.equal(said.length, 6);
  for (const facts of said) assert.deepEqual(facts, said[0]);
  clock.advance(6 * MINUTE);
  await attempts.begin({ account: 'ada', addressBlock: stranger() });
});

// Attack: with the right password a new ticket is made for every five codes.
test('wrong codes of one account have one count over all its sign-ins', async () => {
  const { attempts, clock } = setUp();
  const code = { account: 'person-1', addressBlock: '192.0.2.1', guessable: true };
  for (let each = 0; each < 20; each++) await attempts.beginCode(code);
  assert.equal((await attempts.beginCode(code)).slow, true);
  await assert.rejects(
    attempts.beginCode(code),
    (error) => isFault(error, 'LIMIT_EXCEEDED') && error.facts['limit'] === 'sign-in-code-slow',
  );
  await attempts.beginCode({ ...code, knownDevice: 'laptop' });
  await attempts.goodCode(code);
  await attempts.beginCode(code);
  clock.advance(25 * HOUR);
  await attempts.beginCode(code);
});
