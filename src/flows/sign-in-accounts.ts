import { emailAddress, type Identity, type Person } from '../identity/index.ts';
import { type PersonId, personId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_REALM } from '../tenants/index.ts';

export type KnownDevice = NonNullable<Awaited<ReturnType<Sessions['devices']['known']>>>;

export interface AccountDeps {
  readonly identity: Pick<Identity, 'find' | 'emails'>;
  readonly devices: Pick<Sessions['devices'], 'known' | 'knowsAddress'>;
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

/** What of a sign-in the very account that is named knows. */
export interface Familiar {
  readonly device: KnownDevice | undefined;
  /** Has a count of its own: the device, or else the address for clients that keep no cookie. */
  readonly counted: string | undefined;
}

export async function familiarOf(
  deps: AccountDeps,
  name: string,
  token: string | undefined,
  addressBlock: string,
): Promise<Familiar> {
  const owner = await ownerOf(deps, name);
  const device = token === undefined ? undefined : await deps.devices.known(owner, token);
  return { device, counted: await countedAs(deps.devices, owner, device?.id, addressBlock) };
}

/** All that somebody's attempts are counted by. */
export async function namesOf(
  { storage, identity }: { readonly storage: Storage; readonly identity: Pick<Identity, 'emails'> },
  person: Person,
): Promise<readonly string[]> {
  const { address } = await storage.read(platform, (tx) => identity.emails.of(tx, person));
  return [person.username, person.id, ...(address === undefined ? [] : [address])];
}

/** The name of the count of a device that is known, or of an address that somebody has signed in from before. */
export async function countedAs(
  devices: Pick<Sessions['devices'], 'knowsAddress'>,
  person: PersonId,
  deviceId: string | undefined,
  addressBlock: string,
): Promise<string | undefined> {
  if (deviceId !== undefined) return deviceId;
  return (await devices.knowsAddress(person, addressBlock)) ? `at ${addressBlock}` : undefined;
}
