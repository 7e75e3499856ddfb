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
  {
    name: '202611211210_apikeys_legacy',
    changes: [
      {
        kind: 'table',
        name: 'api_key_legacy',
        rows: 'lookup',
        columns: {
          prefix: 'text',
          hash: 'text',
          work: 'int',
          tenant: 'text',
          api_key_id: 'text',
          ended: 'text?',
        },
        key: ['prefix', 'hash'],
      },
      { kind: 'index', name: 'api_key_legacy_of_tenant', table: 'api_key_legacy', columns: ['tenant', 'api_key_id'] },
    ],
  },
  {
    name: '202611211400_apikeys_source',
    changes: [
      { kind: 'column', table: 'api_key_legacy', name: 'source', type: 'text?' }, // null: whoever names the key next
    ],
  },
  {
    name: '202611211900_apikeys_certificate',
    changes: [{ kind: 'column', table: 'api_key', name: 'certificate', type: 'text?' }], // null: of any connection
  },
  {
    name: '202611212020_apikeys_ended',
    changes: [{ kind: 'column', table: 'api_key_lookup', name: 'ended', type: 'text?' }], // null: of one that is good
  },
];
