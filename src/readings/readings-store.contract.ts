import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, test } from 'node:test';
import { inTenant } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import {
  expectFault,
  type MakeStorage,
  north,
  readAll,
  sample,
  sampleItem,
  series,
  south,
  withKit,
} from './readings-kit.contract.ts';

const selectSealed = statement({
  reach: 'tenant',
  sql: 'select meter_id, location from reading where tenant_id = :tenant_id order by meter_id, at',
  returns: { meter_id: 'text', location: 'text?' },
});

const moveSealed = statement({
  reach: 'tenant',
  sql: `update reading set location = (select other.location from reading as other
    where other.tenant_id = :tenant_id and other.meter_id = :source) where tenant_id = :tenant_id and meter_id = :target`,
  params: { source: 'text', target: 'text' },
});

/** How readings are stored, on any database. */
export function storeContract(make: MakeStorage): void {
  describe('storing', () => {
    storingTests(make);
    conflictTests(make);
    auditTests(make);
  });
}

function storingTests(make: MakeStorage): void {
  test('a reading comes back as it was sent, its time in UTC', () =>
    withKit(make, async ({ readings, send }) => {
      assert.deepEqual(await send(north, sample), { stored: 1, repeated: 0 });
      assert.deepEqual(await readAll(readings, north), [sampleItem]);
    }));

  test('what a reading leaves out comes back as null, and -0 as 0', () =>
    withKit(make, async ({ readings, send }) => {
      await send(north, { meter_id: 'm', timestamp: '2020-01-01T00:00:00Z', energy_consumption: -0 });
      const [item] = await readAll(readings, north);
      assert.deepEqual(item, {
        meter_id: 'm',
        timestamp: '2020-01-01T00:00:00.000Z',
        energy_consumption: 0,
        power_factor: null,
        location: null,
      });
    }));

  test('the same reading twice is one reading', () =>
    withKit(make, async ({ readings, send }) => {
      await send(north, sample);
      assert.deepEqual(await send(north, { ...sample, timestamp: '2017-12-31T15:15:00Z' }), { stored: 0, repeated: 1 });
      assert.deepEqual(await send(north, [sample, { ...sample, meter_id: 'B' }, sample]), { stored: 1, repeated: 2 });
      assert.equal((await readAll(readings, north)).length, 2);
    }));

  test('repeated readings are told apart from new ones among thousands, dense or sparse', () =>
    withKit(make, async ({ send }) => {
      const all = series(3_000);
      await send(north, all);
      const sparse = all.filter((_, index) => index % 30 === 0);
      assert.deepEqual(await send(north, sparse), { stored: 0, repeated: 100 });
      assert.deepEqual(await send(north, series(3_500)), { stored: 500, repeated: 3_000 });
    }));

  // Attack: one tenant reads, overwrites or deletes the readings of another by naming its meter.
  test('tenants with the same meter know nothing of each other', () =>
    withKit(make, async ({ readings, send }) => {
      await send(north, sample);
      assert.deepEqual(await send(south, { ...sample, energy_consumption: 9 }), { stored: 1, repeated: 0 });
      assert.deepEqual(await readAll(readings, north), [sampleItem]);
      assert.equal(await readings.removeMeter(south, 'STEEL-01'), 1);
      assert.deepEqual(await readAll(readings, north), [sampleItem]);
      await expectFault('READING_UNKNOWN_METER', readings.removeMeter(south, 'STEEL-01'));
    }));

  // Attack: somebody who can read the database file learns where the meters stand.
  test('a location is sealed in the database', () =>
    withKit(make, async ({ storage, send }) => {
      await send(north, [sample, { ...sample, meter_id: 'B' }]);
      const rows = await storage.read(inTenant(north.tenantId), (tx) => tx.all(selectSealed, {}));
      for (const { location } of rows) assert.match(location ?? '', /^tk1\.v_\d{8}_\d{6}_[0-9a-f]{4}\.[A-Za-z0-9_-]+$/);
      assert.notEqual(rows[0]?.location, rows[1]?.location);
    }));

  // Attack: somebody who can write the database file moves a sealed location to another meter.
  test('a location that was moved to another reading is a fault that names the reading', () =>
    withKit(make, async ({ readings, storage, send }) => {
      await send(north, [
        { ...sample, meter_id: 'A' },
        { ...sample, meter_id: 'B' },
      ]);
      await storage.write(inTenant(north.tenantId), (tx) => tx.run(moveSealed, { source: 'A', target: 'B' }));
      const facts = { meter_id: 'B', timestamp: sampleItem.timestamp };
      assert.deepEqual(await expectFault('READING_UNREADABLE', readAll(readings, north)), facts);
      assert.deepEqual(await expectFault('READING_UNREADABLE', send(north, { ...sample, meter_id: 'B' })), facts);
    }));

  test('more than 10,000 readings are refused, and 10,000 are not', () =>
    withKit(make, async ({ readings, send }) => {
      const facts = { count: 10_001, max: 10_000 };
      assert.deepEqual(await expectFault('READING_TOO_MANY', send(north, series(10_001))), facts);
      const parsed = await readings.parse(series(10_000));
      assert.deepEqual(
        await expectFault('READING_TOO_MANY', readings.store(north, [...parsed, ...parsed.slice(0, 1)])),
        facts,
      );
      assert.deepEqual(await readings.store(north, parsed), { stored: 10_000, repeated: 0 });
    }));
}

function conflictTests(make: MakeStorage): void {
  const stored = { energy_consumption: 3.17, power_factor: 0.7321 };
  const place = { meter_id: 'STEEL-01', timestamp: sampleItem.timestamp };

  test('another value for a stored reading is a conflict that names both, and stores nothing', () =>
    withKit(make, async ({ readings, entries, send }) => {
      await send(north, sample);
      const call = [...series(700), { ...sample, energy_consumption: 4 }, { ...sample, meter_id: 'B' }];
      const facts = await expectFault('READING_CONFLICT', send(north, call));
      assert.deepEqual(facts, { ...place, stored, offered: { ...stored, energy_consumption: 4 } });
      assert.deepEqual(await readAll(readings, north), [sampleItem]);
      assert.equal(entries.length, 1);
    }));

  test('locations are named only where they differ', () =>
    withKit(make, async ({ send }) => {
      await send(north, sample);
      assert.deepEqual(await expectFault('READING_CONFLICT', send(north, { ...sample, location: 'Pohang' })), {
        ...place,
        stored: { ...stored, location: 'Gwangyang, KR' },
        offered: { ...stored, location: 'Pohang' },
      });
      const { location, power_factor, ...bare } = sample;
      assert.deepEqual(await expectFault('READING_CONFLICT', send(north, { ...bare, location })), {
        ...place,
        stored,
        offered: { ...stored, power_factor: null },
      });
      assert.deepEqual(await expectFault('READING_CONFLICT', send(north, { ...bare, power_factor })), {
        ...place,
        stored: { ...stored, location: 'Gwangyang, KR' },
        offered: { ...stored, location: null },
      });
    }));

  test('two values for one meter and time in the same call are a conflict', () =>
    withKit(make, async ({ readings, send }) => {
      const facts = await expectFault('READING_CONFLICT', send(north, [sample, { ...sample, power_factor: 1 }]));
      assert.deepEqual(facts, { ...place, stored, offered: { ...stored, power_factor: 1 } });
      assert.deepEqual(await readAll(readings, north), []);
    }));

  test('of 16 different values offered at once one is stored and 15 are conflicts', () =>
    withKit(make, async ({ readings, entries, send }) => {
      const offers = Array.from({ length: 16 }, (_, index) => send(north, { ...sample, energy_consumption: index }));
      const outcomes = await Promise.allSettled(offers.map((offer, index) => offer.then(() => index)));
      const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      assert.equal(won.length, 1);
      for (const offer of offers.filter((_, index) => index !== won[0])) await expectFault('READING_CONFLICT', offer);
      assert.deepEqual(await readAll(readings, north), [{ ...sampleItem, energy_consumption: won[0] }]);
      assert.equal(entries.length, 1);
    }));

  test('one value offered 16 times at once is stored once and repeated 15 times', () =>
    withKit(make, async ({ send }) => {
      const counts = await Promise.all(Array.from({ length: 16 }, () => send(north, sample)));
      assert.equal(counts.filter(({ stored }) => stored === 1).length, 1);
      assert.equal(counts.filter(({ repeated }) => repeated === 1).length, 15);
    }));
}

function auditTests(make: MakeStorage): void {
  test('a batch has one entry whose digest proves what it held', () =>
    withKit(make, async ({ entries, send }) => {
      await send(north, sample);
      await send(north, [{ ...sample, meter_id: 'B', power_factor: null }, sample]);
      const lines = 'B,1514733300000,3.17,\nSTEEL-01,1514733300000,3.17,0.7321\n';
      assert.deepEqual(entries[1], {
        action: 'readings.stored',
        outcome: 'done',
        principal: north.principal,
        tenantId: north.tenantId,
        requestId: north.requestId,
        object: undefined,
        facts: {
          count: 2,
          stored: 1,
          repeated: 1,
          meters: 2,
          first_at: sampleItem.timestamp,
          last_at: sampleItem.timestamp,
          digest: hash('sha256', lines, 'base64url'),
        },
      });
      assert.deepEqual(entries[0]?.object, { type: 'meter', id: 'STEEL-01' });
    }));

  test('a deletion says how many, in its answer and its entry', () =>
    withKit(make, async ({ readings, entries, send }) => {
      await send(north, [...series(3, 'A'), ...series(2, 'B')]);
      assert.equal(await readings.removeMeter(north, 'A'), 3);
      assert.equal((await readAll(readings, north)).length, 2);
      assert.deepEqual(entries[1], {
        action: 'readings.deleted',
        outcome: 'done',
        principal: north.principal,
        tenantId: north.tenantId,
        requestId: north.requestId,
        object: { type: 'meter', id: 'A' },
        facts: { count: 3 },
      });
    }));

  test('what cannot be recorded does not happen', () =>
    withKit(make, async (kit) => {
      await kit.send(north, sample);
      const full = new Error('the log is full');
      const readings = kit.with({}, { record: () => Promise.reject(full) });
      const others = await readings.parse(series(2));
      await assert.rejects(readings.store(north, others), full);
      await assert.rejects(readings.removeMeter(north, 'STEEL-01'), full);
      assert.deepEqual(await readAll(kit.readings, north), [sampleItem]);
    }));
}
