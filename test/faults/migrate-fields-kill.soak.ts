import { test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { chosenSeed } from './dice.ts';
import { killOnPostgres, killOnSqlite } from './migrate-fields-kill.ts';

const seed = chosenSeed();

test('kill -9 at fifty random moments of migrations and undos: nothing is lost, nothing is sealed twice', async (t) => {
  await Promise.all([killOnSqlite(t, seed, 25), killOnSqlite(t, seed + 1, 25)]); // two tables, for two cores
});

await serverSuite('on PostgreSQL', startPostgres, (server) => {
  test('kill -9 at ten random moments: nothing is lost, nothing is sealed twice', async (t) => {
    await killOnPostgres(t, server, seed, 10);
  });
});
