import { test } from 'node:test';
import { chosenSeed } from './dice.ts';
import { killRewraps } from './rewrap-kill.ts';

// `npm run soak` kills fifty, over more values.
test('kill -9 at eight random moments of a rewrap: nothing is lost, nothing is sealed twice, and it goes on', async (t) => {
  await killRewraps(t, chosenSeed(), { kills: 8, values: 6_000 });
});
