import { test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { chosenSeed } from './dice.ts';
import { assertStarts, cutStart, cutStartsAtRandom } from './kill-start.ts';
import { postgresPlace, sqlitePlace } from './places.ts';

const KILLS = 20;

test('twenty first starts of SQLite that are killed are finished by the next one', async (t) => {
  const place = await sqlitePlace();
  t.after(place.remove);
  await cutStartsAtRandom(t, place, chosenSeed(), KILLS);
});

await serverSuite('first starts on PostgreSQL', startPostgres, (server) => {
  test('twenty that are killed are finished by the next one', async (t) => {
    const place = await postgresPlace(server);
    t.after(place.remove);
    await cutStartsAtRandom(t, place, chosenSeed(), KILLS);
  });
});

/** How many calls of a kind to go through, and in what steps. */
const SWEEPS = [
  { name: 'fsync', last: 9, step: 1 },
  { name: 'fdatasync', last: 6, step: 1 },
  { name: 'pwrite64', last: 180, step: 6 },
  { name: 'unlink', last: 2, step: 1 },
] as const;

for (const { name, last, step } of SWEEPS) {
  test(`a first start killed before any ${name} is finished by the next one`, async (t) => {
    let cuts = 0;
    for (let nth = 1; nth <= last; nth += step) {
      const place = await sqlitePlace();
      t.after(place.remove);
      const outcome = await cutStart(place, { name, nth });
      if (typeof outcome === 'object') return t.skip(outcome.missing);
      if (outcome === 'cut') cuts++;
      await assertStarts(t, place);
    }
    t.diagnostic(`cut at ${cuts} places`);
  });
}
