import type { Access } from '../access/index.ts';
import type { ApiKey, ApiKeys } from '../apikeys/index.ts';
import { type Identity, identityFault } from '../identity/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant } from '../kernel/tx.ts';
import type { EndScope, Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Tenants } from '../tenants/index.ts';
import { assertStaysGoverned } from './account-removal.ts';

export interface MemberDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly identity: Pick<Identity, 'get'>;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly sessions: Pick<Sessions, 'endIn'>;
  readonly apiKeys: Pick<ApiKeys, 'madeBy' | 'end'>;
}

/** What has to be given back to undo a removal, and what is left behind. */
export interface Removed {
  readonly roles: readonly string[];
  /** How many live sessions there were. */
  readonly ended: number;
  /** The live API keys there that the person made, and those that these made. */
  readonly keys: readonly ApiKey[];
}

/** Who belongs to a tenant. The account itself stays as it is, here and in other tenants. */
export interface Members {
  /**
   * Ends a membership with its roles and the sessions that act there. One who belonged to no other tenant can't sign in
   * from then on. API keys are the tenant's, and machines may stand on them: those that the person made are named, and
   * end only with `endKeys`.
   *
   * @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_LAST_ADMINISTRATOR for one's own, ACCESS_ESCALATION
   */
  remove(actor: Actor, tenant: TenantId, id: PersonId, wish: { readonly endKeys: boolean }): Promise<Removed>;
  /** Adds somebody who has an account. @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_MEMBER_ALREADY, ACCESS_ROLE_UNKNOWN */
  add(actor: Actor, tenant: TenantId, id: PersonId, roles: readonly string[]): Promise<void>;
}

/** Whoever administers one tenant must not sign people out of another. @throws IDENTITY_PERSON_UNKNOWN */
export const createEndsOfMember =
  ({ tenantsOf }: Pick<Tenants, 'tenantsOf'>) =>
  async (tenantId: TenantId, personId: PersonId): Promise<EndScope> => {
    const own = await tenantsOf(personId);
    if (!own.includes(tenantId)) throw identityFault('IDENTITY_PERSON_UNKNOWN');
    return own.length === 1 ? { kind: 'user', personId } : { kind: 'member', personId, tenantId };
  };

export function createMembers({ storage, audit, identity, tenants, access, sessions, apiKeys }: MemberDeps): Members {
  return {
    remove: async (actor, tenant, id, { endKeys }) => {
      const acting = { ...actor, tenantId: tenant };
      const roles = await access.rolesOf({ kind: 'person', personId: id }, tenant);
      return storage.write(inTenant(tenant), async (tx) => {
        if (!(await tenants.removeMember(tx, id, tenant))) throw identityFault('IDENTITY_PERSON_UNKNOWN');
        await access.assertCovers(tx, acting, tenant, id);
        await assertStaysGoverned(tx, actor, id, () => access.grant(tx, acting, tenant, id, []));
        const ended = await sessions.endIn(tx, acting, id, tenant, 'membership ended');
        const keys = await apiKeys.madeBy(tx, id);
        if (endKeys) await apiKeys.end(tx, acting, tenant, keys);
        const object = { type: 'person', id };
        const facts = { roles, keys: keys.length, keys_ended: endKeys };
        await audit.record(tx, { ...acting, action: 'person.left', outcome: 'done', object, facts });
        return { roles, ended, keys };
      });
    },
    add: async (actor, tenant, id, roles) => {
      const acting = { ...actor, tenantId: tenant };
      await tenants.get(tenant);
      await identity.get(id);
      await storage.write(inTenant(tenant), async (tx) => {
        if (!(await tenants.addMember(tx, id, tenant))) throw identityFault('IDENTITY_MEMBER_ALREADY');
        await access.grant(tx, acting, tenant, id, roles);
        const object = { type: 'person', id };
        await audit.record(tx, { ...acting, action: 'person.joined', outcome: 'done', object, facts: { roles } });
      });
    },
  };
}
