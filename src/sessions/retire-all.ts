import type { EpochMs } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { sessionStore } from './store.ts';
import { tokenKeyStore } from './store-token-keys.ts';

/**
 * Ends every session and every signing key: for a database that was put back to an earlier state, in which what
 * was revoked since is alive again. People sign in anew; the next start makes new keys.
 */
export async function retireAll(tx: Tx, now: EpochMs): Promise<void> {
  await sessionStore.endEvery(tx, now, 'restored from a backup');
  await tokenKeyStore.endEvery(tx, now);
}
