import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { rewrapContract } from './rewrap.contract.ts';
import { fields, inMemory, plant, withKit } from './rewrap-kit.contract.ts';
import { rewrapLeftContract } from './rewrap-left.contract.ts';
import { createPace } from './rewrap-pace.ts';
import { createWalkTime } from './rewrap-time.ts';
import { rewrapUrgentContract } from './rewrap-urgent.contract.ts';
import { createSealedStore } from './store-sealed.ts';

describe('rewrap on SQLite', () => {
  rewrapContract(inMemory);
  rewrapLeftContract(inMemory);
  rewrapUrgentContract(inMemory);
});

await serverSuite('PostgreSQL', startPostgres, (server) => {
  const make = async () => openPostgresStorage({ url: await server.createDatabase(), clock: systemClock });
  describe('rewrap on PostgreSQL', () => {
    rewrapContract(make);
    rewrapLeftContract(make);
    rewrapUrgentContract(make);
  });

  test('one of two processes walks', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 50);
      await kit.rotate();
      const lease = await kit.storage.lease('vault.rewrap', 'a neighbour', 60_000);
      assert.ok(lease !== undefined);
      await kit.rewrap.run({ urgent: true });
      assert.deepEqual(await kit.rewrap.status(), []);
      await kit.storage.release(lease);
      await kit.rewrap.run({ urgent: true });
      assert.equal((await kit.rewrap.status())[0]?.done, 50);
    }));
});

// Attack: a name in a table of columns ends up in SQL.
test('a column is walked by plain names, a key that has an order, and keys of its own alone', () => {
  const [field] = fields;
  assert.ok(field !== undefined);
  const refused: readonly Partial<SealedField>[] = [
    { table: 'note; drop table note' },
    { column: 'body"' },
    { key: { 'n = 1 or n': 'int' } },
    { key: {} },
    { key: { n: 'json' } },
    { under: { subject: "who'" } },
    { under: 'platform' },
    { indexes: [{ column: 'body index', of: () => undefined }] },
  ];
  for (const wrong of refused) assert.throws(() => createSealedStore({ ...field, ...wrong }), TypeError);
});

test('a walk that fails after whoever began it has gone is told all the same', async () => {
  const told: unknown[] = [];
  const step = Promise.withResolvers<void>();
  const time = createWalkTime(
    async () => {
      time.hurry(true);
      assert.equal(time.goOn(), true);
      await step.promise;
      throw new Error('away');
    },
    (error) => told.push(error),
  );
  await time.run(0);
  const joined = assert.rejects(time.run(Number.POSITIVE_INFINITY), /away/);
  step.resolve();
  await joined;
  assert.deepEqual(told, [], 'who joined has heard of it');
  await time.run(0);
  await time.stop();
  assert.deepEqual(told.map(String), ['Error: away']);
});

test('beside others fewer rows are taken, and it rests for longer than it works; not when it is urgent', async () => {
  let urgent = false;
  const pace = createPace({ mostRows: 2_000, urgent: () => urgent });
  for (let batch = 0; batch < 20; batch++) pace.spent(100, 2);
  assert.equal(Math.round(pace.rows() / 10), 20, 'rows of 0.02 ms that fit into 4 ms');
  for (let wait = 0; wait < 5; wait++) pace.waited(40);
  assert.equal(Math.round(pace.rows() / 10), 10);
  const before = performance.now();
  await pace.rest();
  assert.ok(performance.now() - before > 79, 'it has worked for 40 ms');
  urgent = true;
  assert.equal(Math.round(pace.rows() / 10), 40);
});
