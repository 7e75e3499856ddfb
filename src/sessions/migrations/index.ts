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
  {
    name: '202611270200_sessions_proof',
    changes: [
      { kind: 'column', table: 'session', name: 'amr', type: 'text?' }, // null: begun before, by a password
      { kind: 'column', table: 'session', name: 'proved_at', type: 'int?' }, // null: a remembered device stood in
      { kind: 'column', table: 'session', name: 'second_factor_at', type: 'int?' },
      { kind: 'column', table: 'session', name: 'known_device', type: 'text?' },
      { kind: 'column', table: 'session', name: 'device_kind', type: 'text?' }, // desktop, mobile, …: it names nobody
    ],
  },
  {
    name: '202611270205_sessions_devices',
    changes: [
      {
        kind: 'table',
        name: 'known_device',
        rows: 'platform',
        columns: {
          id: 'text',
          person_id: 'text',
          digest: 'bytes', // of the secret in its cookie
          device: 'text?', // user agent and address, sealed under the person's key
          created_at: 'int',
          last_seen_at: 'int',
          used_at: 'int?', // when the first session was begun with it
          remembered_at: 'int?',
          remembered_until: 'int?', // until then it stands in for the second factor
        },
        key: ['id'],
      },
      {
        kind: 'index',
        name: 'known_device_digest',
        table: 'known_device',
        columns: ['digest', 'person_id'],
        unique: true,
      },
      { kind: 'index', name: 'known_device_person', table: 'known_device', columns: ['person_id', 'last_seen_at'] },
      { kind: 'index', name: 'known_device_seen', table: 'known_device', columns: ['last_seen_at'] },
      {
        kind: 'table',
        name: 'session_habit',
        rows: 'platform',
        columns: { person_id: 'text', seen: 'text', updated_at: 'int' }, // seen: sealed under the person's key
        key: ['person_id'],
      },
    ],
  },
  {
    name: '202611270210_sessions_ends',
    changes: [
      {
        kind: 'table',
        name: 'session_cutoff', // sessions of a tenant, or of everybody (`*`), that were begun up to `before` are over
        rows: 'platform',
        columns: { kind: 'text', subject: 'text', before: 'int', reason: 'text', swept: 'bool' },
        key: ['kind', 'subject'],
      },
      {
        kind: 'table',
        name: 'session_tally',
        rows: 'platform',
        columns: { tenant_id: 'text', hour: 'int', what: 'text', count: 'int' }, // hour: since 1970
        key: ['tenant_id', 'hour', 'what'],
      },
      { kind: 'index', name: 'session_expires', table: 'session', columns: ['expires_at'] },
      { kind: 'index', name: 'refresh_token_expires', table: 'refresh_token', columns: ['expires_at'] },
      {
        kind: 'index',
        name: 'session_live',
        table: 'session',
        columns: ['authenticated_at'],
        where: 'ended_at is null',
      },
      {
        kind: 'index',
        name: 'session_tenant_live',
        table: 'session',
        columns: ['tenant_id', 'authenticated_at'],
        where: 'ended_at is null',
      },
    ],
  },
  {
    name: '202611280100_sessions_fill',
    changes: [
      { kind: 'fill', table: 'session', percent: 80 }, // each refresh and each minute of use changes when it was last used
      { kind: 'fill', table: 'refresh_token', percent: 40 }, // each is changed once, and is twice as long from then on
    ],
  },
  {
    name: '202611290100_sessions_known_digest',
    changes: [
      { kind: 'column', table: 'session', name: 'known_digest', type: 'bytes?' }, // null: as known_device says
    ],
  },
];
