import { test } from 'node:test';
import { chosenSeed } from './dice.ts';
import { killRewraps } from './rewrap-kill.ts';

test('kill -9 at fifty random moments of a rewrap: nothing is lost, nothing is sealed twice, and it goes on', async (t) => {
  await killRewraps(t, chosenSeed(), { kills: 50, values: 20_000 });
});
