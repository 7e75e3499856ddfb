import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ReadingQuery } from './page.ts';
import type { Readings } from './readings.ts';
import { expectFault, type MakeStorage, north, readAll, series, south, withKit } from './readings-kit.contract.ts';

const HOUR = 3_600_000;
const first = Date.UTC(2020, 0, 1);

/** How readings are listed, on any database. */
export function listContract(make: MakeStorage): void {
  describe('listing', () => {
    pageTests(make);
    filterTests(make);
    cursorTests(make);
  });
}

const keysOf = async (readings: Readings, query: ReadingQuery) =>
  (await readings.list(north.tenantId, query)).items.map((item) => `${item.meter_id} ${item.timestamp.slice(11, 16)}`);

function pageTests(make: MakeStorage): void {
  test('pages of any size give every reading once, in the order of meter and time', () =>
    withKit(make, async ({ readings, send }) => {
      const meters = ['Z', 'a', 'M-1', 'M_1', '0', 'M'];
      await send(
        north,
        meters.flatMap((meter, index) => series(7 * index + 1, meter)),
      );
      const whole = await readAll(readings, north);
      const expected = [...meters].sort().flatMap((meter) => series(7 * meters.indexOf(meter) + 1, meter));
      assert.deepEqual(
        whole.map(({ meter_id, energy_consumption }) => ({ meter_id, energy_consumption })),
        expected.map(({ meter_id, energy_consumption }) => ({ meter_id, energy_consumption })),
      );
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 130 }), async (limit) => {
          assert.deepEqual(await readAll(readings, north, limit), whole);
        }),
        { numRuns: 20 },
      );
    }));

  test('a page of 10,000 with locations is whole', () =>
    withKit(make, async ({ readings, send }) => {
      await send(
        north,
        series(10_000).map((reading) => ({ ...reading, location: `hall ${reading.energy_consumption}` })),
      );
      await send(north, series(3, 'N'));
      const page = await readings.list(north.tenantId, { limit: 10_000 });
      assert.equal(page.items.length, 10_000);
      assert.equal(page.items.at(-1)?.location, 'hall 9999');
      const rest = await readings.list(north.tenantId, { limit: 10_000, cursor: page.next_cursor ?? '' });
      assert.deepEqual([rest.items.length, rest.next_cursor], [3, null]);
    }));

  test('the last page says so, also when it is full or empty', () =>
    withKit(make, async ({ readings, send }) => {
      assert.deepEqual(await readings.list(north.tenantId, { limit: 5 }), { items: [], next_cursor: null });
      await send(north, series(5));
      assert.equal((await readings.list(north.tenantId, { limit: 5 })).next_cursor, null);
      assert.notEqual((await readings.list(north.tenantId, { limit: 4 })).next_cursor, null);
    }));
}

function filterTests(make: MakeStorage): void {
  test('both ends of the time are within, for one meter and for all', () =>
    withKit(make, async ({ readings, send }) => {
      await send(north, [...series(9, 'A'), ...series(9, 'B')]);
      const span = { from: first + HOUR, to: first + HOUR + 1_800_000, limit: 100 };
      assert.deepEqual(await keysOf(readings, { meter_id: 'A', ...span }), ['A 01:00', 'A 01:15', 'A 01:30']);
      assert.deepEqual(await keysOf(readings, span), [
        'A 01:00',
        'A 01:15',
        'A 01:30',
        'B 01:00',
        'B 01:15',
        'B 01:30',
      ]);
      assert.deepEqual(await keysOf(readings, { meter_id: 'B', from: first + 2 * HOUR, limit: 100 }), ['B 02:00']);
      assert.deepEqual(await keysOf(readings, { to: first, limit: 100 }), ['A 00:00', 'B 00:00']);
      assert.deepEqual(await keysOf(readings, { from: span.to, to: span.from, limit: 100 }), []);
      assert.deepEqual(await keysOf(readings, { meter_id: 'C', limit: 100 }), []);
    }));

  test('an hour among hundreds of meters is found page by page', () =>
    withKit(make, async ({ readings, send }) => {
      const meters = Array.from({ length: 450 }, (_, index) => `M${String(index).padStart(3, '0')}`);
      await send(
        north,
        meters.flatMap((meter, index) => series(2, meter, index % 300 === 299 ? first : first - HOUR)),
      );
      const query = { from: first, limit: 1 };
      const one = await readings.list(north.tenantId, query);
      assert.deepEqual(
        one.items.map((item) => item.meter_id),
        ['M299'],
      );
      const two = await readings.list(north.tenantId, { ...query, cursor: one.next_cursor ?? '' });
      assert.deepEqual(
        two.items.map((item) => item.energy_consumption),
        [1],
      );
      assert.equal(two.next_cursor, null);
    }));
}

function cursorTests(make: MakeStorage): void {
  test('a cursor is of use for its own query and tenant alone', () =>
    withKit(make, async ({ readings, send }) => {
      await send(north, series(5));
      const query = { meter_id: 'M', from: first, limit: 2 };
      const cursor = (await readings.list(north.tenantId, query)).next_cursor ?? '';
      assert.equal((await readings.list(north.tenantId, { ...query, cursor, limit: 3 })).items.length, 3);
      const { meter_id: _, ...allMeters } = query;
      for (const other of [
        allMeters,
        { ...query, from: first + 1 },
        { ...query, to: first },
        { ...query, meter_id: 'N' },
      ]) {
        await expectFault('READING_CURSOR', readings.list(north.tenantId, { ...other, cursor }));
      }
      await expectFault('READING_CURSOR', readings.list(south.tenantId, { ...query, cursor }));
    }));
}
