import type { Migration } from '../../storage/index.ts';

export const auditMigrations: readonly Migration[] = [
  {
    name: '202611210020_audit_log',
    changes: [
      {
        kind: 'table',
        name: 'audit_entry',
        rows: 'platform',
        columns: {
          id: 'text',
          at: 'int',
          action: 'text',
          tenant: 'text?',
          body: 'text', // the exact bytes that are hashed
          seq: 'int?', // given by the integrator, once the entry is committed
          leaf: 'bytes?',
        },
        key: ['id'],
      },
      {
        kind: 'index',
        name: 'audit_entry_seq',
        table: 'audit_entry',
        columns: ['seq'],
        unique: true,
        where: 'seq is not null',
      },
      { kind: 'index', name: 'audit_entry_new', table: 'audit_entry', columns: ['id'], where: 'seq is null' },
      {
        kind: 'table',
        name: 'audit_node',
        rows: 'platform',
        columns: { level: 'int', idx: 'int', hash: 'bytes' },
        key: ['level', 'idx'],
      },
      {
        kind: 'table',
        name: 'audit_checkpoint',
        rows: 'platform',
        columns: { size: 'int', at: 'int', frontier: 'bytes', note: 'text' },
        key: ['size'],
      },
      {
        kind: 'table',
        name: 'audit_key',
        rows: 'platform',
        columns: { name: 'text', verifier: 'text', sealed: 'text', created_at: 'int' },
        key: ['name'],
      },
    ],
  },
];
