import { type EpochMs, type PersonId, type RealmId, type TenantId, tenantId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const insertRealm = insertion({
  reach: 'platform',
  table: 'realm',
  columns: { id: 'text', created_at: 'int' },
  unless: ['id'],
});

const tenant = { id: 'text', realm_id: 'text', name: 'text', created_at: 'int' } as const;

const insertTenant = insertion({ reach: 'platform', table: 'tenant', columns: tenant, unless: ['id'] });

const selectTenants = statement({
  reach: 'platform',
  sql: 'select id, realm_id, name, created_at from tenant order by id',
  returns: tenant,
});

const selectTenant = statement({
  reach: 'platform',
  sql: 'select id, realm_id, name, created_at from tenant where id = :id',
  params: { id: 'text' },
  returns: tenant,
});

const insertMembership = insertion({
  reach: 'platform',
  table: 'membership',
  columns: { person_id: 'text', tenant_id: 'text', created_at: 'int' },
  unless: ['person_id', 'tenant_id'],
});

const deleteMembership = statement({
  reach: 'platform',
  sql: 'delete from membership where person_id = :person and tenant_id = :tenant',
  params: { person: 'text', tenant: 'text' },
});

const selectTenantsOf = statement({
  reach: 'platform',
  sql: 'select tenant_id from membership where person_id = :person order by created_at, tenant_id',
  params: { person: 'text' },
  returns: { tenant_id: 'text' },
});

export const tenantStore = {
  addRealm: (tx: Tx, id: RealmId, now: EpochMs) => tx.insert(insertRealm, [{ id, created_at: now }]),
  /** @returns false when the id is taken */
  add: async (tx: Tx, row: { id: TenantId; realm_id: RealmId; name: string; created_at: EpochMs }): Promise<boolean> =>
    (await tx.insert(insertTenant, [row])).length === 0,
  all: (tx: Tx) => tx.all(selectTenants, {}),
  get: (tx: Tx, id: TenantId) => tx.one(selectTenant, { id }),

  /** @returns false when there is that membership already */
  addMember: async (tx: Tx, person: PersonId, tenant: TenantId, now: EpochMs): Promise<boolean> =>
    (await tx.insert(insertMembership, [{ person_id: person, tenant_id: tenant, created_at: now }])).length === 0,
  /** @returns false when there is no such membership */
  removeMember: async (tx: Tx, person: PersonId, tenant: TenantId): Promise<boolean> =>
    (await tx.run(deleteMembership, { person, tenant })) > 0,
  /** The tenants of a person, the longest membership first. */
  tenantsOf: async (tx: Tx, person: PersonId): Promise<readonly TenantId[]> =>
    (await tx.all(selectTenantsOf, { person })).map((row) => tenantId(row.tenant_id)),
};
