import type { Migration } from '../../storage/index.ts';

export const sessionMigrations: readonly Migration[] = [
  {
    name: '202611210055_sessions_session',
    changes: [
      {
        kind: 'table',
        name: 'session',
        rows: 'platform',
        columns: {
          id: 'text',
          realm_id: 'text',
          person_id: 'text',
          tenant_id: 'text',
          authenticated_at: 'int',
          last_used_at: 'int',
          expires_at: 'int', // the absolute end
          device: 'text?', // user agent and address, sealed under the person's key
          device_digest: 'bytes', // of the device secret that the first answer carried
          device_proved: 'bool', // the client has shown that it keeps that secret
          ended_at: 'int?',
          end_reason: 'text?',
        },
        key: ['id'],
      },
      { kind: 'index', name: 'session_person', table: 'session', columns: ['person_id', 'ended_at'] },
      {
        kind: 'table',
        name: 'refresh_token',
        rows: 'platform',
        columns: {
          digest: 'bytes',
          session_id: 'text',
          expires_at: 'int',
          used_at: 'int?',
          successor: 'text?', // sealed under a key that only the holder of this token can derive
          repeats: 'int',
        },
        key: ['digest'],
      },
      { kind: 'index', name: 'refresh_token_session', table: 'refresh_token', columns: ['session_id'] },
      {
        kind: 'table',
        name: 'revocation',
        rows: 'platform',
        columns: { id: 'text', kind: 'text', subject: 'text', before: 'int', expires_at: 'int' },
        key: ['id'],
      },
      {
        kind: 'table',
        name: 'token_key',
        rows: 'platform',
        columns: { issuer: 'text', kid: 'text', public: 'json', sealed: 'text', created_at: 'int' },
        key: ['issuer', 'kid'],
      },
    ],
  },
  {
    name: '202611211200_sessions_profile',
    changes: [
      { kind: 'column', table: 'session', name: 'profile', type: 'text?' }, // null: begun before, natively
      { kind: 'column', table: 'session', name: 'idle_ms', type: 'int?' }, // null: as configured
    ],
  },
  {
    name: '202611250030_sessions_token_keys',
    changes: [
      { kind: 'column', table: 'token_key', name: 'signs_from', type: 'int?' }, // null: since it was made
      { kind: 'column', table: 'token_key', name: 'ends_at', type: 'int?' }, // null: no other has taken over
    ],
  },
];
