import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createLimits, limitConfig } from '../limits/index.ts';
import { createMemoryHotState } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { type Attempt, createAttempts } from './attempts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function setUp(config: object = {}) {
  const clock = createTestClock();
  const hot = createMemoryHotState({ clock });
  const parsed = limitConfig.parse(config);
  const attempts = createAttempts({ limits: createLimits({ hot, config: parsed }), config: parsed });
  const begins = async (attempt: Attempt): Promise<boolean> => {
    try {
      await attempts.begin(attempt);
      return true;
    } catch (error) {
      assert.ok(isFault(error, 'LIMIT_EXCEEDED'));
      return false;
    }
  };
  return { clock, attempts, begins };
}

let strangers = 0;
const stranger = (): string => `198.51.${(strangers >> 8) & 255}.${strangers++ & 255}`;

// Attack: one account's password is guessed from a thousand addresses, all day.
test('a thousand addresses together get no more guesses a day at one name than its count', async () => {
  const { clock, begins } = setUp();
  let good = 0;
  for (let step = 0; step < 24 * 12; step++) {
    for (let each = 0; each < 20; each++) {
      if (await begins({ account: 'ada', addressBlock: `10.0.${step % 250}.${each}` })) good++;
    }
    clock.advance(5 * MINUTE - 1_000);
  }
  assert.ok(good >= 40 && good <= 50, `${good}`);
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
  assert.deepEqual(rounds, [10, 10, 0, 0, 0], 'thirty in the hour');
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
  assert.equal(await begins(fresh), true);
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
  for (let each = 0; each < 12; each++) {
    assert.equal(await begins(own), true);
    await attempts.good(own);
  }
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
  const code = { account: 'person-1' };
  for (let each = 0; each < 20; each++) await attempts.beginCode(code);
  await assert.rejects(
    attempts.beginCode(code),
    (error) => isFault(error, 'LIMIT_EXCEEDED') && error.facts['limit'] === 'sign-in-code',
  );
  await attempts.beginCode({ ...code, knownDevice: 'laptop' });
  await attempts.goodCode(code);
  await attempts.beginCode(code);
  clock.advance(25 * HOUR);
  await attempts.beginCode(code);
});
