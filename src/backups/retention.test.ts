import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { epochMs } from '../kernel/brand.ts';
import { days, hours } from '../kernel/clock.ts';
import { type Datable, keptOf } from './retention.ts';

const NOW = Date.UTC(2026, 10, 22, 3); // a Sunday
const DEFAULTS = { keepDaily: 7, keepWeekly: 4, keepMonthly: 12 };

const nightly = (count: number): readonly Datable[] =>
  Array.from({ length: count }, (_, night) => ({
    id: `night-${night}`,
    createdAt: epochMs(NOW - days(night)),
    proven: false,
  }));

test('of two years of nights seven days, four weeks and twelve months stay', () => {
  const kept = keptOf(nightly(730), DEFAULTS);
  const nights = [...kept].map((id) => Number(id.slice('night-'.length))).sort((a, b) => a - b);
  assert.deepEqual(nights.slice(0, 7), [0, 1, 2, 3, 4, 5, 6]);
  // Sundays end a week: the 22nd, 15th, 8th and 1st; the last days of months end a month.
  assert.deepEqual(nights.slice(7, 10), [7, 14, 21]);
  const ends = nights.slice(10).map((night) => new Date(NOW - days(night)).toISOString().slice(0, 10));
  assert.deepEqual(ends.slice(0, 3), ['2026-10-31', '2026-09-30', '2026-08-31']);
  assert.equal(ends.length, 11); // and this month's newest, which is today's
});

test('of several backups of a day the newest stays', () => {
  const day = [3, 9, 23].map((hour) => ({
    id: `at-${hour}`,
    createdAt: epochMs(NOW - days(1) + hours(hour - 3)),
    proven: false,
  }));
  const kept = keptOf([...day, ...nightly(1)], { keepDaily: 2, keepWeekly: 0, keepMonthly: 0 });
  assert.deepEqual([...kept].sort(), ['at-23', 'night-0']);
});

test('the newest and the newest that is known to restore stay under every policy', () => {
  const backup = fc.record({
    id: fc.uuid(),
    createdAt: fc.integer({ min: 0, max: NOW }).map(epochMs),
    proven: fc.boolean(),
  });
  const count = fc.integer({ min: 0, max: 5 });
  const policy = fc.record({ keepDaily: count, keepWeekly: count, keepMonthly: count });
  fc.assert(
    fc.property(
      fc.uniqueArray(backup, { selector: ({ createdAt }) => createdAt, minLength: 1 }),
      policy,
      (all, keep) => {
        const kept = keptOf(all, keep);
        const newest = all.reduce((a, b) => (a.createdAt > b.createdAt ? a : b));
        assert.ok(kept.has(newest.id));
        const proven = all.filter((one) => one.proven);
        if (proven.length > 0) assert.ok(kept.has(proven.reduce((a, b) => (a.createdAt > b.createdAt ? a : b)).id));
        assert.ok(kept.size <= keep.keepDaily + keep.keepWeekly + keep.keepMonthly + 2);
      },
    ),
  );
});

const dated = (id: string, sequence: number, atDay: number): Datable => ({
  id,
  sequence,
  createdAt: epochMs(NOW + days(atDay)),
  proven: false,
});

test('a backup that was made under a clock ahead goes once a week of later ones is older than it', () => {
  const ahead = { ...dated('ahead', 10, 36_500), proven: true };
  const policy = { keepDaily: 3, keepWeekly: 0, keepMonthly: 0 };
  const since = (count: number): readonly Datable[] =>
    Array.from({ length: count }, (_, at) => dated(`since-${at}`, 11 + at, at));
  assert.deepEqual([...keptOf([ahead, ...since(1)], policy)].sort(), ['ahead', 'since-0']);
  assert.ok(keptOf([ahead, ...since(6)], policy).has('ahead'));
  assert.ok(keptOf([ahead, ...since(7)], policy).has('ahead')); // nothing else is known to restore
  const tried = since(7).map((one) => ({ ...one, proven: true }));
  assert.deepEqual([...keptOf([ahead, ...tried], policy)].sort(), ['since-4', 'since-5', 'since-6']);
});

test('the one that was made last stays, whatever its date', () => {
  const policy = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0 };
  assert.deepEqual([...keptOf([dated('ahead', 1, 30), dated('last', 2, 0)], policy)].sort(), ['ahead', 'last']);
});

// Attack: a machine without a battery starts in 1970, and the backup that it makes there costs all the others.
test('a clock that starts behind costs no backup from before', () => {
  const before = Array.from({ length: 20 }, (_, at) => dated(`before-${at}`, at, at - 20));
  const kept = keptOf(before, DEFAULTS);
  const behind = keptOf([...before, { ...dated('behind', 20, 0), createdAt: epochMs(0) }], DEFAULTS);
  assert.deepEqual([...behind].sort(), ['behind', ...kept].sort());
});
