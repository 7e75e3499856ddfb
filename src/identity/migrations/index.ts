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
  {
    name: '202611270010_identity_accounts',
    changes: [
      { kind: 'column', table: 'person', name: 'email_verified_at', type: 'int?' },
      {
        kind: 'table',
        name: 'account_token',
        rows: 'platform',
        columns: {
          id: 'text',
          digest: 'text', // of the token in the link, which is kept nowhere
          purpose: 'text',
          person_id: 'text?',
          payload: 'text', // sealed under the platform's key
          email_index: 'text?', // of the address in it, so that a newer one takes the place of an older one
          created_at: 'int',
          expires_at: 'int',
        },
        key: ['id'],
        unique: [['digest']],
      },
      { kind: 'index', name: 'account_token_person', table: 'account_token', columns: ['person_id', 'purpose'] },
      { kind: 'index', name: 'account_token_email', table: 'account_token', columns: ['email_index', 'purpose'] },
      { kind: 'index', name: 'account_token_expiry', table: 'account_token', columns: ['expires_at'] },
      {
        kind: 'table',
        name: 'invitation',
        rows: 'tenant',
        columns: {
          tenant_id: 'text',
          id: 'text',
          email: 'text', // sealed under the tenant's key
          roles: 'json',
          invited_by: 'text',
          created_at: 'int',
          expires_at: 'int',
        },
        key: ['tenant_id', 'id'],
      },
      { kind: 'index', name: 'invitation_age', table: 'invitation', columns: ['tenant_id', 'created_at', 'id'] },
    ],
  },
  {
    name: '202611280010_identity_imported',
    changes: [{ kind: 'column', table: 'person', name: 'imported_in', type: 'text?' }], // the tenant that may undo it
  },
  {
    name: '202611280020_identity_mail_reset',
    changes: [{ kind: 'column', table: 'person', name: 'mail_reset_barred_at', type: 'int?' }], // till an address is set
  },
];
