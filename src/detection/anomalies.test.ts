import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, insertion, openPostgresStorage } from '../storage/index.ts';
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

const insertOld = insertion({
  reach: 'platform',
  table: 'anomaly_baseline',
  columns: { principal: 'text', kind: 'text', first_at: 'int', seen_at: 'int', learned: 'json' },
});

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

// Attack: a key is drained at night, at no more than what its plant does by day.
on('a night burst is told though days are fifty times as busy, and a morning an hour early is not', async (kit) => {
  const { anomalies, clock } = kit;
  const monday = 2 * day; // kits begin on a Saturday, at noon
  const isBusy = (first: number): boolean => {
    const [hourOfDay, weekday] = [(clock.now() % day) / hour, Math.floor((clock.now() - monday + day / 2) / day) % 7];
    return hourOfDay >= first && hourOfDay < first + 12 && weekday < 5;
  };
  const uses = (count: number): void => {
    for (let n = 0; n < count; n++) anomalies.note(useOf(key, { bytes: 20_000, records: 20 }));
    clock.advance(10 * minute);
  };
  anomalies.note(useOf(key));
  await anomalies.sweep();
  for (let at = 0; at < 16 * 144; at++) uses(isBusy(5) ? 100 : 2);
  for (let at = 0; at < 2 * 144 + 78; at++) uses(isBusy(4) ? 100 : 2); // clocks were put forward; it is one at night now
  await anomalies.sweep();
  assert.equal(kit.told.length, 0, 'mornings, weekends and another clock are no anomaly');
  uses(100);
  assert.deepEqual([kit.told[0]?.kind, kit.told[0]?.evidence['expected']], ['rate', 2]);
  for (let at = 0; at < 5; at++) uses(100);
  assert.ok(kit.told.some(({ kind }) => kind === 'volume'));
});

test('what was learned by quarters of the day, before there were hours, is not lost', async () => {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  const kit = await openKit(storage);
  const [weight, bytes] = [2 ** ((kit.clock.now() - Date.UTC(2026, 0, 1)) / (14 * day)) * 40, Math.log2(8_193)];
  const sums = [weight, weight * bytes, weight * bytes * bytes, bytes, 1e9];
  const none = [0, 0, 0, -1e9, 1e9];
  const byQuarters = {
    requests: [none],
    errors: [none],
    bytes: [sums, sums, sums, sums],
    records: [none, none, none, none],
  };
  const learned = { ...byQuarters, spots: [] };
  const times = { first_at: kit.clock.now() - 30 * day, seen_at: kit.clock.now() };
  await storage.write(platform, (tx) =>
    tx.insert(insertOld, [{ principal: 'api-key:dashboard', kind: 'api-key', ...times, learned }]),
  );
  const view = await (await kit.again()).baseline('api-key:dashboard');
  assert.equal(view?.measures.find(({ measure }) => measure === 'bytes')?.expected, 8_192);
  await storage.close();
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

// Attack: a thousand addresses fail loudly first, so that the theft behind them is one too many to be told.
on('a flood of unusual addresses leaves people and keys theirs, and each of it is told once', async (kit) => {
  const { anomalies, clock, events, told } = kit;
  const fail = (n: number): void => {
    const use = useOf(anonymous, { address: `10.0.${n >> 8}.${n & 255}`, status: 401 });
    for (let each = 0; each < 25; each++) anomalies.note(use);
  };
  anomalies.note(useOf(anonymous));
  await learn(kit, 8, () => 1_000);
  for (let at = 0; at < 100; at++) {
    anomalies.note(useOf(anonymous)); // what is usual for addresses
    clock.advance(5 * minute);
  }
  await anomalies.sweep();
  for (let n = 0; n < 1_100; n++) fail(n);
  await anomalies.sweep();
  clock.advance(minute);
  for (let n = 0; n < 1_100; n++) fail(n);
  await anomalies.sweep();
  const first = told.length;
  assert.deepEqual([events.length, first], [1_000, 1_100], 'a thousand are written, the others told to suspicion');
  clock.advance(minute);
  for (let n = 0; n < 1_100; n++) fail(n);
  assert.equal(told.length, first, 'nobody begins again');
  anomalies.note(useOf(key, { bytes: 5_000_000_000 }));
  await anomalies.sweep();
  assert.deepEqual([events.at(-1)?.data.kind, events.at(-1)?.data.principal], ['volume', 'api-key:dashboard']);
});

const shareOf = async ({ anomalies }: AnomalyKit, principal: string): Promise<number> =>
  (await anomalies.baseline(principal))?.measures.find(({ measure }) => measure === 'errors')?.limit ?? Number.NaN;

// Attack: a stolen key guesses just below what is told, for hours, so that a burst of failures look usual.
on('failures below what is told teach a key little more than none', async (kit) => {
  await learn(kit, 30, () => 1_000);
  const before = await shareOf(kit, 'api-key:dashboard');
  const fail = (count: number): void => {
    for (let n = 0; n < count; n++) kit.anomalies.note(useOf(key, { status: 403 }));
    kit.clock.advance(minute);
  };
  for (let at = 0; at < 8 * 60; at++) fail(19);
  const after = await shareOf(kit, 'api-key:dashboard');
  assert.ok(before < 30 && after <= before + 2, `${before} %, then ${after} %`);
  fail(59);
  await kit.anomalies.sweep();
  assert.equal(kit.events[0]?.data.kind, 'errors');
});

// Attack: many addresses teach us that addresses fail, so that the scanner who is not known yet looks like them.
on('addresses that fail together teach little of what is usual for addresses', async (kit) => {
  const { anomalies, clock, events } = kit;
  const use = (address: string, status: number, count: number): void => {
    for (let n = 0; n < count; n++) anomalies.note(useOf(anonymous, { address, status }));
  };
  for (let at = 0; at < 14 * day; at += 15 * minute) {
    for (let n = 0; n < 3; n++) use(`203.0.113.${n}`, 200, 1);
    if (at % (6 * hour) === 0) await anomalies.sweep();
    clock.advance(15 * minute);
  }
  const before = await shareOf(kit, 'peers:address');
  for (let at = 0; at < 60; at++) {
    for (let n = 0; n < 100; n++) use(`10.0.0.${n}`, 401, 19);
    clock.advance(minute);
  }
  await anomalies.sweep();
  const after = await shareOf(kit, 'peers:address');
  assert.ok(before < 30 && after <= before + 2, `${before} %, then ${after} %`);
  use('198.51.100.9', 401, 59);
  await anomalies.sweep();
  assert.match(events.at(-1)?.data.explanation ?? '', /20 of 20 .* usual for others of its kind and up to 2\d %/);
});

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
