import type { Migration } from '../../storage/index.ts';

export const backupMigrations: readonly Migration[] = [
  {
    name: '202611250020_backups_backup',
    changes: [
      {
        kind: 'table',
        name: 'backups_backup',
        rows: 'platform',
        columns: {
          id: 'text',
          kind: 'text', // 'manual', 'schedule', 'found'
          file: 'text',
          created_at: 'int',
          size: 'int?',
          sha256: 'text?',
          state: 'text', // 'making', 'made', 'failed', 'removed'
          keys: 'json', // from tenant to the versions of data keys that its values need
          tables: 'json',
          audit_size: 'int?',
          audit_root: 'text?',
          reason: 'text?', // why it failed
          verified_at: 'int?',
          drilled_at: 'int?',
          drill_result: 'text?',
        },
        key: ['id'],
      },
      { kind: 'index', name: 'backups_backup_new', table: 'backups_backup', columns: ['created_at', 'id'] },
      {
        kind: 'table',
        name: 'backups_identity', // of every master key under which backups were made
        rows: 'platform',
        columns: { master: 'text', sealed: 'text', created_at: 'int' },
        key: ['master'],
      },
    ],
  },
  {
    name: '202611251210_backups_sequence',
    changes: [
      { kind: 'column', table: 'backups_backup', name: 'sequence', type: 'int?' }, // orders them whatever a clock said
      { kind: 'column', table: 'backups_backup', name: 'flaw', type: 'text?' }, // what the last reading found wrong
    ],
  },
];
