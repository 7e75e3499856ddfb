import type { EpochMs, PersonId } from '../kernel/brand.ts';
import type { Json, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const insertRole = insertion({
  reach: 'tenant',
  table: 'role',
  columns: { name: 'text', permissions: 'json' },
  unless: ['name'],
});

const selectRoles = statement({
  reach: 'tenant',
  sql: 'select name, permissions from role where tenant_id = :tenant_id order by name',
  returns: { name: 'text', permissions: 'json' },
});

const selectPermissions = statement({
  reach: 'tenant',
  sql: `select r.name, r.permissions from role_grant g join role r on r.tenant_id = g.tenant_id and r.name = g.role
    where g.tenant_id = :tenant_id and g.person_id = :person order by r.name`,
  params: { person: 'text' },
  returns: { name: 'text', permissions: 'json' },
});

const insertGrant = insertion({
  reach: 'tenant',
  table: 'role_grant',
  columns: { person_id: 'text', role: 'text', granted_at: 'int' },
  unless: ['person_id', 'role'],
});

const deleteGrants = statement({
  reach: 'tenant',
  sql: 'delete from role_grant where tenant_id = :tenant_id and person_id = :person',
  params: { person: 'text' },
});

const selectGrants = statement({
  reach: 'tenant',
  sql: 'select person_id, role from role_grant where tenant_id = :tenant_id order by person_id, role',
  returns: { person_id: 'text', role: 'text' },
});

export interface Role {
  readonly name: string;
  readonly permissions: readonly string[];
}

export const accessStore = {
  addRoles: (tx: Tx, roles: readonly Role[]) => tx.insert(insertRole, roles),
  roles: async (tx: Tx): Promise<readonly Role[]> => (await tx.all(selectRoles, {})).map(roleOf),
  rolesOf: async (tx: Tx, person: PersonId): Promise<readonly Role[]> =>
    (await tx.all(selectPermissions, { person })).map(roleOf),
  grants: (tx: Tx) => tx.all(selectGrants, {}),
  replaceGrants: async (tx: Tx, person: PersonId, roles: readonly string[], now: EpochMs): Promise<void> => {
    await tx.run(deleteGrants, { person });
    await tx.insert(
      insertGrant,
      roles.map((role) => ({ person_id: person, role, granted_at: now })),
    );
  },
};

function roleOf({ name, permissions }: { name: string; permissions: Json }): Role {
  return { name, permissions: Array.isArray(permissions) ? permissions.map(String) : [] };
}
