import type { EpochMs, PersonId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { identityStore } from './store.ts';

/** Takes name, password and e-mail address of a person away and keeps them out for good; the id stays. */
export const erasePerson = async (tx: Tx, id: PersonId, now: EpochMs): Promise<void> =>
  void (await identityStore.erase(tx, id, now));
