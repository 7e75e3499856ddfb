import { type EpochMs, epochMs, type TenantId, tenantId } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import type { Kind } from './backoff.ts';

export type State = 'waiting' | 'sent' | 'failed';

/** One message on its way out. */
export interface MessageRow {
  /** The same in every attempt: `webhook-id`, and the left part of `Message-ID`. */
  readonly id: string;
  readonly kind: Kind;
  /** What waits for its turn together, so that a slow receiver holds up nobody else: `email`, `webhook:<id>`. */
  readonly lane: string;
  readonly tenantId: TenantId | undefined;
  readonly endpointId: string | undefined;
  readonly eventType: string | undefined;
  /** Sealed; undefined once it is of no more use. */
  readonly payload: string | undefined;
  readonly state: State;
  readonly reason: string | undefined;
  readonly createdAt: EpochMs;
  readonly dueAt: EpochMs;
  readonly expiresAt: EpochMs;
  /** All there were. */
  readonly attempts: number;
  /** Those since it was last begun. */
  readonly tries: number;
  /** Who is sending it; it is theirs until `claimedUntil`. */
  readonly claim: string | undefined;
}

const row = {
  id: 'text',
  kind: 'text',
  lane: 'text',
  tenant_id: 'text?',
  endpoint_id: 'text?',
  event_type: 'text?',
  payload: 'text?',
  state: 'text',
  reason: 'text?',
  created_at: 'int',
  due_at: 'int',
  expires_at: 'int',
  attempts: 'int',
  tries: 'int',
  claim: 'text?',
} as const;
const columns = Object.keys(row).join(', ');

const insertMessages = insertion({
  reach: 'platform',
  table: 'delivery_message',
  columns: { ...row, ready: 'int?' },
});

const selectUnready = statement({
  reach: 'platform',
  sql: `select id from delivery_message
    where state = 'waiting' and ready is null and due_at <= :now order by due_at, id limit 1`,
  params: { now: 'int' },
  returns: { id: 'text' },
});

const makeReady = statement({
  reach: 'platform',
  sql: `update delivery_message set ready = 1 where id in (select id from delivery_message
    where state = 'waiting' and ready is null and due_at <= :now order by due_at, id limit :count)`,
  params: { now: 'int', count: 'int' },
});

const selectNextLane = statement({
  reach: 'platform',
  sql: `select lane, tenant_id from delivery_message
    where ready = 1 and lane > :after and lane <= :up_to order by lane, due_at, id limit 1`,
  params: { after: 'text', up_to: 'text' },
  returns: { lane: 'text', tenant_id: 'text?' },
});

const selectWaiting = statement({
  reach: 'platform',
  sql: `select lane, count(*) as waiting from delivery_message
    where state = 'waiting' and tenant_id = :tenant group by lane`,
  params: { tenant: 'text' },
  returns: { lane: 'text', waiting: 'int' },
});

// What is being sent at this moment is left to whoever sends it.
const failLane = statement({
  reach: 'platform',
  sql: `update delivery_message
    set state = 'failed', reason = :reason, due_at = :now, settled_at = :now, payload = null, ready = null
    where id in (select id from delivery_message
      where state = 'waiting' and lane = :lane and claim is null order by due_at, id limit :count)`,
  params: { lane: 'text', reason: 'text', now: 'int', count: 'int' },
});

const selectDue = statement({
  reach: 'platform',
  sql: `select ${columns} from delivery_message
    where ready = 1 and lane = :lane and due_at <= :now order by due_at, id limit :count`,
  params: { lane: 'text', now: 'int', count: 'int' },
  returns: row,
});

// `due_at` moves to the end of the claim, so that what is being sent is not found as due, and is again when we die.
// A claim that is still there belonged to a process that died, and its try was none of the receiver's doing.
const claimMessage = statement({
  reach: 'platform',
  sql: `update delivery_message
    set claim = :claim, claimed_until = :until, due_at = :until, ready = null, attempts = attempts + 1,
      tries = case when claim is null then tries + 1 else tries end
    where id = :id and state = 'waiting' and due_at <= :now`,
  params: { id: 'text', claim: 'text', until: 'int', now: 'int' },
});

const settleMessage = statement({
  reach: 'platform',
  sql: `update delivery_message
    set state = :state, reason = :reason, due_at = :due_at, settled_at = :settled_at, tries = :tries, claim = null,
      claimed_until = null, ready = null, payload = case when :forget = 1 then null else payload end
    where id = :id and claim = :claim`,
  params: {
    id: 'text',
    claim: 'text',
    state: 'text',
    reason: 'text?',
    due_at: 'int',
    settled_at: 'int?',
    tries: 'int',
    forget: 'int',
  },
});

const deleteClaimed = statement({
  reach: 'platform',
  sql: 'delete from delivery_message where id = :id and claim = :claim',
  params: { id: 'text', claim: 'text' },
});

const releaseAll = statement({
  reach: 'platform',
  sql: `update delivery_message set claim = null, claimed_until = null, due_at = :now,
      tries = case when tries > 0 then tries - 1 else 0 end
    where state = 'waiting' and claim is not null`,
  params: { now: 'int' },
});

const beginAgain = statement({
  reach: 'platform',
  sql: `update delivery_message
    set state = 'waiting', reason = null, tries = 0, due_at = :now, expires_at = :expires_at, settled_at = null,
      ready = null
    where id = :id and claim is null and payload is not null`,
  params: { id: 'text', now: 'int', expires_at: 'int' },
});

const selectSettled = statement({
  reach: 'platform',
  sql: 'select id from delivery_message where settled_at < :before order by settled_at limit :count',
  params: { before: 'int', count: 'int' },
  returns: { id: 'text' },
});

const deleteMessage = statement({
  reach: 'platform',
  sql: 'delete from delivery_message where id = :id',
  params: { id: 'text' },
});

const deleteAttempts = statement({
  reach: 'platform',
  sql: 'delete from delivery_attempt where message_id = :id',
  params: { id: 'text' },
});

export interface Claim {
  readonly claim: string;
  readonly until: EpochMs;
  readonly now: EpochMs;
}

export interface Settlement {
  readonly state: State;
  readonly reason: string | undefined;
  readonly dueAt: EpochMs;
  readonly settledAt: EpochMs | undefined;
  readonly tries: number;
  /** Drop what it says and to whom. */
  readonly forget: boolean;
}

/** A lane in which something is due. */
export interface DueLane {
  readonly lane: string;
  readonly tenantId: TenantId | undefined;
}

export const messageStore = {
  add: async (tx: Tx, messages: readonly MessageRow[]): Promise<void> => {
    const rows = messages.map((message) => ({
      ...rowOf(message),
      ready: message.dueAt <= message.createdAt ? 1 : null,
    }));
    if (rows.length > 0) await tx.insert(insertMessages, rows);
  },

  /** Whether something has become due that no lane shows yet. */
  hasUnready: async (tx: Tx, now: EpochMs): Promise<boolean> => (await tx.one(selectUnready, { now })) !== undefined,

  /** Shows in their lanes what has become due, at most `count`. */
  makeReady: (tx: Tx, now: EpochMs, count: number): Promise<number> => tx.run(makeReady, { now, count }),

  /** The first lane behind another in which something is due, and whose that is. */
  nextLane: async (tx: Tx, after: string, upTo: string): Promise<DueLane | undefined> => {
    const found = await tx.one(selectNextLane, { after, up_to: upTo });
    return found && { lane: found.lane, tenantId: found.tenant_id === null ? undefined : tenantId(found.tenant_id) };
  },

  /** How many messages of a tenant wait, by lane. */
  waiting: async (tx: Tx, tenant: TenantId): Promise<ReadonlyMap<string, number>> =>
    new Map((await tx.all(selectWaiting, { tenant })).map(({ lane, waiting }) => [lane, waiting])),

  /** Gives up what waits in a lane. @returns how many messages that were, at most `count` */
  failLane: (tx: Tx, lane: string, reason: string, now: EpochMs, count: number): Promise<number> =>
    tx.run(failLane, { lane, reason, now, count }),

  due: async (tx: Tx, lane: string, now: EpochMs, count: number): Promise<readonly MessageRow[]> =>
    (await tx.all(selectDue, { lane, now, count })).map(messageOf),

  /** @returns false where somebody else was quicker */
  claim: async (tx: Tx, id: string, claim: Claim): Promise<boolean> =>
    (await tx.run(claimMessage, { id, ...claim })) === 1,

  /** @returns false where the claim had run out and somebody else has it */
  settle: async (tx: Tx, id: string, claim: string, to: Settlement): Promise<boolean> => {
    const { state, reason = null, dueAt, settledAt = null, tries } = to;
    const values = { state, reason, due_at: dueAt, settled_at: settledAt, tries, forget: to.forget ? 1 : 0 };
    return (await tx.run(settleMessage, { id, claim, ...values })) === 1;
  },

  /** @returns false where the claim had run out and somebody else has it */
  removeClaimed: async (tx: Tx, id: string, claim: string): Promise<boolean> =>
    (await tx.run(deleteClaimed, { id, claim })) === 1,

  /** Makes due at once what a process that is no more had claimed; that it died counts as no try. */
  releaseAll: (tx: Tx, now: EpochMs): Promise<number> => tx.run(releaseAll, { now }),

  /** @returns false where it is being sent just now, or its contents are gone */
  beginAgain: async (tx: Tx, id: string, now: EpochMs, expiresAt: EpochMs): Promise<boolean> =>
    (await tx.run(beginAgain, { id, now, expires_at: expiresAt })) === 1,

  /** @returns how many were removed, at most `count` */
  prune: async (tx: Tx, before: EpochMs, count: number): Promise<number> => {
    const settled = await tx.all(selectSettled, { before, count });
    for (const { id } of settled) {
      await tx.run(deleteAttempts, { id });
      await tx.run(deleteMessage, { id });
    }
    return settled.length;
  },
};

/** Columns of a message, for the statements of its other stores. */
export const MESSAGE = { row, columns } as const;

function rowOf(message: MessageRow): RowOf<typeof row> {
  return {
    id: message.id,
    kind: message.kind,
    lane: message.lane,
    tenant_id: message.tenantId ?? null,
    endpoint_id: message.endpointId ?? null,
    event_type: message.eventType ?? null,
    payload: message.payload ?? null,
    state: message.state,
    reason: message.reason ?? null,
    created_at: message.createdAt,
    due_at: message.dueAt,
    expires_at: message.expiresAt,
    attempts: message.attempts,
    tries: message.tries,
    claim: message.claim ?? null,
  };
}

export function messageOf(stored: RowOf<typeof row>): MessageRow {
  return {
    id: stored.id,
    kind: stored.kind as Kind, // only `rowOf` writes it
    lane: stored.lane,
    tenantId: stored.tenant_id === null ? undefined : tenantId(stored.tenant_id),
    endpointId: stored.endpoint_id ?? undefined,
    eventType: stored.event_type ?? undefined,
    payload: stored.payload ?? undefined,
    state: stored.state as State, // only `rowOf` and `settle` write it
    reason: stored.reason ?? undefined,
    createdAt: epochMs(stored.created_at),
    dueAt: epochMs(stored.due_at),
    expiresAt: epochMs(stored.expires_at),
    attempts: stored.attempts,
    tries: stored.tries,
    claim: stored.claim ?? undefined,
  };
}
