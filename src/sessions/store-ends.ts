import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import { type EndedRow, endedOf } from './store.ts';

/** Whose sessions are ended at once. `everyone` has the subject `*`. */
export type CutoffKind = 'tenant' | 'everyone';

const cutoff = { kind: 'text', subject: 'text', before: 'int', reason: 'text', swept: 'bool' } as const;

const insertCutoff = insertion({
  reach: 'platform',
  table: 'session_cutoff',
  columns: cutoff,
  unless: ['kind', 'subject'],
});

const updateCutoff = statement({
  reach: 'platform',
  sql: `update session_cutoff set before = :before, reason = :reason, swept = :swept
    where kind = :kind and subject = :subject and before < :before`,
  params: cutoff,
});

const selectUnswept = statement({
  reach: 'platform',
  sql: 'select kind, subject, before, reason, swept from session_cutoff where swept = :swept order by before limit 100',
  params: { swept: 'bool' },
  returns: cutoff,
});

const markSwept = statement({
  reach: 'platform',
  sql: 'update session_cutoff set swept = :swept where kind = :kind and subject = :subject and before = :before',
  params: { kind: 'text', subject: 'text', before: 'int', swept: 'bool' },
});

const ALL_OF_TENANT = 'tenant_id = :subject and ended_at is null and authenticated_at <= :before';
const ALL = 'ended_at is null and authenticated_at <= :before';

/** Where the next batch lies. */
const nextOf = (which: string): string =>
  `select authenticated_at from session where ${which} and authenticated_at > :after
    order by authenticated_at limit :most`;

/** A range with two ends: a database that plans without their values takes one end for a third of all, and walks. */
const sweep = (which: string): string => `update session set ended_at = :now, end_reason = :reason
    where ${which} and authenticated_at >= :from
    returning id, tenant_id, expires_at, last_used_at, idle_ms`;

const begun = { authenticated_at: 'int' } as const;
const swept = { id: 'text', tenant_id: 'text', expires_at: 'int', last_used_at: 'int', idle_ms: 'int?' } as const;

const nextInTenant = statement({
  reach: 'platform',
  sql: nextOf(ALL_OF_TENANT),
  params: { subject: 'text', after: 'int', before: 'int', most: 'int' },
  returns: begun,
});

const nextOfAll = statement({
  reach: 'platform',
  sql: nextOf(ALL),
  params: { after: 'int', before: 'int', most: 'int' },
  returns: begun,
});

const sweepTenant = statement({
  reach: 'platform',
  sql: sweep(ALL_OF_TENANT),
  params: { subject: 'text', now: 'int', reason: 'text', from: 'int', before: 'int' },
  returns: swept,
});

const sweepEveryone = statement({
  reach: 'platform',
  sql: sweep(ALL),
  params: { now: 'int', reason: 'text', from: 'int', before: 'int' },
  returns: swept,
});

/** Begun after the cutoff by the clock, and before it all the same: that was set back, or another node's is ahead. */
const later = (which: string): string => `update session set ended_at = :now, end_reason = :reason
    where ${which}ended_at is null and authenticated_at > :before
    returning id, tenant_id, expires_at, last_used_at, idle_ms`;

const endLaterInTenant = statement({
  reach: 'platform',
  sql: later('tenant_id = :subject and '),
  params: { subject: 'text', now: 'int', reason: 'text', before: 'int' },
  returns: swept,
});

const endLaterOfAll = statement({
  reach: 'platform',
  sql: later(''),
  params: { now: 'int', reason: 'text', before: 'int' },
  returns: swept,
});

const live = { profile: 'text', kind: 'text', count: 'int', active: 'int' } as const;

const countLive = statement({
  reach: 'platform',
  sql: `select coalesce(profile, 'twinkeep') as profile, coalesce(device_kind, 'unknown') as kind, count(*) as count,
      sum(case when last_used_at > :since then 1 else 0 end) as active
    from session where tenant_id = :tenant and ended_at is null and expires_at > :now
      and last_used_at + coalesce(idle_ms, :idle_ms) > :now
    group by profile, device_kind order by profile, kind limit 500`,
  params: { tenant: 'text', now: 'int', idle_ms: 'int', since: 'int' },
  returns: live,
});

const tally = { tenant_id: 'text', hour: 'int', what: 'text', count: 'int' } as const;

const insertTally = insertion({
  reach: 'platform',
  table: 'session_tally',
  columns: tally,
  unless: ['tenant_id', 'hour', 'what'],
});

const addTally = statement({
  reach: 'platform',
  sql: 'update session_tally set count = count + :count where tenant_id = :tenant_id and hour = :hour and what = :what',
  params: tally,
});

const selectTally = statement({
  reach: 'platform',
  sql: `select tenant_id, hour, what, count from session_tally
    where tenant_id = :tenant and hour >= :from order by hour, what`,
  params: { tenant: 'text', from: 'int' },
  returns: tally,
});

const dropTally = statement({
  reach: 'platform',
  sql: 'delete from session_tally where hour < :before',
  params: { before: 'int' },
});

const selectTime = statement({
  reach: 'platform',
  sql: 'select cast(current_timestamp as text) as at',
  returns: { at: 'text' },
});

/** Sessions by when they were begun, both ends included. */
export interface Stretch {
  readonly from: number;
  readonly before: number;
}

export type CutoffRow = RowOf<typeof cutoff>;
export type TallyRow = RowOf<typeof tally>;
export type LiveCount = RowOf<typeof live>;

export const endStore = {
  /** Sessions begun up to `before` are over from here on, marked or not; one that lies later already stays. */
  cutOff: async (tx: Tx, row: Omit<CutoffRow, 'swept'>): Promise<void> => {
    const whole = { ...row, swept: false };
    const held = await tx.insert(insertCutoff, [whole]);
    if (held.length > 0) await tx.run(updateCutoff, whole);
  },
  /** Ends those that the cutoff can't name, for they lie behind it: few, where clocks go about the same. */
  endLater: async (
    tx: Tx,
    { kind, subject, before, reason }: CutoffRow,
    now: EpochMs,
  ): Promise<readonly EndedRow[]> => {
    const rows =
      kind === 'tenant'
        ? await tx.all(endLaterInTenant, { subject, now, reason, before })
        : await tx.all(endLaterOfAll, { now, reason, before });
    return rows.map(endedOf);
  },
  unswept: (tx: Tx) => tx.all(selectUnswept, { swept: false }),
  markSwept: (tx: Tx, { kind, subject, before }: CutoffRow) =>
    tx.run(markSwept, { kind, subject, before, swept: true }),
  /**
   * Where the next of those lie that a cutoff ended, about as many as told, begun after the last; `undefined` when all are
   * marked.
   */
  next: async (tx: Tx, row: CutoffRow, after: number, most: number): Promise<Stretch | undefined> => {
    const { kind, subject, before } = row;
    const rows =
      kind === 'tenant'
        ? await tx.all(nextInTenant, { subject, after, before, most })
        : await tx.all(nextOfAll, { after, before, most });
    const [first, last] = [rows[0], rows.at(-1)];
    return first && last && { from: first.authenticated_at, before: last.authenticated_at };
  },
  /** Marks these. */
  sweep: async (tx: Tx, row: CutoffRow, stretch: Stretch, now: EpochMs): Promise<readonly EndedRow[]> => {
    const { kind, subject, reason } = row;
    const rows =
      kind === 'tenant'
        ? await tx.all(sweepTenant, { subject, now, reason, ...stretch })
        : await tx.all(sweepEveryone, { now, reason, ...stretch });
    return rows.map(endedOf);
  },

  live: (tx: Tx, tenant: TenantId, times: { now: EpochMs; idle_ms: number; since: number }) =>
    tx.all(countLive, { tenant, ...times }),
  tally: (tx: Tx, tenant: TenantId, from: number) => tx.all(selectTally, { tenant, from }),
  addTally: async (tx: Tx, row: TallyRow): Promise<void> => {
    const held = await tx.insert(insertTally, [row]);
    if (held.length > 0) await tx.run(addTally, row);
  },
  /** The time by the database's own clock, to the second at least; `undefined` where it is told in a form of its own. */
  databaseTime: async (tx: Tx): Promise<EpochMs | undefined> => timeOf((await tx.one(selectTime, {}))?.at ?? ''),
  pruneTally: (tx: Tx, before: number) => tx.run(dropTally, { before }),
};

const TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:([+-]\d\d)(?::(\d\d))?)?$/;

/** UTC where no offset is told, as with SQLite. */
function timeOf(text: string): EpochMs | undefined {
  const [, day, time, hours = '+00', minutes = '00'] = TIME.exec(text) ?? [];
  return day === undefined ? undefined : epochMs(Math.floor(Date.parse(`${day}T${time}${hours}:${minutes}`)));
}
