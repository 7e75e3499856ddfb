import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Mounting, playInTurn, recordedProfiles, startAllFive } from '../recorded.ts';

const MOUNTINGS = ['host', 'prefix'] as const satisfies readonly Mounting[];

for (const mounting of MOUNTINGS) {
  test(`X01 X32 the clients of all systems work at one server at the same time, told apart by ${mounting}`, async () => {
    const five = await startAllFive(mounting);
    try {
      const profiles = recordedProfiles();
      assert.ok((await playInTurn(five, profiles)) >= profiles.length, 'each has recordings that play in turn');
    } finally {
      await five.close();
    }
  });
}
