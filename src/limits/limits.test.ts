import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryHotState } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { limitConfig } from './config.ts';
import { createLimits } from './limits.ts';

function setUp(config: object = {}) {
  const clock = createTestClock();
  const limits = createLimits({ hot: createMemoryHotState({ clock }), config: limitConfig.parse(config) });
  const allowed = (name: Parameters<typeof limits.take>[0], who: string): boolean => {
    try {
      void limits.take(name, who);
      return true;
    } catch (error) {
      assert.equal(Object(error).code, 'LIMIT_EXCEEDED');
      assert.ok(Object(error).facts.retry_after_s >= 1);
      return false;
    }
  };
  return { clock, limits, allowed };
}

test('the defaults admit what people do and stop what programs do', () => {
  const { allowed } = setUp();
  const count = (name: Parameters<typeof allowed>[0]) => {
    let good = 0;
    while (good < 100_000 && allowed(name, 'x')) good++;
    return good;
  };
  assert.equal(count('sign-in-account'), 30);
  assert.equal(count('sign-in-address'), 60);
  assert.equal(count('bad-credentials'), 120);
  assert.equal(count('address'), 60_000);
  assert.equal(count('principal'), 60_000);
});

test('one who is limited limits nobody else, and is let in again after the time that was told', () => {
  const { clock, allowed } = setUp({ signInPerAccount: 2 });
  assert.deepEqual(
    [1, 2, 3].map(() => allowed('sign-in-account', 'ada')),
    [true, true, false],
  );
  assert.equal(allowed('sign-in-account', 'bob'), true);
  assert.equal(allowed('sign-in-address', 'ada'), true, 'another limit is another count');
  clock.advance(30_000);
  assert.deepEqual(
    [1, 2].map(() => allowed('sign-in-account', 'ada')),
    [true, false],
  );
});

// Attack: the name of one cell is chosen so that it is the name of another.
test('no name of a caller reaches into the count of another limit', () => {
  const { allowed } = setUp({ addressPerMinute: 1, principalPerMinute: 1 });
  assert.equal(allowed('address', 'x'), true);
  assert.equal(allowed('address', 'x'), false);
  for (const who of ['x ', ' x', 'X', 'x\0', 'address x', 'principal x'])
    assert.equal(allowed('address', who), true, who);
  assert.equal(allowed('principal', 'x'), true);
});

test('a limit of a route is counted in its own cell', () => {
  const { limits } = setUp();
  const limit = { count: 1, windowMs: 1_000 };
  void limits.takeOf('POST /v1/x a', limit);
  assert.throws(() => limits.takeOf('POST /v1/x a', limit), { code: 'LIMIT_EXCEEDED' });
  assert.doesNotThrow(() => limits.takeOf('POST /v1/x b', limit));
});

test('switched off, nothing is counted', () => {
  const { allowed } = setUp({ enabled: false, addressPerMinute: 1 });
  for (let each = 0; each < 10; each++) assert.equal(allowed('address', 'x'), true);
});

test('a bound that makes no sense is refused', () => {
  for (const value of [0, -1, 1.5, 1_000_001, '60', null]) {
    assert.equal(limitConfig.safeParse({ addressPerMinute: value }).success, false);
  }
  assert.equal(limitConfig.safeParse({ perSecond: 1 }).success, false);
});
