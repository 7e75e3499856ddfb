import { test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { databaseKiller } from './database-killer.ts';
import { chosenSeed } from './dice.ts';
import { killRounds } from './kill-rounds.ts';
import { postgresPlace, sqlitePlace } from './places.ts';

const KILLS = 20;
const seed = chosenSeed();

test('SQLite: twenty times kill -9 under sixteen writers, and nothing acknowledged is lost or half kept', async (t) => {
  const place = await sqlitePlace();
  t.after(place.remove);
  await killRounds(t, place, seed, { kills: KILLS });
});

await serverSuite('PostgreSQL under sixteen writers', startPostgres, (server) => {
  test('twenty times kill -9 of the process, and nothing acknowledged is lost or half kept', async (t) => {
    const place = await postgresPlace(server);
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: KILLS });
  });

  test('twenty times kill -9 of the database, and nothing acknowledged is lost or half kept', async (t) => {
    const place = await postgresPlace(server);
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: KILLS, database: databaseKiller(server) });
  });
});
