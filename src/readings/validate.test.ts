import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { epochMs } from '../kernel/brand.ts';
import type { Facts } from '../kernel/errors.ts';
import { expectFault, NOW, sample, series } from './readings-kit.contract.ts';
import { createReadingSchema, parseReadings, plainReadingSchema } from './validate.ts';

const latest = () => epochMs(NOW + 60_000);
const schema = createReadingSchema(latest);
const plain = plainReadingSchema(latest);

const takes = (value: unknown): boolean => schema.safeParse(value).success;
const timeOf = (ms: number): string => new Date(ms).toISOString();

async function flawsOf(body: unknown): Promise<Facts[string]> {
  return (await expectFault('HTTP_INPUT_REFUSED', parseReadings(schema, body)))['errors'] ?? null;
}

test('a reading is taken at the ends of each range and refused beyond them', () => {
  const taken = [
    {},
    { meter_id: 'm' },
    { meter_id: 'Az09_-'.repeat(9).slice(0, 50) },
    { energy_consumption: 0 },
    { energy_consumption: 100_000 },
    { power_factor: 0 },
    { power_factor: 1 },
    { power_factor: null },
    { power_factor: undefined },
    { location: '' },
    { location: 'x'.repeat(200) },
    { location: '🏭'.repeat(200) },
    { location: null },
    { timestamp: timeOf(NOW + 60_000) },
  ];
  const refused = [
    { meter_id: '' },
    { meter_id: 'm'.repeat(51) },
    { meter_id: 'a b' },
    { meter_id: 'a/b' },
    { meter_id: 'mètre' },
    { meter_id: 7 },
    { meter_id: null },
    { energy_consumption: -0.000001 },
    { energy_consumption: 100_000.00001 },
    { energy_consumption: '5' },
    { energy_consumption: Number.NaN },
    { energy_consumption: JSON.parse('1e999') },
    { energy_consumption: true },
    { energy_consumption: null },
    { power_factor: -0.1 },
    { power_factor: 1.0001 },
    { power_factor: '1' },
    { location: 'x'.repeat(201) },
    { location: '🏭'.repeat(201) },
    { location: 'a\0b' },
    { location: '\uD83C' },
    { location: {} },
    { timestamp: timeOf(NOW + 60_001) },
    { timestamp: 1_700_000_000_000 },
    { timestamp: '2024-02-30T00:00:00Z' },
  ];
  for (const change of taken) assert.equal(takes({ ...sample, ...change }), true, JSON.stringify(change));
  for (const change of refused) assert.equal(takes({ ...sample, ...change }), false, JSON.stringify(change));
});

// Attack: in Python's words of this rule (E12) `$` also matches before a last newline, so "abc\n" was a valid meter.
test('D17 a meter id is the whole string', () => {
  for (const meter_id of ['abc\n', '\nabc', 'abc\r', 'abc\u2028', 'abc\0']) {
    assert.equal(takes({ ...sample, meter_id }), false, JSON.stringify(meter_id));
  }
});

test('D09 a time is at most a minute ahead of the clock, wherever the meter stands', () => {
  assert.equal(takes({ ...sample, timestamp: '2026-01-01T09:01:00+09:00' }), true);
  assert.equal(takes({ ...sample, timestamp: '2026-01-01T09:01:00.001+09:00' }), false);
  assert.equal(takes({ ...sample, timestamp: '2025-12-31T19:01:00.001-05:00' }), false);
});

// Attack: a field nobody checks travels along and is believed further down.
test('unknown fields are refused and named, also those that JavaScript treats in its own way', async () => {
  for (const name of ['tenant_id', '__proto__', 'constructor', 'toString', '']) {
    const value: unknown = JSON.parse(`${JSON.stringify(sample).slice(0, -1)},${JSON.stringify(name)}:{"admin":true}}`);
    assert.deepEqual(await flawsOf(value), [{ at: `body/${name}`, reason: 'is not a known field' }]);
  }
});

test('what is missing or no object is named by its place', async () => {
  const where = async (body: unknown) => JSON.stringify(await flawsOf(body));
  assert.match(await where({}), /"body\/meter_id".*"body\/timestamp".*"body\/energy_consumption"/);
  for (const body of [null, 'x', 5, true, undefined]) assert.match(await where(body), /"at":"body"/);
  assert.match(await where([sample, [sample]]), /"at":"body\/1"/);
  assert.match(await where([sample, sample, sample, { ...sample, meter_id: '' }]), /"at":"body\/3\/meter_id"/);
  assert.deepEqual(await flawsOf([]), [{ at: 'body', reason: 'must not be empty' }]);
});

test('an answer names 20 flaws at most', async () => {
  const flaws = await flawsOf(Array.from({ length: 9_000 }, () => ({})));
  assert.equal(Array.isArray(flaws) && flaws.length, 20);
});

test('other requests have their turn while 10,000 readings are checked', async () => {
  let turns = 0;
  let counting = true;
  const count = () => {
    turns += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const readings = await parseReadings(schema, series(10_000));
  counting = false;
  assert.equal(readings.length, 10_000);
  assert.ok(turns >= 15, `${turns} turns`);
});

const anyField = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    '',
    'abc',
    'abc\n',
    '5',
    0,
    -0,
    1,
    0.5,
    -1,
    100_000,
    100_001,
    Number.NaN,
    [],
    {},
    true,
  ),
  fc.string({ unit: 'binary', maxLength: 210 }),
  fc.double(),
  fc.date({ min: new Date(0), max: new Date(NOW + 120_000), noInvalidDate: true }).map((date) => date.toISOString()),
);

const goodReading = fc.record(
  {
    meter_id: fc.stringMatching(/^[A-Za-z0-9_-]{1,50}$/),
    timestamp: fc.constant(sample.timestamp),
    energy_consumption: fc.double({ min: 0, max: 100_000, noNaN: true }),
    power_factor: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    location: fc.option(fc.string({ maxLength: 20 })),
  },
  { requiredKeys: ['meter_id', 'timestamp', 'energy_consumption'] },
);

const change = fc.dictionary(fc.constantFrom(...Object.keys(sample), 'other'), anyField, { maxKeys: 2 });
const anyReading = fc.tuple(goodReading, change).map(([reading, changed]) => ({ ...reading, ...changed }));

test('the compiled schema answers as the plain one, for good readings and bad', () => {
  let good = 0;
  fc.assert(
    fc.property(fc.oneof(anyReading, anyField), (value) => {
      const compiled = schema.safeParse(value);
      const expected = plain.safeParse(value);
      if (compiled.success) good += 1;
      assert.deepEqual(compiled.data, expected.data);
      assert.deepEqual(compiled.error?.issues, expected.error?.issues);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(good > 200 && good < 1_800, `${good} good ones`);
});
