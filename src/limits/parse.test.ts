import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLimits } from './parse.ts';

const hour = 3_600_000;

test('limits read as Flask-Limiter reads them (B23)', () => {
  const one = (count: number, windowMs: number) => [{ count, windowMs }];
  const examples: Readonly<Record<string, readonly object[]>> = {
    '100 per hour': one(100, hour),
    '10/minute': one(10, 60_000),
    '1 per 2 hours': one(1, 2 * hour),
    '1/SECOND': one(1, 1_000),
    ' 5 / Day ': one(5, 24 * hour),
    '7per3minutes': one(7, 180_000),
    '10 per month': one(10, 720 * hour),
    '1000/2 years': one(1_000, 720 * 24 * hour),
    '200 per day;50 per hour': [...one(200, 24 * hour), ...one(50, hour)],
    '200/day, 50/hour | 5 per 10 second': [...one(200, 24 * hour), ...one(50, hour), ...one(5, 10_000)],
  };
  for (const [text, expected] of Object.entries(examples)) assert.deepEqual(parseLimits(text), expected, text);
});

test('what is no limit is refused with the place at which it begins', () => {
  const flaws: Readonly<Record<string, number>> = {
    '': 1,
    '  hour': 3,
    '10': 1,
    '10 an hour': 1,
    '10 per fortnight': 1,
    '-1 per hour': 1,
    '1.5 per hour': 1,
    '0 per hour': 1,
    '1 per 0 hours': 1,
    '1000001/hour': 1,
    '1/11 years': 1,
    '10/hour;': 9,
    '10/hour;; 1/day': 9,
    '10/hour; ten a day': 10,
    '10/hour 5/day': 1,
    '１0/hour': 1,
    [`${'9'.repeat(400)}/hour`]: 1,
    [`${'1/hour;'.repeat(16)}1/day`]: 113,
    [' '.repeat(1_001)]: 1_001,
  };
  for (const [text, at] of Object.entries(flaws)) {
    assert.throws(() => parseLimits(text), new RegExp(`^TypeError: limits, at character ${at}: `), text);
  }
});

// Attack: a text is chosen so that reading it takes for ever.
test('whatever is read is read at once, to limits that count something or to a flaw', () => {
  const began = performance.now();
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[0-9 /perhous;,|]{0,1000}$/));
  const property = fc.property(texts, (text) => {
    try {
      for (const { count, windowMs } of parseLimits(text)) assert.ok(count >= 1 && windowMs >= 1_000);
    } catch (error) {
      assert.ok(error instanceof TypeError);
    }
  });
  fc.assert(property, { numRuns: 1_000 });
  assert.throws(() => parseLimits(`1${' '.repeat(998)}x`), TypeError);
  assert.throws(() => parseLimits('1'.repeat(1_000)), TypeError);
  assert.ok(performance.now() - began < 5_000);
});
