import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochMs } from '../kernel/brand.ts';
import { createMemoryHotState, type HotState } from '../storage/index.ts';
import { limitConfig } from './config.ts';
import { createLimits, type LimitRule } from './limits.ts';

function setUp(config: object = {}) {
  let now = 1_800_000_000_000;
  const hot = createMemoryHotState({ clock: { now: () => epochMs(now) } });
  const limits = createLimits({ hot, config: limitConfig.parse(config) });
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
  const pass = (ms: number): void => {
    now += ms;
  };
  return { hot, pass, limits, allowed };
}

const rule = (name: string, count: number, windowMs = 60_000): LimitRule => ({ name, count, windowMs });

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
  const { pass, limits, allowed } = setUp({ signInPerAccount: 2 });
  assert.deepEqual(
    [1, 2, 3].map(() => allowed('sign-in-account', 'ada')),
    [true, true, false],
  );
  assert.equal(allowed('sign-in-account', 'bob'), true);
  assert.equal(allowed('sign-in-address', 'ada'), true, 'another limit is another count');
  pass(59_000);
  assert.equal(allowed('sign-in-account', 'ada'), false);
  assert.throws(() => void limits.take('sign-in-account', 'ada'), {
    facts: { limit: 'sign-in-account', retry_after_s: 2, quota: 2, window_s: 60 },
  });
  pass(2_000);
  assert.deepEqual(
    [1, 2, 3].map(() => allowed('sign-in-account', 'ada')),
    [true, true, false],
  );
});

// Attack: the name of one cell is chosen so that it is the name of another.
test('no name of a caller reaches into the count of another limit', () => {
  const { limits, allowed } = setUp({ addressPerMinute: 1, principalPerMinute: 1 });
  assert.equal(allowed('address', 'x'), true);
  assert.equal(allowed('address', 'x'), false);
  for (const who of ['x ', ' x', 'X', 'x\0', 'address x', 'principal x', '60000 x', '7 address 60000 x'])
    assert.equal(allowed('address', who), true, who);
  assert.equal(allowed('principal', 'x'), true);
  void limits.takeAll([{ rule: rule('a', 1), who: '60000 b' }]);
  assert.doesNotThrow(() => limits.takeAll([{ rule: rule('a 60000', 1), who: 'b' }]));
  assert.doesNotThrow(() => limits.takeOf('7 address 60000 x', { count: 1, windowMs: 60_000 }));
});

test('a limit of a route is counted in its own cell', () => {
  const { limits } = setUp();
  const limit = { count: 1, windowMs: 1_000 };
  void limits.takeOf('POST /v1/x a', limit);
  assert.throws(() => limits.takeOf('POST /v1/x a', limit), { code: 'LIMIT_EXCEEDED' });
  assert.doesNotThrow(() => limits.takeOf('POST /v1/x b', limit));
});

// Attack: requests over the limit of an address use up that of the whole tenant.
test('several claims are counted together or not at all, and the tightest is told', () => {
  const { limits } = setUp();
  const [address, tenant] = [rule('address', 2), rule('tenant', 10)];
  const claims = [
    { rule: tenant, who: 'plant' },
    { rule: address, who: '192.0.2.1' },
  ];
  assert.deepEqual(limits.takeAll(claims), { rule: address, remaining: 1, resetMs: 61_000 });
  assert.deepEqual(limits.takeAll(claims), { rule: address, remaining: 0, resetMs: 61_000 });
  for (let time = 0; time < 5; time++) {
    assert.throws(() => limits.takeAll(claims), {
      code: 'LIMIT_EXCEEDED',
      facts: { limit: 'address', quota: 2, window_s: 60, retry_after_s: 61 },
    });
  }
  assert.deepEqual(limits.takeAll(claims.slice(0, 1)), { rule: tenant, remaining: 7, resetMs: 61_000 });
  assert.equal(limits.takeAll([]), undefined);
});

test('two limits of one name with different windows do not forget for each other', () => {
  const { pass, limits } = setUp();
  const claims = [
    { rule: rule('route', 2, 1_000), who: 'a' },
    { rule: rule('route', 3, 60_000), who: 'a' },
  ];
  void limits.takeAll(claims);
  void limits.takeAll(claims);
  pass(2_000);
  void limits.takeAll(claims);
  pass(2_000);
  assert.throws(() => limits.takeAll(claims), { code: 'LIMIT_EXCEEDED' });
});

test('what is given back or reset can be taken again', () => {
  const { limits } = setUp();
  const claim = { rule: rule('key-attempt', 2), who: 'a' };
  const take = () => limits.takeAll([claim]);
  void take();
  void take();
  void limits.giveBack(claim);
  void take();
  assert.throws(take, { code: 'LIMIT_EXCEEDED' });
  void limits.reset(claim);
  void take();
  void take();
  assert.throws(take, { code: 'LIMIT_EXCEEDED' });
});

test('switched off, nothing is counted', () => {
  const { limits, allowed } = setUp({ enabled: false, addressPerMinute: 1 });
  const claim = { rule: rule('a', 1), who: 'x' };
  for (let each = 0; each < 10; each++) {
    assert.equal(allowed('address', 'x'), true);
    assert.equal(limits.takeAll([claim, claim]), undefined);
  }
  assert.equal(limits.giveBack(claim), undefined);
  assert.equal(limits.reset(claim), undefined);
});

test('a hot state that answers later is waited for, and one that is away refuses', async () => {
  const { hot } = setUp();
  const later: HotState = {
    ...hot,
    take: async (cell, limit) => hot.take(cell, limit),
    takeAll: async (takes) => hot.takeAll(takes),
  };
  const limits = createLimits({ hot: later, config: limitConfig.parse({ signInPerAccount: 1 }) });
  const claims = [
    { rule: rule('a', 1), who: 'x' },
    { rule: rule('b', 5), who: 'x' },
  ];
  assert.deepEqual(await limits.takeAll(claims), { rule: rule('a', 1), remaining: 0, resetMs: 61_000 });
  await assert.rejects(async () => limits.takeAll(claims), { code: 'LIMIT_EXCEEDED' });
  assert.equal(await limits.take('sign-in-account', 'ada'), undefined);
  await assert.rejects(async () => limits.take('sign-in-account', 'ada'), { code: 'LIMIT_EXCEEDED' });
  const away = { ...later, takeAll: () => Promise.reject(new Error('away')) };
  const refusing = createLimits({ hot: away, config: limitConfig.parse({}) });
  await assert.rejects(async () => refusing.takeAll(claims), /away/);
});

test('a bound that makes no sense is refused', () => {
  for (const value of [0, -1, 1.5, 1_000_001, '60', null]) {
    assert.equal(limitConfig.safeParse({ addressPerMinute: value }).success, false);
  }
  assert.equal(limitConfig.safeParse({ perSecond: 1 }).success, false);
});
