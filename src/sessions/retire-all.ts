import type { EpochMs } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { sessionStore } from './store.ts';
import { endStore } from './store-ends.ts';
import { tokenKeyStore } from './store-token-keys.ts';

/**
 * Ends every session and every signing key: for a database that was put back to an earlier state, in which what
 * was revoked since is alive again. People sign in anew; the next start makes new keys.
 */
export async function retireAll(tx: Tx, now: EpochMs): Promise<void> {
  const reason = 'restored from a backup';
  await sessionStore.endEvery(tx, now, reason);
  // Remembered devices too: one that was forgotten since is back.
  await endStore.cutOff(tx, { kind: 'everyone', subject: '*', before: now, reason });
  await tokenKeyStore.endEvery(tx, now);
}
