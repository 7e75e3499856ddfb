import { test } from 'node:test';
import { chosenSeed } from './dice.ts';
import { assertStarts, type Cut, cutStart, cutStartsAtRandom } from './kill-start.ts';
import { sqlitePlace } from './places.ts';

test('a first start that is killed again and again is finished by the next one', async (t) => {
  const place = await sqlitePlace();
  t.after(place.remove);
  await cutStartsAtRandom(t, place, chosenSeed(), 6);
});

/** Where half of something may stand: the journal, the write-ahead log, tables, the master key and its draft. */
const CUTS: readonly Cut[] = [
  { name: 'fsync', nth: 1 },
  { name: 'ftruncate', nth: 1 },
  { name: 'pwrite64', nth: 60 },
  { name: 'fdatasync', nth: 2 },
  { name: 'link', nth: 1 },
  { name: 'unlink', nth: 2 },
];

// `npm run soak` cuts at many more.
for (const cut of CUTS) {
  test(`a first start that is killed before ${cut.name} number ${cut.nth} is finished by the next one`, async (t) => {
    const place = await sqlitePlace();
    t.after(place.remove);
    const outcome = await cutStart(place, cut);
    if (typeof outcome === 'object') return t.skip(outcome.missing);
    if (outcome === 'ready') return t.skip('a first start has no such call');
    await assertStarts(t, place);
  });
}
