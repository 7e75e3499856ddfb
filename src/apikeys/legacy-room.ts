import type { TenantId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Wanted } from './legacy-plan.ts';
import { legacyStore, type NewHash, type PrefixBound } from './store-legacy.ts';

export type NewKey = Wanted & NewHash;

/** Of one tenant and prefix, so that no tenant fills a prefix that others' keys may begin with. One hash of cost 14. */
const OF_TENANT: PrefixBound = { hashes: 4, work: 2 ** 14 };
/** Of one prefix, over all tenants: about two seconds, which every bad key then takes. */
const OF_ALL: PrefixBound = { hashes: 32, work: 2 ** 15 };

const CROWDED = `must share its first characters with fewer keys: ${OF_TENANT.hashes} hashes and ${OF_TENANT.work} rounds at most`;
// Of another tenant's hash and of a prefix that others fill alike: which of them it is would tell what others have.
const NO_ROOM = 'cannot be taken over here; make a new key in its place';

/**
 * Adds hashes, and tells which of them cannot stay: of a prefix past its bounds, or in another tenant already, where it
 * would be one credential for both. Counted after the insert: the transaction is serializable, so no other one adds to
 * the same prefix unseen.
 *
 * @returns each with the reason; all but those of other tenants are here until they are removed
 */
export async function refusalsOf(
  tx: Tx,
  tenantId: TenantId,
  added: readonly NewKey[],
): Promise<ReadonlyMap<NewKey, string>> {
  const refused = new Map<NewKey, string>();
  const fresh = added.filter(({ kept }) => kept === undefined);
  for (const entry of added) if (entry.kept !== undefined) await legacyStore.revive(tx, tenantId, entry);
  const foreign = new Set(await legacyStore.add(tx, tenantId, fresh));
  for (const [at, entry] of fresh.entries()) if (foreign.has(at)) refused.set(entry, NO_ROOM);
  const own = await legacyStore.crowdedOf(tx, tenantId, OF_TENANT);
  const all = await legacyStore.crowded(tx, OF_ALL);
  for (const entry of added) {
    if (own.has(entry.prefix)) refused.set(entry, CROWDED);
    else if (all.has(entry.prefix)) refused.set(entry, NO_ROOM);
  }
  return refused;
}
