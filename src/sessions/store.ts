import {
  type EpochMs,
  epochMs,
  type PersonId,
  personId,
  realmId,
  type SessionId,
  sessionId,
  tenantId,
} from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import { NATIVE_PROFILE, type RefreshRow, type SessionRow } from './session.ts';

const session = {
  id: 'text',
  realm_id: 'text',
  person_id: 'text',
  tenant_id: 'text',
  authenticated_at: 'int',
  last_used_at: 'int',
  expires_at: 'int',
  device: 'text?',
  device_digest: 'bytes',
  device_proved: 'bool',
  ended_at: 'int?',
  profile: 'text?',
  idle_ms: 'int?',
} as const;

const sessionColumns = Object.keys(session).join(', ');

const insertSession = insertion({ reach: 'platform', table: 'session', columns: session });

const selectSession = statement({
  reach: 'platform',
  sql: `select ${sessionColumns} from session where id = :id`,
  params: { id: 'text' },
  returns: session,
});

const selectLive = statement({
  reach: 'platform',
  sql: `select ${sessionColumns} from session
    where person_id = :person and ended_at is null and expires_at > :now
      and last_used_at + coalesce(idle_ms, :idle_ms) > :now
    order by last_used_at desc, id limit 200`,
  params: { person: 'text', now: 'int', idle_ms: 'int' },
  returns: session,
});

const touchSession = statement({
  reach: 'platform',
  sql: 'update session set last_used_at = :now where id = :id and ended_at is null',
  params: { id: 'text', now: 'int' },
});

const proveDevice = statement({
  reach: 'platform',
  sql: 'update session set device_proved = :proved where id = :id',
  params: { id: 'text', proved: 'bool' },
});

const endSession = statement({
  reach: 'platform',
  sql: 'update session set ended_at = :now, end_reason = :reason where id = :id and ended_at is null',
  params: { id: 'text', now: 'int', reason: 'text' },
});

const endSessionsOf = statement({
  reach: 'platform',
  sql: `update session set ended_at = :now, end_reason = :reason where person_id = :person and ended_at is null
    returning id`,
  params: { person: 'text', now: 'int', reason: 'text' },
  returns: { id: 'text' },
});

const endEverySession = statement({
  reach: 'platform',
  sql: 'update session set ended_at = :now, end_reason = :reason where ended_at is null',
  params: { now: 'int', reason: 'text' },
});

const refresh = {
  digest: 'bytes',
  session_id: 'text',
  expires_at: 'int',
  used_at: 'int?',
  successor: 'text?',
  repeats: 'int',
} as const;

const insertRefresh = insertion({ reach: 'platform', table: 'refresh_token', columns: refresh });

const selectRefresh = statement({
  reach: 'platform',
  sql: 'select digest, session_id, expires_at, used_at, successor, repeats from refresh_token where digest = :digest',
  params: { digest: 'bytes' },
  returns: refresh,
});

/** `used_at is null` in the update decides which of two simultaneous refreshes wins. */
const takeRefresh = statement({
  reach: 'platform',
  sql: `update refresh_token set used_at = :now, successor = :successor
    where digest = :digest and used_at is null and expires_at > :now`,
  params: { digest: 'bytes', now: 'int', successor: 'text' },
});

const countRepeat = statement({
  reach: 'platform',
  sql: 'update refresh_token set repeats = repeats + 1 where digest = :digest and repeats < :most',
  params: { digest: 'bytes', most: 'int' },
});

const revocation = { id: 'text', kind: 'text', subject: 'text', before: 'int', expires_at: 'int' } as const;

const insertRevocation = insertion({ reach: 'platform', table: 'revocation', columns: revocation });

const selectRevocations = statement({
  reach: 'platform',
  sql: 'select id, kind, subject, before, expires_at from revocation where id > :after and expires_at > :now order by id',
  params: { after: 'text', now: 'int' },
  returns: revocation,
});

const dropRevocations = statement({
  reach: 'platform',
  sql: 'delete from revocation where expires_at <= :now',
  params: { now: 'int' },
});

const dropSessions = statement({
  reach: 'platform',
  sql: 'delete from session where expires_at <= :before',
  params: { before: 'int' },
});

const dropRefresh = statement({
  reach: 'platform',
  sql: 'delete from refresh_token where expires_at <= :before',
  params: { before: 'int' },
});

export type RevocationRow = RowOf<typeof revocation>;

export const sessionStore = {
  add: (tx: Tx, row: RowOf<typeof session>) => tx.insert(insertSession, [row]),
  get: async (tx: Tx, id: SessionId) => sessionOf(await tx.one(selectSession, { id })),
  live: async (tx: Tx, person: PersonId, now: EpochMs, idle_ms: number): Promise<readonly SessionRow[]> =>
    (await tx.all(selectLive, { person, now, idle_ms })).flatMap((row) => sessionOf(row) ?? []),
  touch: (tx: Tx, id: SessionId, now: EpochMs) => tx.run(touchSession, { id, now }),
  proveDevice: (tx: Tx, id: SessionId) => tx.run(proveDevice, { id, proved: true }),
  end: async (tx: Tx, id: SessionId, now: EpochMs, reason: string): Promise<boolean> =>
    (await tx.run(endSession, { id, now, reason })) > 0,
  endAllOf: async (tx: Tx, person: PersonId, now: EpochMs, reason: string): Promise<readonly SessionId[]> =>
    (await tx.all(endSessionsOf, { person, now, reason })).map(({ id }) => sessionId(id)),

  endEvery: (tx: Tx, now: EpochMs, reason: string) => tx.run(endEverySession, { now, reason }),

  addRefresh: (tx: Tx, digest: Uint8Array, session_id: SessionId, expires_at: number) =>
    tx.insert(insertRefresh, [{ digest, session_id, expires_at, used_at: null, successor: null, repeats: 0 }]),
  refresh: async (tx: Tx, digest: Uint8Array) => refreshOf(await tx.one(selectRefresh, { digest })),
  take: async (tx: Tx, digest: Uint8Array, successor: string, now: EpochMs): Promise<boolean> =>
    (await tx.run(takeRefresh, { digest, successor, now })) > 0,
  countRepeat: async (tx: Tx, digest: Uint8Array, most: number): Promise<boolean> =>
    (await tx.run(countRepeat, { digest, most })) > 0,

  addRevocation: (tx: Tx, row: RevocationRow) => tx.insert(insertRevocation, [row]),
  revocations: (tx: Tx, after: string, now: EpochMs) => tx.all(selectRevocations, { after, now }),
  /** Forgets what has run out: revocations whose last token is dead, and sessions kept for a while for the curious. */
  prune: async (tx: Tx, now: EpochMs, before: number): Promise<void> => {
    await tx.run(dropRevocations, { now });
    await tx.run(dropRefresh, { before });
    await tx.run(dropSessions, { before });
  },
};

function sessionOf(row: RowOf<typeof session> | undefined): SessionRow | undefined {
  return (
    row && {
      id: sessionId(row.id),
      realmId: realmId(row.realm_id),
      personId: personId(row.person_id),
      tenantId: tenantId(row.tenant_id),
      authenticatedAt: epochMs(row.authenticated_at),
      lastUsedAt: epochMs(row.last_used_at),
      expiresAt: epochMs(row.expires_at),
      device: row.device ?? undefined,
      deviceDigest: row.device_digest,
      deviceProved: row.device_proved,
      profile: row.profile ?? NATIVE_PROFILE,
      idleMs: row.idle_ms ?? undefined,
      ended: row.ended_at !== null,
    }
  );
}

function refreshOf(row: RowOf<typeof refresh> | undefined): RefreshRow | undefined {
  return (
    row && {
      sessionId: sessionId(row.session_id),
      expiresAt: epochMs(row.expires_at),
      usedAt: row.used_at === null ? undefined : epochMs(row.used_at),
      successor: row.successor ?? undefined,
    }
  );
}
