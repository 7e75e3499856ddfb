import type { Migration } from '../../storage/index.ts';

export const passkeyMigrations: readonly Migration[] = [
  {
    name: '202611270110_mfa_passkey',
    changes: [
      {
        kind: 'table',
        name: 'passkey',
        rows: 'platform',
        columns: {
          id: 'text',
          person_id: 'text',
          credential_id: 'text',
          public_key: 'bytes',
          counter: 'int',
          transports: 'json',
          about: 'text',
          backed_up: 'bool',
          created_at: 'int',
          last_used_at: 'int?',
        },
        key: ['id'],
        unique: [['credential_id']],
      },
      { kind: 'index', name: 'passkey_of_person', table: 'passkey', columns: ['person_id', 'created_at'] },
      {
        kind: 'table',
        name: 'passkey_challenge_spent',
        rows: 'platform',
        columns: { digest: 'bytes', expires_at: 'int' },
        key: ['digest'],
      },
      {
        kind: 'index',
        name: 'passkey_challenge_spent_until',
        table: 'passkey_challenge_spent',
        columns: ['expires_at'],
      },
    ],
  },
];
