import { anyImplies } from '../access/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import { assertGoverned, identityFault, type Person, removePerson } from '../identity/index.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor, PersonPrincipal } from '../kernel/principal.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import type { AccountGround } from './account-deps.ts';

/** What a permission must imply to look after the people of a tenant. */
const governs = (held: readonly string[]): boolean => anyImplies(held, 'admin:users');

/**
 * Whoever takes a right from themselves does not leave their tenant without anybody who looks after its people; one that
 * nobody governs anyhow is not made worse.
 *
 * @throws IDENTITY_LAST_ADMINISTRATOR
 */
export async function assertStaysGoverned(
  tx: Tx,
  { principal }: Actor,
  id: PersonId,
  change: () => Promise<void>,
): Promise<void> {
  const isSelf = principal.kind === 'person' && principal.personId === id;
  const governed = isSelf && (await isGoverned(tx));
  await change();
  if (governed) await assertGoverned(tx, governs);
}

async function isGoverned(tx: Tx): Promise<boolean> {
  try {
    await assertGoverned(tx, governs);
    return true;
  } catch (error) {
    if (isFault(error, 'IDENTITY_LAST_ADMINISTRATOR')) return false;
    throw error;
  }
}

/** The end of accounts, and what an administrator does for somebody who lost a second factor. */
export function createRemoval(ground: AccountGround) {
  const { storage, audit, identity, tenants, access, sessions, mfa, mails, clock, vault, forgetUse } = ground;

  /** Roles are rows of each tenant, so those elsewhere go first: cut off there, the person is left with fewer rights. */
  async function leave(actor: Actor, tenant: TenantId, id: PersonId, guarded: boolean): Promise<void> {
    await storage.write(inTenant(tenant), async (tx) => {
      await access.grant(tx, { ...actor, tenantId: tenant }, tenant, id, []);
      if (guarded) await assertGoverned(tx, governs);
    });
  }

  async function erase(tx: Tx, actor: Actor, tenant: TenantId, person: Person): Promise<void> {
    const { id, username } = person;
    const { address } = await identity.emails.of(tx, person);
    if (address !== undefined) await mails.send(tx, address, { kind: 'deleted', username });
    await access.grant(tx, { ...actor, tenantId: tenant }, tenant, id, []);
    await mfa.reset(tx, actor, id);
    await sessions.devices.forgetAll(tx, id);
    await forgetUse?.(tx, id);
    await sessions.endAll(tx, actor, id, 'deleted');
    const object = { type: 'person', id };
    await audit.record(tx, { ...actor, action: 'person.deleted', outcome: 'done', object });
    await removePerson(tx, id, { clock, vault });
  }

  /**
   * One's own account. The last administrator of a tenant stays, for nobody could let others in after that: every tenant
   * is asked before anything is taken away in the first.
   *
   * @throws IDENTITY_LAST_ADMINISTRATOR
   */
  async function removeSelf(context: Context, caller: PersonPrincipal): Promise<void> {
    const { personId: id } = caller;
    const actor = actorOf(context, caller, caller.tenantId);
    const person = await identity.get(id);
    const own = await tenants.tenantsOf(id);
    const [last = MAIN_TENANT, ...others] = own;
    const governed = new Set<TenantId>();
    for (const tenant of own) {
      const held = await access.permissionsOf({ ...caller, tenantId: tenant }, tenant);
      if (governs(held)) governed.add(tenant);
    }
    for (const tenant of governed) await storage.read(inTenant(tenant), (tx) => assertGoverned(tx, governs, id));
    for (const tenant of others) await leave(actor, tenant, id, governed.has(tenant));
    await storage.write(inTenant(last), async (tx) => {
      await erase(tx, actor, last, person);
      if (governed.has(last)) await assertGoverned(tx, governs);
    });
  }

  /** A member of the tenant of `actor`, and of no other unless the operator asks, who also reaches those of none. */
  async function memberOf(actor: Actor, tenant: TenantId, id: PersonId): Promise<Person> {
    const person = await identity.get(id);
    const own = await tenants.tenantsOf(id);
    const isStray = own.length === 0 && actor.principal.kind === 'operator'; // whom no tenant could look after
    if (!own.includes(tenant) && !isStray) throw identityFault('IDENTITY_PERSON_UNKNOWN');
    if (actor.principal.kind !== 'operator' && own.length > 1) throw identityFault('IDENTITY_SHARED_PERSON');
    return person;
  }

  /** @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON, ACCESS_ESCALATION */
  async function remove(actor: Actor, tenant: TenantId, id: PersonId): Promise<void> {
    const person = await memberOf(actor, tenant, id);
    const others = (await tenants.tenantsOf(id)).filter((one) => one !== tenant);
    for (const one of others) await leave(actor, one, id, false);
    await storage.write(inTenant(tenant), async (tx) => {
      await access.assertCovers(tx, actor, tenant, id);
      await erase(tx, actor, tenant, person);
    });
  }

  /** Takes all second factors of somebody away, and ends the sessions; the room of factors tells them. @returns how many factors there were */
  async function resetFactors(actor: Actor, tenant: TenantId, id: PersonId): Promise<number> {
    await memberOf(actor, tenant, id);
    return storage.write(inTenant(tenant), async (tx) => {
      await access.assertCovers(tx, actor, tenant, id);
      const count = await mfa.reset(tx, actor, id);
      await sessions.endAll(tx, actor, id, 'second factors reset');
      return count;
    });
  }

  /** A code that stands once for the second factor, to be handed over. */
  async function recoveryCode(actor: Actor, tenant: TenantId, id: PersonId): Promise<string> {
    await memberOf(actor, tenant, id);
    return storage.write(inTenant(tenant), async (tx) => {
      await access.assertCovers(tx, actor, tenant, id);
      return mfa.recovery.issue(tx, actor, id);
    });
  }

  return { removeSelf, remove, resetFactors, recoveryCode, memberOf };
}
