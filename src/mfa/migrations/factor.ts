import type { Migration } from '../../storage/index.ts';

export const factorMigrations: readonly Migration[] = [
  {
    name: '202611270100_mfa_factor',
    changes: [
      {
        kind: 'table',
        name: 'mfa_factor',
        rows: 'platform',
        columns: {
          id: 'text',
          person_id: 'text',
          method: 'text',
          details: 'text', // label, and secret or destination; sealed under the person's own key
          created_at: 'int',
          confirmed_at: 'int?',
          last_used_at: 'int?',
          last_step: 'int', // of TOTP: no code of this step or an earlier one counts again
          code_digest: 'bytes?',
          code_expires_at: 'int?',
          code_tries: 'int',
        },
        key: ['id'],
      },
      { kind: 'index', name: 'mfa_factor_of_person', table: 'mfa_factor', columns: ['person_id'] },
      {
        kind: 'table',
        name: 'mfa_person',
        rows: 'platform',
        columns: {
          person_id: 'text',
          pepper: 'text', // what codes of the person are digested under; sealed under the person's own key
          backup: 'text?', // the backup codes as they were given out; sealed likewise
        },
        key: ['person_id'],
      },
      {
        kind: 'table',
        name: 'mfa_code',
        rows: 'platform',
        columns: { person_id: 'text', digest: 'bytes', kind: 'text', expires_at: 'int?', used_at: 'int?' },
        key: ['person_id', 'digest'],
      },
      {
        kind: 'table',
        name: 'mfa_policy',
        rows: 'tenant',
        columns: { tenant_id: 'text', name: 'text', policy: 'json' },
        key: ['tenant_id', 'name'],
      },
    ],
  },
];
