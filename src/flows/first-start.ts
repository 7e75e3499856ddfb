import { encodeBase62 } from '../crypto/index.ts';
import { emailAddress, type Identity } from '../identity/index.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { Secret } from '../kernel/secret.ts';
import { createSecret } from '../kernel/secret.ts';
import { MAIN_TENANT, type Tenants } from '../tenants/index.ts';
import type { People } from './people.ts';

export interface FirstStartDeps {
  readonly identity: Identity;
  readonly tenants: Tenants;
  readonly people: People;
  readonly createTenant: (actor: Actor, id: typeof MAIN_TENANT, name: string) => Promise<void>;
  readonly random: Random;
}

export interface FirstAdministrator {
  readonly username: string;
  /** Absent where the caller chose it. Printed once, kept nowhere. */
  readonly generatedPassword: Secret | undefined;
}

/**
 * Makes the main tenant and its administrator where there is none. Safe to be cut off anywhere: the next start goes on.
 *
 * @param wish the username, and the password where the environment gives one
 * @returns `undefined` when there was nothing to do
 */
export async function firstStart(
  { identity, tenants, people, createTenant, random }: FirstStartDeps,
  wish: { readonly username: string; readonly password: Secret | undefined },
): Promise<FirstAdministrator | undefined> {
  const operator: Actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT } };
  const known = await tenants.list();
  if (!known.some(({ id }) => id === MAIN_TENANT)) {
    await createTenant(operator, MAIN_TENANT, 'Main').catch(unless('TENANT_TAKEN'));
  }
  const someone = await identity.members(MAIN_TENANT, '', 1);
  if (someone.length > 0) return undefined;

  const generated = wish.password === undefined ? createSecret(newPassword(random)) : undefined;
  const password = (wish.password ?? generated)?.reveal() ?? '';
  const email = emailAddress.safeParse(wish.username).data; // a name with an @ is an address that goes with it
  const made = await people
    .create(operator, MAIN_TENANT, { username: wish.username, password, roles: ['admin'], email })
    .catch(unless('IDENTITY_USERNAME_TAKEN'));
  return made && { username: made.person.username, generatedPassword: generated };
}

/** Another process that starts on the same database may have been first: then it is done. */
const unless =
  (code: string) =>
  (error: unknown): undefined => {
    if (!isFault(error, code)) throw error;
  };

/** Four groups of five characters, 119 bits: easy to read aloud, nothing to guess. */
function newPassword(random: Random): string {
  const text = encodeBase62(random.bytes(24)).slice(-20);
  return text.match(/.{5}/g)?.join('-') ?? text;
}
