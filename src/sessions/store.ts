import {
  type EpochMs,
  epochMs,
  type PersonId,
  personId,
  realmId,
  type SessionId,
  sessionId,
  type TenantId,
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
  amr: 'text?',
  proved_at: 'int?',
  second_factor_at: 'int?',
  known_device: 'text?',
  known_digest: 'bytes?',
  device_kind: 'text?',
} as const;

const found = { ...session, cutoff: 'int?' } as const;

/** With the moment up to which all sessions of its tenant, or of everybody, were ended at once. */
const sessionColumns = `${Object.keys(session)
  .map((name) => `session.${name}`)
  .join(', ')}, (
  select max(before) from session_cutoff
    where (kind = 'tenant' and subject = session.tenant_id) or (kind = 'everyone' and subject = '*')) as cutoff`;

const insertSession = insertion({ reach: 'platform', table: 'session', columns: session });

const selectSession = statement({
  reach: 'platform',
  sql: `select ${sessionColumns} from session where id = :id`,
  params: { id: 'text' },
  returns: found,
});

const selectLive = statement({
  reach: 'platform',
  sql: `select ${sessionColumns} from session
    where person_id = :person and ended_at is null and expires_at > :now
      and last_used_at + coalesce(idle_ms, :idle_ms) > :now
    order by last_used_at desc, id limit 200`,
  params: { person: 'text', now: 'int', idle_ms: 'int' },
  returns: found,
});

const touchSession = statement({
  reach: 'platform',
  sql: 'update session set last_used_at = :now where id = :id and ended_at is null',
  params: { id: 'text', now: 'int' },
});

/** What went idle meanwhile stays so: only its token is still good. */
const useSession = statement({
  reach: 'platform',
  sql: `update session set last_used_at = :at where id = :id and ended_at is null and last_used_at < :at
    and last_used_at + coalesce(idle_ms, :idle_ms) > :at`,
  params: { id: 'text', at: 'int', idle_ms: 'int' },
});

const proveSession = statement({
  reach: 'platform',
  sql: `update session set amr = :amr, proved_at = :proved_at, second_factor_at = :second_factor_at
    where id = :id and ended_at is null`,
  params: { id: 'text', amr: 'text', proved_at: 'int?', second_factor_at: 'int?' },
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

const ended = { id: 'text', tenant_id: 'text', expires_at: 'int', last_used_at: 'int', idle_ms: 'int?' } as const;

const endSessionsOf = statement({
  reach: 'platform',
  sql: `update session set ended_at = :now, end_reason = :reason
    where person_id = :person and ended_at is null and id <> :but
    returning id, tenant_id, expires_at, last_used_at, idle_ms`,
  params: { person: 'text', now: 'int', reason: 'text', but: 'text' },
  returns: ended,
});

const endSessionsIn = statement({
  reach: 'platform',
  sql: `update session set ended_at = :now, end_reason = :reason
    where person_id = :person and tenant_id = :tenant and ended_at is null
    returning id, tenant_id, expires_at, last_used_at, idle_ms`,
  params: { person: 'text', tenant: 'text', now: 'int', reason: 'text' },
  returns: ended,
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

/** A token with its session in one answer: each is a wait for the database in every refresh. */
const selectHeld = statement({
  reach: 'platform',
  sql: `select refresh_token.expires_at as token_expires_at, used_at, successor, ${sessionColumns}
    from refresh_token join session on session.id = refresh_token.session_id where digest = :digest`,
  params: { digest: 'bytes' },
  returns: { ...found, token_expires_at: 'int', used_at: 'int?', successor: 'text?' },
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

/** Up to when a batch of what has run out reaches: a range, for a list of keys would be joined by walking through all. */
const boundaryOf = (table: string) =>
  statement({
    reach: 'platform',
    sql: `select expires_at from ${table} where expires_at <= :before order by expires_at limit 1 offset :most`,
    params: { before: 'int', most: 'int' },
    returns: { expires_at: 'int' },
  });

const dropOf = (table: string) =>
  statement({
    reach: 'platform',
    sql: `delete from ${table} where expires_at <= :before`,
    params: { before: 'int' },
  });

const outdated = [
  { boundary: boundaryOf('refresh_token'), drop: dropOf('refresh_token') },
  { boundary: boundaryOf('session'), drop: dropOf('session') },
];

export type RevocationRow = RowOf<typeof revocation>;

export const sessionStore = {
  add: (tx: Tx, row: RowOf<typeof session>) => tx.insert(insertSession, [row]),
  get: async (tx: Tx, id: SessionId) => sessionOf(await tx.one(selectSession, { id })),
  live: async (tx: Tx, person: PersonId, now: EpochMs, idle_ms: number): Promise<readonly SessionRow[]> =>
    (await tx.all(selectLive, { person, now, idle_ms })).flatMap((row) => sessionOf(row) ?? []),
  touch: (tx: Tx, id: SessionId, now: EpochMs) => tx.run(touchSession, { id, now }),
  /** Notes a request of a session that is still live. */
  use: (tx: Tx, id: SessionId, at: EpochMs, idle_ms: number) => tx.run(useSession, { id, at, idle_ms }),
  /** @returns false for one that has ended */
  prove: async (
    tx: Tx,
    id: SessionId,
    { amr, provedAt, secondFactorAt }: Pick<SessionRow, 'provedAt' | 'secondFactorAt'> & { readonly amr: string },
  ): Promise<boolean> => {
    const times = { proved_at: provedAt ?? null, second_factor_at: secondFactorAt ?? null };
    return (await tx.run(proveSession, { id, amr, ...times })) > 0;
  },
  proveDevice: (tx: Tx, id: SessionId) => tx.run(proveDevice, { id, proved: true }),
  end: async (tx: Tx, id: SessionId, now: EpochMs, reason: string): Promise<boolean> =>
    (await tx.run(endSession, { id, now, reason })) > 0,
  /** @param but one that goes on */
  endAllOf: async (tx: Tx, person: PersonId, now: EpochMs, reason: string, but?: SessionId): Promise<EndedRow[]> =>
    (await tx.all(endSessionsOf, { person, now, reason, but: but ?? '' })).map(endedOf),

  endAllIn: async (tx: Tx, person: PersonId, tenant: TenantId, now: EpochMs, reason: string): Promise<EndedRow[]> =>
    (await tx.all(endSessionsIn, { person, tenant, now, reason })).map(endedOf),

  endEvery: (tx: Tx, now: EpochMs, reason: string) => tx.run(endEverySession, { now, reason }),

  addRefresh: (tx: Tx, digest: Uint8Array, session_id: SessionId, expires_at: number) =>
    tx.insert(insertRefresh, [{ digest, session_id, expires_at, used_at: null, successor: null, repeats: 0 }]),
  refresh: async (tx: Tx, digest: Uint8Array) => refreshOf(await tx.one(selectRefresh, { digest })),
  held: async (tx: Tx, digest: Uint8Array): Promise<HeldRow | undefined> => {
    const both = await tx.one(selectHeld, { digest });
    const session = sessionOf(both);
    const row = both && refreshOf({ ...both, session_id: both.id, expires_at: both.token_expires_at });
    return session && row && { row, session };
  },
  take: async (tx: Tx, digest: Uint8Array, successor: string, now: EpochMs): Promise<boolean> =>
    (await tx.run(takeRefresh, { digest, successor, now })) > 0,
  countRepeat: async (tx: Tx, digest: Uint8Array, most: number): Promise<boolean> =>
    (await tx.run(countRepeat, { digest, most })) > 0,

  addRevocation: (tx: Tx, row: RevocationRow) => tx.insert(insertRevocation, [row]),
  revocations: (tx: Tx, after: string, now: EpochMs) => tx.all(selectRevocations, { after, now }),
  /** Forgets revocations whose last token is dead. */
  pruneRevocations: (tx: Tx, now: EpochMs) => tx.run(dropRevocations, { now }),
  /** Forgets sessions, kept for a while for the curious, about so many at once. @returns whether there are more */
  prune: async (tx: Tx, before: number, most: number): Promise<boolean> => {
    let more = false;
    for (const { boundary, drop } of outdated) {
      const reaches = await tx.one(boundary, { before, most });
      await tx.run(drop, { before: reaches?.expires_at ?? before });
      more ||= reaches !== undefined;
    }
    return more;
  },
};

/** A refresh token and the session that it is of. */
export interface HeldRow {
  readonly row: RefreshRow;
  readonly session: SessionRow;
}

/** A session that was just ended. */
export interface EndedRow {
  readonly id: SessionId;
  readonly tenantId: TenantId;
  readonly expiresAt: EpochMs;
  readonly lastUsedAt: EpochMs;
  readonly idleMs: number | undefined;
}

export function endedOf(row: {
  readonly id: string;
  readonly tenant_id: string;
  readonly expires_at: number;
  readonly last_used_at: number;
  readonly idle_ms: number | null;
}): EndedRow {
  return {
    id: sessionId(row.id),
    tenantId: tenantId(row.tenant_id),
    expiresAt: epochMs(row.expires_at),
    lastUsedAt: epochMs(row.last_used_at),
    idleMs: row.idle_ms ?? undefined,
  };
}

function sessionOf(row: RowOf<typeof found> | undefined): SessionRow | undefined {
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
      ended: row.ended_at !== null || (row.cutoff !== null && row.authenticated_at <= row.cutoff),
      ...provedOf(row),
    }
  );
}

/** One from before it was noted was begun by a password, and nothing stood in for anything. */
function provedOf(
  row: RowOf<typeof session>,
): Pick<SessionRow, 'amr' | 'provedAt' | 'secondFactorAt' | 'knownDeviceId' | 'knownDigest'> {
  const provedAt = row.amr === null ? row.authenticated_at : row.proved_at;
  return {
    amr: row.amr === null ? ['pwd'] : row.amr.split(' '),
    provedAt: provedAt === null ? undefined : epochMs(provedAt),
    secondFactorAt: row.second_factor_at === null ? undefined : epochMs(row.second_factor_at),
    knownDeviceId: row.known_device ?? undefined,
    knownDigest: row.known_digest ?? undefined,
  };
}

function refreshOf(row: Omit<RowOf<typeof refresh>, 'digest' | 'repeats'> | undefined): RefreshRow | undefined {
  return (
    row && {
      sessionId: sessionId(row.session_id),
      expiresAt: epochMs(row.expires_at),
      usedAt: row.used_at === null ? undefined : epochMs(row.used_at),
      successor: row.successor ?? undefined,
    }
  );
}
