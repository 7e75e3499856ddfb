import type { Migration } from '../../storage/index.ts';
import { anomalyTenantMigration, baselineMigration } from './baseline.ts';

export const detectionMigrations: readonly Migration[] = [
  {
    name: '202611211220_detection_block',
    changes: [
      {
        kind: 'table',
        name: 'block',
        rows: 'platform',
        columns: {
          id: 'text',
          kind: 'text',
          value: 'text',
          live: 'text?', // the value while the block holds its place: one live block of a value, by the unique key
          profile: 'text?',
          violation: 'text',
          reason: 'text',
          evidence: 'json',
          strikes: 'int', // how many blocks in a row; 0 where the length was chosen
          created_at: 'int',
          created_by: 'text',
          ends_at: 'int?', // null: until it is lifted
          lifted_at: 'int?',
          lifted_by: 'text?',
          changed_at: 'int', // a time, or one above the highest: other processes read what changed by it
        },
        key: ['id'],
        unique: [['kind', 'live']],
      },
      { kind: 'index', name: 'block_value', table: 'block', columns: ['kind', 'value', 'created_at'] },
      { kind: 'index', name: 'block_changed', table: 'block', columns: ['changed_at'] },
    ],
  },
  baselineMigration,
  anomalyTenantMigration,
];
