import type { Context } from '../http/index.ts';
import { emailAddress, type Identity } from '../identity/index.ts';
import { type PersonId, personId } from '../kernel/brand.ts';
import type { Sessions } from '../sessions/index.ts';
import { MAIN_REALM } from '../tenants/index.ts';
import type { Attempt } from './attempts.ts';

export type KnownDevice = NonNullable<Awaited<ReturnType<Sessions['devices']['known']>>>;

export interface AccountDeps {
  readonly identity: Pick<Identity, 'find' | 'emails'>;
  readonly devices: Pick<Sessions['devices'], 'known'>;
}

/** Nobody: so that a device is looked for, and not found, also where no account has the name. */
const NOBODY = personId('nobody');

/** Whose name it is, however they are named. */
async function ownerOf({ identity }: AccountDeps, name: string): Promise<PersonId> {
  const byName = await identity.find(MAIN_REALM, name);
  const address = emailAddress.safeParse(name); // which depends on what was typed, and on nothing that is kept
  const byEmail = address.success
    ? await identity.emails.find(MAIN_REALM, await identity.emails.index(address.data))
    : undefined;
  return byName?.id ?? byEmail?.id ?? NOBODY;
}

/** The device that a sign-in comes from, where it is known to the very account that is named. */
export async function knownDevice(
  deps: AccountDeps,
  name: string,
  token: string | undefined,
): Promise<KnownDevice | undefined> {
  return token === undefined ? undefined : deps.devices.known(await ownerOf(deps, name), token);
}

export const attemptOf = (
  { addressBlock }: Context,
  account: string | undefined,
  device: KnownDevice | undefined,
): Attempt => ({ account, addressBlock, knownDevice: device?.id });
