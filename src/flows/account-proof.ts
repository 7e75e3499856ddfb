import type { Context } from '../http/index.ts';
import { identityFault, type Person } from '../identity/index.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import type { AccountGround } from './account-deps.ts';

/** That it is the owner who is signed in, by the password: a session alone may be stolen. @throws IDENTITY_CREDENTIALS, LIMIT_EXCEEDED */
export async function proveOwner(
  { identity, attempts }: Pick<AccountGround, 'identity' | 'attempts'>,
  { addressBlock }: Context,
  { personId, sessionId }: PersonPrincipal,
  password: string,
): Promise<Person> {
  const { username, realmId, disabledAt } = await identity.get(personId);
  // As at a step-up, the session has a count of its own: strangers must not keep its owner from a change.
  const begun = await attempts.begin({ account: username, addressBlock, knownDevice: sessionId });
  const outcome = await identity.authenticate(realmId, username, password);
  if (outcome.kind === 'refused' || disabledAt !== undefined) throw identityFault('IDENTITY_CREDENTIALS');
  await attempts.good(begun);
  return outcome.person;
}
