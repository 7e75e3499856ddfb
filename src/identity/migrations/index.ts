import type { Migration } from '../../storage/index.ts';

export const identityMigrations: readonly Migration[] = [
  {
    name: '202611210050_identity_person',
    changes: [
      {
        kind: 'table',
        name: 'person',
        rows: 'platform',
        columns: {
          id: 'text',
          realm_id: 'text',
          username: 'text',
          username_key: 'text', // what two spellings of one name have in common
          password_hash: 'text',
          password_changed_at: 'int',
          disabled_at: 'int?',
          created_at: 'int',
        },
        key: ['id'],
        unique: [['realm_id', 'username_key']],
      },
    ],
  },
  {
    name: '202611250050_identity_email',
    changes: [
      { kind: 'column', table: 'person', name: 'email', type: 'text?' }, // sealed under the person's own key
      { kind: 'column', table: 'person', name: 'email_index', type: 'text?' },
      { kind: 'index', name: 'person_email', table: 'person', columns: ['realm_id', 'email_index'] },
    ],
  },
];
