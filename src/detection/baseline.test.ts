import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { days } from '../kernel/clock.ts';
import { addSums, anchor, countOf, doublings, learn, noSums, type Rule, type Sums, usualOf } from './baseline.ts';
import { addLearned, entriesOf, learnedOf, PLACES } from './baseline-hours.ts';

const rule: Rule = { spreads: 4, minSpread: 0.75, abovePeak: 2, risePerDay: 0.25, highest: 50 };
const start = Date.UTC(2026, 10, 21);
const never = Number.POSITIVE_INFINITY;

/** The limit in counts, as it holds at a time. */
const limitAt = (sums: Sums, now: number): number => countOf(usualOf(sums, rule, now)?.limit ?? never);

test('too little that was seen says nothing', () => {
  const sums = noSums();
  assert.equal(usualOf(sums, rule, start), undefined);
  for (let n = 0; n < 3; n++) learn(sums, doublings(10), 1, start, never);
  assert.equal(usualOf(sums, rule, start), undefined);
});

test('a steady count is usual up to eight times as much', () => {
  const sums = noSums();
  for (let day = 0; day < 30; day++) learn(sums, doublings(1_000), 1, start + days(day), never);
  const usual = usualOf(sums, rule, start + days(30));
  assert.ok(usual && Math.abs(countOf(usual.expected) - 1_000) < 1e-6);
  assert.ok(Math.abs(countOf(usual.limit) - 8_007) < 1, String(countOf(usual.limit)));
});

test('what comes but once a day is usual the next day too', () => {
  const sums = noSums();
  for (let at = 0; at < 7 * 24; at++)
    learn(sums, doublings(at % 24 === 2 ? 5_000_000 : 10_000), 1, start + at * 3_600_000, never);
  assert.ok(limitAt(sums, start + days(7)) > 5_000_000);
});

test('what processes learn apart and add up is what one would have learned', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1_000_000), fc.boolean()), { minLength: 10, maxLength: 50 }), (seen) => {
      const [one, other, all] = [noSums(), noSums(), noSums()];
      for (const [index, [count, here]] of seen.entries()) {
        const at = start + index * 3_600_000;
        learn(here ? one : other, doublings(count), 1, at, never);
        learn(all, doublings(count), 1, at, never);
      }
      addSums(one, other);
      const [apart, together] = [usualOf(one, rule, start), usualOf(all, rule, start)];
      assert.ok(apart && together && Math.abs(apart.limit - together.limit) < 1e-6);
    }),
  );
});

// Attack: whoever holds a key takes a little more each hour, until a theft looks usual.
test('a limit that is pushed from below rises by less than a fifth a day', () => {
  const sums = noSums();
  let now = start;
  for (; now < start + days(14); now += 3_600_000) learn(sums, doublings(1_000), 1, now, never);
  const before = limitAt(sums, now);
  let limit = usualOf(sums, rule, now)?.limit ?? never;
  for (let hour = 0; hour < 10 * 24; hour++) {
    anchor(sums, limit, rule, now);
    now += 3_600_000;
    learn(sums, limit - 1e-9, 1, now, limit); // as much as is not told
    limit = usualOf(sums, rule, now)?.limit ?? never;
  }
  assert.ok(countOf(limit) < before * 2 ** (0.25 * 10.1), `${countOf(limit)} of ${before}`);
  assert.ok(countOf(limit) > before, 'it does adapt');
});

// Attack: what was told as unusual is done again and again, so that it be learned.
test('what was called unusual teaches little, and is no peak', () => {
  const sums = noSums();
  let now = start;
  for (; now < start + days(14); now += 3_600_000) learn(sums, doublings(1_000), 1, now, never);
  const limit = usualOf(sums, rule, now)?.limit ?? never;
  const { peak } = sums;
  anchor(sums, limit, rule, now);
  for (let hour = 0; hour < 24; hour++) learn(sums, doublings(1e9), 1, now + hour * 3_600_000, limit);
  assert.equal(sums.peak, peak);
  const after = usualOf(sums, rule, now + days(1))?.limit ?? never;
  assert.ok(after <= limit + rule.risePerDay + 1e-9);
});

test('what swings between much and little is told little above the most that ever was', () => {
  const sums = noSums();
  for (let at = 0; at < 14 * 24; at++)
    learn(sums, doublings(at % 24 < 12 ? 20 : 1_000), 1, start + at * 3_600_000, never);
  assert.ok(limitAt(sums, start + days(14)) <= 8.1 * 1_000, String(limitAt(sums, start + days(14))));
  assert.ok(limitAt(sums, start + days(14)) >= 3 * 1_000);
});

test('hours that are packed and added up are what their sums are, in whatever order', () => {
  const entry = fc.tuple(fc.nat(PLACES - 1), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), (one, other) => {
      const made = (entries: readonly (readonly [number, number])[]) =>
        learnedOf(new Map(entries.map(([at, n]) => [at, { n, s1: n, s2: n, peak: n, anchor: n }])));
      const [here, there] = [made(one), made(one)];
      addLearned(here, made(other));
      const turned = made(other);
      addLearned(turned, there);
      assert.deepEqual(new Map(entriesOf(here)), new Map(entriesOf(turned)));
      assert.ok(here.packed.length <= PLACES * 6);
    }),
  );
});

test('the weights hold their range for decades to either side', () => {
  for (const year of [1990, 2018, 2060]) {
    const sums = noSums();
    const at = Date.UTC(year, 0, 1);
    for (let n = 0; n < 10; n++) learn(sums, doublings(100), 1, at + n * 60_000, never);
    const usual = usualOf(sums, rule, at + 600_000);
    assert.ok(usual && Math.abs(countOf(usual.expected) - 100) < 1e-6, String(year));
  }
});
