import type { Migration } from '../../storage/index.ts';

export const accessMigrations: readonly Migration[] = [
  {
    name: '202611210040_access_roles',
    changes: [
      {
        kind: 'table',
        name: 'role',
        rows: 'tenant',
        columns: { tenant_id: 'text', name: 'text', permissions: 'json' },
        key: ['tenant_id', 'name'],
      },
      {
        kind: 'table',
        name: 'role_grant',
        rows: 'tenant',
        columns: { tenant_id: 'text', person_id: 'text', role: 'text', granted_at: 'int' },
        key: ['tenant_id', 'person_id', 'role'],
      },
    ],
  },
];
