import { foldedEmail } from '../vault/index.ts';
import { identityFault } from './errors.ts';
import { usernameKey } from './username.ts';

/**
 * Sign-in takes addresses for names, and names go first: so nobody may be given the address of somebody else for a name.
 * Whether anybody has that address is not asked, for the answer would tell it.
 *
 * @param address the one that goes with the name
 * @throws IDENTITY_USERNAME_REFUSED
 */
export function assertOwnName(username: string, address: string | undefined): void {
  if (!isOwnName(username, address)) throw identityFault('IDENTITY_USERNAME_REFUSED');
}

/** The same as a question. */
export function isOwnName(username: string, address: string | undefined): boolean {
  const key = usernameKey(username);
  if (!key.includes('@')) return true;
  return address !== undefined && key === usernameKey(address) && foldedEmail(username) === foldedEmail(address);
}
