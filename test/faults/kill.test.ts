import { describe, test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { databaseKiller } from './database-killer.ts';
import { chosenSeed } from './dice.ts';
import { killRounds } from './kill-rounds.ts';
import { postgresPlace, sqlitePlace } from './places.ts';

const seed = chosenSeed();

// `npm run soak` does the same twenty times each.
describe('kill -9 under sixteen writers', () => {
  test('SQLite loses nothing that was acknowledged, and keeps no half of anything', async (t) => {
    const place = await sqlitePlace();
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: 4 });
  });
});

await serverSuite('kill -9 with PostgreSQL', startPostgres, (server) => {
  test('the process is killed: nothing acknowledged is lost, nothing half is kept', async (t) => {
    const place = await postgresPlace(server);
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: 1 });
  });

  test('the database is killed: the process lives, and nothing acknowledged is lost', async (t) => {
    const place = await postgresPlace(server);
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: 1, database: databaseKiller(server) });
  });
});
