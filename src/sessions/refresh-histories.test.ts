import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres } from '../testing/index.ts';
import { tellMany } from './refresh-model.contract.ts';

/** `npm run soak` tells 100,000: test/faults/refresh-model.soak.ts. */
const RUNS = 1_500;
const RUNS_POSTGRES = 40;

// Attack: a thief copies refresh tokens at any moment, with the device secret or without it, and uses them in between.
test('in no history is an honest client logged out, and in none does a theft go on behind the fork', async (t) => {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  t.after(storage.close);
  const tally = await tellMany(storage, clock, RUNS);
  t.diagnostic(JSON.stringify(tally));
  const { histories: told, caught, thefts, lostTwice, crashes, stepsBack, sharedBrowsers, crowdedOut } = tally;
  assert.ok(
    Math.min(caught, thefts, lostTwice, crashes, stepsBack, sharedBrowsers, crowdedOut) > told / 50,
    'the histories must be worth telling',
  );
});

await serverSuite('refresh histories on PostgreSQL', startPostgres, (server) => {
  test('the same holds there', async (t) => {
    const clock = createTestClock();
    const url = await server.createDatabase();
    const storage = await openPostgresStorage({ url, clock, onError: (error) => assert.fail(String(error)) });
    try {
      t.diagnostic(JSON.stringify(await tellMany(storage, clock, RUNS_POSTGRES)));
    } finally {
      await storage.close();
    }
  });
});
