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
  {
    name: '202611250010_vault_rotation',
    changes: [
      { kind: 'column', table: 'vault_data_key', name: 'algorithm', type: 'text?' }, // null: seals; else imported to read
      { kind: 'column', table: 'vault_data_key', name: 'active_at', type: 'int?' }, // null: when it was made
      { kind: 'column', table: 'vault_data_key', name: 'retired_at', type: 'int?' },
      { kind: 'column', table: 'vault_data_key', name: 'emptied_at', type: 'int?' },
      { kind: 'column', table: 'vault_data_key', name: 'destroyed_at', type: 'int?' }, // then `wrapped` is empty
      { kind: 'column', table: 'vault_data_key', name: 'reason', type: 'text?' },
      { kind: 'column', table: 'vault_data_key', name: 'seals', type: 'int?' },
      { kind: 'column', table: 'vault_data_key', name: 'external_at', type: 'int?' },
      { kind: 'column', table: 'vault_data_key', name: 'master', type: 'text?' }, // null: the first of vault_master
      { kind: 'column', table: 'vault_data_key', name: 'changed', type: 'int?' }, // grows with every change of a key
      {
        kind: 'index',
        name: 'vault_data_key_changed',
        table: 'vault_data_key',
        columns: ['changed'],
        where: 'changed is not null',
      },
      {
        kind: 'index',
        name: 'vault_data_key_live',
        table: 'vault_data_key',
        columns: ['tenant'],
        where: 'retired_at is null and algorithm is null',
      },
      { kind: 'column', table: 'vault_named_key', name: 'master', type: 'text?' },
      { kind: 'column', table: 'vault_master', name: 'provider', type: 'text?' },
      { kind: 'column', table: 'vault_master', name: 'wrapped', type: 'bytes?' },
      { kind: 'column', table: 'vault_master', name: 'retired_at', type: 'int?' },
      { kind: 'column', table: 'vault_master', name: 'shares', type: 'json?' },
      {
        kind: 'table',
        name: 'vault_rewrap',
        rows: 'platform',
        columns: {
          tenant: 'text',
          field: 'text',
          target: 'text',
          after_key: 'json?',
          seen: 'int',
          done: 'int',
          unreadable: 'int',
          started_at: 'int',
          finished_at: 'int?',
        },
        key: ['tenant', 'field'],
      },
      {
        kind: 'table',
        name: 'vault_unreadable',
        rows: 'platform',
        columns: { tenant: 'text', field: 'text', row: 'text', at: 'int' },
        key: ['tenant', 'field', 'row'],
      },
      {
        kind: 'table',
        name: 'vault_erased',
        rows: 'platform',
        columns: { purpose: 'text', name: 'text', at: 'int' },
        key: ['purpose', 'name'],
      },
    ],
  },
];
