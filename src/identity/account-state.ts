import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Vault } from '../vault/index.ts';
import { erasePerson } from './erase.ts';
import { identityFault } from './errors.ts';
import { NO_PASSWORD, type Person } from './store.ts';
import { accountStore } from './store-accounts.ts';

/** False of whoever signs in by passkey alone, and of somebody erased. */
export const hasPassword = ({ passwordHash }: Person): boolean => passwordHash !== NO_PASSWORD;

/** Notes that a person has read a mail that was sent to their address. */
export const markEmailVerified = async (tx: Tx, id: PersonId, clock: Clock): Promise<void> =>
  void (await accountStore.setVerified(tx, id, clock.now()));

export const isEmailVerified = (tx: Tx, id: PersonId): Promise<boolean> => accountStore.isVerified(tx, id);

/**
 * No mail resets the password of a person any more, for somebody else may read them: until an address is set anew, the
 * same one or another. A link that is handed over works all the same.
 */
export const barMailReset = async (tx: Tx, id: PersonId, clock: Clock): Promise<void> =>
  void (await accountStore.setMailResetBarred(tx, id, clock.now()));

export const isMailResetBarred = (tx: Tx, id: PersonId): Promise<boolean> => accountStore.isMailResetBarred(tx, id);

/** Members of a tenant with a proved address, of up to `count` from the one after `after` on. */
export const verifiedMembers = (tx: Tx, tenant: TenantId, after: string, count: number): Promise<ReadonlySet<string>> =>
  accountStore.verifiedMembers(tx, tenant, after, count);

/**
 * Asked behind a change that somebody made of themselves, in its write: whether anybody is left in the tenant of `tx`
 * who may look after its people.
 *
 * @param governs whether a permission that is held suffices for that
 * @param without somebody who does not count, for they are about to leave
 * @throws IDENTITY_LAST_ADMINISTRATOR
 */
export async function assertGoverned(
  tx: Tx,
  governs: (held: readonly string[]) => boolean,
  without?: PersonId,
): Promise<void> {
  const grants = (await accountStore.grants(tx)).filter(({ person }) => person !== without);
  const held = new Map<string, string[]>();
  for (const { person, permissions } of grants) held.set(person, [...(held.get(person) ?? []), ...permissions]);
  if (![...held.values()].some(governs)) throw identityFault('IDENTITY_LAST_ADMINISTRATOR');
}

/**
 * Takes away all that is known of a person here but the id, by which the audit log names them; the name is free again.
 * The last thing of its write, for an entry about the person that came later would make their key anew.
 */
export async function removePerson(tx: Tx, id: PersonId, deps: { clock: Clock; vault: Vault }): Promise<void> {
  await erasePerson(tx, id, deps.clock.now());
  await deps.vault.subjects.destroy(tx, id);
}
