import type { Migration } from '../../storage/index.ts';

export const tenantMigrations: readonly Migration[] = [
  {
    name: '202611210030_tenants_tenant',
    changes: [
      { kind: 'table', name: 'realm', rows: 'platform', columns: { id: 'text', created_at: 'int' }, key: ['id'] },
      {
        kind: 'table',
        name: 'tenant',
        rows: 'platform',
        columns: { id: 'text', realm_id: 'text', name: 'text', created_at: 'int' },
        key: ['id'],
      },
      {
        kind: 'table',
        name: 'membership',
        rows: 'platform',
        columns: { person_id: 'text', tenant_id: 'text', created_at: 'int' },
        key: ['person_id', 'tenant_id'],
      },
      { kind: 'index', name: 'membership_tenant', table: 'membership', columns: ['tenant_id', 'person_id'] },
    ],
  },
];
