import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellMany } from '../../src/sessions/refresh-model.contract.ts';
import { createSqliteStorage, openPostgresStorage } from '../../src/storage/index.ts';
import { createTestClock, serverSuite, startPostgres } from '../../src/testing/index.ts';

const SHARES = 19;
const PER_SHARE = 5_000;
const ON_POSTGRES = 5_000;

// Attack: a thief copies refresh tokens at any moment, with the device secret or without it, and uses them in between.
test('in 95,000 histories no honest client is logged out, and no theft goes on behind the fork', async (t) => {
  for (let share = 1; share <= SHARES; share++) {
    const clock = createTestClock();
    const storage = createSqliteStorage({ file: ':memory:', clock }); // a new one each: a million rows are no history
    const tally = await tellMany(storage, clock, PER_SHARE);
    await storage.close();
    t.diagnostic(`${share * PER_SHARE}: ${JSON.stringify(tally)}`);
  }
});

await serverSuite('refresh histories on PostgreSQL, many', startPostgres, (server) => {
  test('nor in 5,000 there', async (t) => {
    const clock = createTestClock();
    const url = await server.createDatabase();
    const storage = await openPostgresStorage({ url, clock, onError: (error) => assert.fail(String(error)) });
    try {
      t.diagnostic(JSON.stringify(await tellMany(storage, clock, ON_POSTGRES)));
    } finally {
      await storage.close();
    }
  });
});
