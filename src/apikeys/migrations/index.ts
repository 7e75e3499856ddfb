import type { Migration } from '../../storage/index.ts';

export const apiKeyMigrations: readonly Migration[] = [
  {
    name: '202611210045_apikeys_key',
    changes: [
      {
        kind: 'table',
        name: 'api_key_lookup',
        rows: 'lookup',
        columns: { prefix: 'text', digest: 'bytes', tenant_id: 'text', api_key_id: 'text' },
        key: ['prefix'],
      },
      {
        kind: 'table',
        name: 'api_key',
        rows: 'tenant',
        columns: {
          tenant_id: 'text',
          id: 'text',
          prefix: 'text',
          name: 'text',
          scopes: 'json',
          created_by: 'text',
          created_at: 'int',
          expires_at: 'int?',
          revoked_at: 'int?',
          last_used_at: 'int?',
        },
        key: ['tenant_id', 'id'],
      },
    ],
  },
];
