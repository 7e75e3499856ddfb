import type { Migration } from '../../storage/index.ts';

export const ticketMigrations: readonly Migration[] = [
  {
    name: '202611270120_mfa_ticket',
    changes: [
      {
        kind: 'table',
        name: 'mfa_ticket',
        rows: 'platform',
        columns: {
          digest: 'bytes',
          person_id: 'text',
          tenant: 'text',
          profile: 'text',
          stage: 'text',
          amr: 'json',
          bound: 'bytes', // a digest of what the first factor was proved against
          known_device_id: 'text?',
          factor_id: 'text?',
          tries: 'int',
          opened_at: 'int',
          expires_at: 'int',
          closed_at: 'int?',
        },
        key: ['digest'],
      },
      { kind: 'index', name: 'mfa_ticket_person', table: 'mfa_ticket', columns: ['person_id'] },
      { kind: 'index', name: 'mfa_ticket_expiry', table: 'mfa_ticket', columns: ['expires_at'] },
    ],
  },
];
