import { test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { chosenSeed } from './dice.ts';
import { killOnPostgres, killOnSqlite } from './migrate-fields-kill.ts';

const seed = chosenSeed();

// `npm run soak` kills fifty and ten.
test('kill -9 at six random moments of migrations and undos: nothing is lost, nothing is sealed twice', async (t) => {
  await killOnSqlite(t, seed, 6);
});

await serverSuite('on PostgreSQL', startPostgres, (server) => {
  test('kill -9 at two random moments: nothing is lost, nothing is sealed twice', async (t) => {
    await killOnPostgres(t, server, seed, 2);
  });
});
