import { test } from 'node:test';
import { killMasterRotations } from './master-kill.contract.ts';

// `npm run soak` kills at more moments.
test('kill -9 at any moment of a rotation loses nothing, and the next start finishes it', async (t) => {
  await killMasterRotations(t, 4);
});
