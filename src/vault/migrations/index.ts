import type { Migration } from '../../storage/index.ts';

export const vaultMigrations: readonly Migration[] = [
  {
    name: '202611210010_vault_keys',
    changes: [
      {
        kind: 'table',
        name: 'vault_master',
        rows: 'platform',
        columns: { id: 'text', created_at: 'int' },
        key: ['id'],
      },
      {
        kind: 'table',
        name: 'vault_data_key',
        rows: 'platform',
        columns: { tenant: 'text', version: 'text', wrapped: 'bytes', created_at: 'int' },
        key: ['tenant', 'version'],
      },
      {
        kind: 'table',
        name: 'vault_named_key',
        rows: 'platform',
        columns: { purpose: 'text', name: 'text', wrapped: 'bytes', created_at: 'int' },
        key: ['purpose', 'name'],
      },
    ],
  },
];
