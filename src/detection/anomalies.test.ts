import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { anomaliesContract } from './anomalies.contract.ts';
import { type AnomalyKit, day, hour, keyOf, minute, openKit, useOf } from './anomalies-kit.contract.ts';
import type { AnomalyConfig } from './anomaly-config.ts';
import { inMemory } from './blocks-kit.contract.ts';

anomaliesContract('SQLite', inMemory);

await serverSuite('PostgreSQL', startPostgres, (server) => {
  anomaliesContract('PostgreSQL', async () => {
    const storage = await openPostgresStorage({ url: await server.createDatabase(), clock: systemClock });
    return { storage, close: () => storage.close() };
  });
});

const on = (what: string, work: (kit: AnomalyKit) => Promise<void>, change: Partial<AnomalyConfig> = {}): void => {
  test(what, async () => {
    const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
    try {
      const kit = await openKit(storage, change);
      await work(kit);
      assert.deepEqual(kit.errors, []);
    } finally {
      await storage.close();
    }
  });
};

const key = keyOf('dashboard');

/** A key that asks once a minute, with what each answer weighs at an hour. */
async function learn({ anomalies, clock }: AnomalyKit, days: number, bytesAt: (hour: number) => number): Promise<void> {
  anomalies.note(useOf(key));
  await anomalies.sweep();
  for (let at = 0; at < days * day; at += 5 * minute) {
    anomalies.note(useOf(key, { bytes: bytesAt((at / hour) % 24) }));
    clock.advance(5 * minute);
  }
  await anomalies.sweep();
}

on('nothing is unusual while it is learned', async (kit) => {
  await learn(kit, 6, () => 1_000);
  for (let n = 0; n < 10_000; n++) kit.anomalies.note(useOf(key, { bytes: 1_000_000, records: 1_000 }));
  await kit.anomalies.sweep();
  assert.deepEqual(kit.events, []);
});

on('five requests where one was usual are not unusual', async (kit) => {
  await learn(kit, 8, () => 1_000);
  for (let n = 0; n < 50; n++) kit.anomalies.note(useOf(key));
  await kit.anomalies.sweep();
  assert.deepEqual(kit.events, []);
});

// Attack: a key in a loop.
on('a flood of one principal is told within the minute, with its explanation', async (kit) => {
  await learn(kit, 8, () => 1_000);
  for (let n = 0; n < 61; n++) kit.anomalies.note(useOf(key));
  await kit.anomalies.sweep();
  assert.equal(kit.events[0]?.data.kind, 'rate');
  const { explanation = '' } = kit.events[0]?.data ?? {};
  const usual = 'where about 1 is usual since 2026-11-21 and up to 60 would not have been told.';
  assert.equal(explanation, `61 requests within a minute, ${usual}`);
});

on('an export that comes every night is learned', async (kit) => {
  const bytesAt = (at: number): number => (Math.floor(at) === 2 ? 2_000_000 : 1_000);
  await learn(kit, 8, bytesAt);
  assert.deepEqual(kit.events, []);
  await learn(kit, 30, bytesAt);
  assert.deepEqual(kit.events, []);
});

// Attack: a key is carried off and used from elsewhere.
on('a key from a country that it never came from is told once, and its places by name', async (kit) => {
  await learn(kit, 8, () => 1_000);
  kit.clock.advance(day);
  for (let n = 0; n < 5; n++) {
    kit.anomalies.note(useOf(key, { address: '198.51.100.7' }));
    await kit.anomalies.sweep();
    kit.anomalies.note(useOf(key));
    await kit.anomalies.sweep();
    kit.clock.advance(hour);
  }
  assert.equal(kit.events.length, 1);
  assert.equal(kit.events[0]?.data.kind, 'place');
  assert.match(kit.events[0]?.data.explanation ?? '', /from Berlin to Recife, at least 8,064 km/);
});

on('uses that come while a place is being asked for are not taken for the place before', async (kit) => {
  await learn(kit, 8, () => 1_000);
  kit.clock.advance(10 * hour); // enough for the way to Munich
  for (let n = 0; n < 5; n++) kit.anomalies.note(useOf(key, { address: '198.51.100.8' }));
  await kit.anomalies.sweep();
  assert.deepEqual(kit.events, []);
});

// Attack: more addresses than there is room for, each used once.
on(
  'addresses without number push nobody else out, and are bounded',
  async (kit) => {
    await learn(kit, 8, () => 1_000);
    for (let n = 0; n < 20_000; n++)
      kit.anomalies.note(useOf(anonymous, { address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, status: 404 }));
    await kit.anomalies.sweep();
    assert.equal((await kit.anomalies.baseline('api-key:dashboard'))?.learning, false);
    assert.equal(await kit.anomalies.baseline('address:10.0.0.1'), undefined);
    assert.ok(await kit.anomalies.baseline('address:10.0.78.31'));
  },
  { maxPrincipals: 100 },
);

on(
  'a switched-off watch neither learns nor tells',
  async (kit) => {
    await learn(kit, 8, () => 1_000);
    for (let n = 0; n < 1_000; n++) kit.anomalies.note(useOf(key, { bytes: 1_000_000 }));
    await kit.anomalies.sweep();
    assert.deepEqual(kit.events, []);
    assert.equal(await kit.anomalies.baseline('api-key:dashboard'), undefined);
  },
  { enabled: false },
);

// Attack: the database is away while a theft goes on.
test('an anomaly that could not be stored is stored and told when the database is back', async () => {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  let isAway = false;
  const write: typeof storage.write = (scope, work) =>
    isAway ? Promise.reject(new Error('away')) : storage.write(scope, work);
  const kit = await openKit({ ...storage, write });
  await learn(kit, 8, () => 1_000);
  isAway = true;
  for (let n = 0; n < 100; n++) kit.anomalies.note(useOf(key));
  await kit.anomalies.sweep();
  assert.deepEqual(kit.events, []);
  isAway = false;
  await kit.anomalies.sweep();
  assert.equal(kit.events.length, 1);
  assert.ok(kit.errors.length > 0);
  await storage.close();
});
