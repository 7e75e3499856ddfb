import { test } from 'node:test';
import { killMasterRotations } from '../../src/vault/master-kill.contract.ts';
import { rotateManyKeys } from '../../src/vault/master-load.contract.ts';

test('kill -9 at thirty moments of a rotation loses nothing, and the next start finishes it', async (t) => {
  await killMasterRotations(t, 30);
});

test('100,000 subject keys are wrapped anew in seconds, and others are answered meanwhile', async (t) => {
  await rotateManyKeys(t, 100_000);
});
