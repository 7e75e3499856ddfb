import type { EpochMs, PersonId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { dropAccountTokens } from './account-tokens.ts';
import { identityStore } from './store.ts';
import { accountStore } from './store-accounts.ts';

/**
 * Takes name, password, e-mail address, memberships and open links of a person away and keeps them out for good; the id
 * stays. Also done anew behind the restoring of a backup from before.
 */
export async function erasePerson(tx: Tx, id: PersonId, now: EpochMs): Promise<void> {
  await dropAccountTokens(tx, id);
  await accountStore.dropMemberships(tx, id);
  await accountStore.setVerified(tx, id, null);
  await accountStore.setMailResetBarred(tx, id, null);
  await identityStore.erase(tx, id, now);
}
