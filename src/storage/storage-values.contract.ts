import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inTenant, type Json, platform, type RowOf } from '../kernel/tx.ts';
import { isStorableText } from './statement.ts';
import { expectFault, type MakeStorage, north, readings, samples, seats, withStorage } from './storage-kit.contract.ts';

type Sample = RowOf<typeof samples.get.returns>;

const nothing = {
  maybe_text: null,
  maybe_int: null,
  maybe_real: null,
  maybe_bool: null,
  maybe_json: null,
  maybe_bytes: null,
};

const plain = (id: string): Sample => ({
  id,
  a_text: 'text',
  an_int: 1,
  a_real: 1.5,
  a_bool: true,
  a_json: {},
  some_bytes: Buffer.of(1),
  ...nothing,
});

const extremes: readonly Partial<Sample>[] = [
  { an_int: Number.MAX_SAFE_INTEGER, a_real: Number.MAX_VALUE, a_text: '' },
  { an_int: Number.MIN_SAFE_INTEGER, a_real: Number.MIN_VALUE, a_text: ' ', some_bytes: new Uint8Array() },
  { an_int: -0, a_real: -0, a_bool: false, a_json: false },
  { a_real: 1e308, a_json: [[], {}, { a: [null, true, -1.5e-7, 'x', { '': { '\u0000': '\ud800' } }] }] },
  { a_real: 16_777_217.5, a_text: '👩‍🚀 ÿ \u{10ffff} e\u0301', a_json: '🛰️' },
  { a_real: 0.1 + 0.2, a_text: `it's "quoted", {braced}\\, NULL\n\t$1 :id`, a_json: 'null' },
  { a_text: 'null', maybe_text: 'null', maybe_json: 'null', maybe_bool: false, maybe_int: 0, maybe_real: 0 },
  { maybe_text: '', maybe_json: {}, maybe_bytes: new Uint8Array(), some_bytes: Buffer.alloc(70_000, 0xfe) },
  { some_bytes: Buffer.from('xx\0\\x00\u007f').subarray(2), maybe_bytes: Buffer.from('"\\{},') },
];

const text = fc.oneof(
  fc.string({ unit: 'binary' }).filter(isStorableText),
  fc.constantFrom('', 'NULL', 'null', '\\', '"', '{}', ',', '\\x00', "'", '\\"', ' padded '),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const real = fc.double({ noNaN: true, noDefaultInfinity: true });
const anyJson = fc.jsonValue({ maxDepth: 3 }).filter((value) => value !== null);
const json = anyJson as fc.Arbitrary<Json>; // its own type says unknown for what is JSON
const maybe = <T>(from: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(from);

const row = fc.record({
  a_text: text,
  an_int: fc.maxSafeInteger(),
  a_real: real,
  a_bool: fc.boolean(),
  a_json: json,
  some_bytes: bytes,
  maybe_text: maybe(text),
  maybe_int: maybe(fc.maxSafeInteger()),
  maybe_real: maybe(real),
  maybe_bool: maybe(fc.boolean()),
  maybe_json: maybe(json),
  maybe_bytes: maybe(bytes),
});

/** What the contract says comes back: -0 is 0, JSON is what JSON keeps; the class of bytes is the driver's matter. */
function expected(sample: Sample): Sample {
  const kept = (value: Json | Uint8Array, name: string): Json | Uint8Array => {
    if (value instanceof Uint8Array) return Buffer.from(value);
    if (name.endsWith('json')) return JSON.parse(JSON.stringify(value));
    return typeof value === 'number' ? value + 0 : value;
  };
  const entries = Object.entries(sample).map(([name, value]) => [name, kept(value, name)]);
  return Object.fromEntries(entries) as Sample; // each member stays what it was
}

export function valuesContract(make: MakeStorage): void {
  test('the extremes of each column type come back as they were', () =>
    withStorage(make, async ({ storage }) => {
      const alone = extremes.map((change, index): Sample => ({ ...plain(`alone ${index}`), ...change }));
      const among = extremes.map((change, index): Sample => ({ ...plain(`among ${index}`), ...change }));
      await storage.write(platform, async (tx) => {
        for (const sample of alone) await tx.run(samples.put, sample);
        assert.deepEqual(await tx.insert(samples.putMany, among), []);
      });
      for (const sample of [...alone, ...among]) {
        const found = await storage.read(platform, (tx) => tx.one(samples.get, { id: sample.id }));
        assert.deepEqual(found && expected(found), expected(sample));
        assert.ok(!Object.is(found?.a_real, -0) && !Object.is(found?.an_int, -0));
      }
    }));

  test('any row comes back as it was, put alone or among others', () =>
    withStorage(make, async ({ storage }) => {
      let count = 0;
      const property = fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (rows) => {
        const all = rows.map((columns): Sample => ({ id: `row ${count++}`, ...columns }));
        const [first, ...others] = all;
        const found = await storage.write(platform, async (tx) => {
          if (first !== undefined) await tx.run(samples.put, first);
          await tx.insert(samples.putMany, others);
          return Promise.all(all.map(({ id }) => tx.one(samples.get, { id })));
        });
        assert.deepEqual(
          found.map((sample) => sample && expected(sample)),
          all.map(expected),
        );
      });
      await fc.assert(property, { numRuns: 60 });
    }));

  test('a text that one of the databases would change is refused before it gets there', () =>
    withStorage(make, async ({ storage }) => {
      for (const bad of ['\0', 'a\0b', '\ud800', 'x\udc00', '\ud83d\ud83d\ude00']) {
        const put = { ...plain('bad'), a_text: bad };
        await expectFault(
          'STORAGE_TEXT_REFUSED',
          storage.write(platform, (tx) => tx.run(samples.put, put)),
        );
        await expectFault(
          'STORAGE_TEXT_REFUSED',
          storage.write(platform, (tx) => tx.insert(samples.putMany, [put])),
        );
        await expectFault(
          'STORAGE_TEXT_REFUSED',
          storage.read(platform, (tx) => tx.one(samples.get, { id: bad })),
        );
      }
      assert.equal(await storage.read(platform, (tx) => tx.one(samples.get, { id: 'bad' })), undefined);
    }));

  test('a number that could not come back exactly is refused', () =>
    withStorage(make, async ({ storage }) => {
      for (const bad of [2 ** 53, -(2 ** 53), 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        const put = { ...plain('bad'), an_int: bad };
        await expectFault(
          'STORAGE_NUMBER_REFUSED',
          storage.write(platform, (tx) => tx.run(samples.put, put)),
        );
        await expectFault(
          'STORAGE_NUMBER_REFUSED',
          storage.write(platform, (tx) => tx.insert(samples.putMany, [put])),
        );
      }
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const put = { ...plain('bad'), a_real: bad };
        await expectFault(
          'STORAGE_NUMBER_REFUSED',
          storage.write(platform, (tx) => tx.run(samples.put, put)),
        );
      }
    }));

  test('a null is refused where the column admits none, also as JSON', () =>
    withStorage(make, async ({ storage }) => {
      const put = { ...plain('bad'), a_json: null };
      await assert.rejects(
        storage.write(platform, (tx) => tx.run(samples.put, put)),
        TypeError,
      );
      await assert.rejects(
        storage.write(platform, (tx) => tx.insert(samples.putMany, [put])),
        TypeError,
      );
    }));

  test('a count is a number', () =>
    withStorage(make, async ({ storage }) => {
      const counted = await storage.read(platform, (tx) => tx.one(seats.count, { person: 'nobody' }));
      assert.deepEqual(counted, { seats: 0 });
    }));

  test('text is ordered by its bytes', () =>
    withStorage(make, async ({ storage }) => {
      const names = fc.sample(text, { numRuns: 300, seed: 7 }).concat('a', 'B', 'Z', 'z', 'é', 'e\u0301', 'ﬀ', '😀');
      const meters = [...new Set(names)];
      const rows = meters.map((meter) => ({ meter, at: 0, value: 0 }));
      await storage.write(inTenant(north), (tx) => tx.insert(readings.put, rows));
      const found = await storage.read(inTenant(north), (tx) => tx.all(readings.all, {}));
      const byBytes = meters.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(
        found.map(({ meter }) => meter),
        byBytes,
      );
    }));
}
