import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import { MESSAGE, type MessageRow, messageOf, type State } from './store.ts';

/** `started` is durable before anything is sent; one that stays so was cut off, and may have gone out. */
export type AttemptOutcome = 'started' | 'sent' | 'retry' | 'failed';

export interface Attempt {
  readonly n: number;
  readonly at: EpochMs;
  readonly outcome: AttemptOutcome;
  /** The receiver's: of HTTP, or of SMTP. */
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly durationMs: number | undefined;
  /** Sealed: the beginning of what a webhook's receiver answered. */
  readonly answer: string | undefined;
}

const attempt = {
  message_id: 'text',
  n: 'int',
  at: 'int',
  outcome: 'text',
  status: 'int?',
  reason: 'text?',
  duration_ms: 'int?',
  answer: 'text?',
} as const;

const insertAttempts = insertion({ reach: 'platform', table: 'delivery_attempt', columns: attempt });

const endAttempt = statement({
  reach: 'platform',
  sql: `update delivery_attempt
    set outcome = :outcome, status = :status, reason = :reason, duration_ms = :duration_ms, answer = :answer
    where message_id = :message_id and n = :n`,
  params: {
    message_id: 'text',
    n: 'int',
    outcome: 'text',
    status: 'int?',
    reason: 'text?',
    duration_ms: 'int?',
    answer: 'text?',
  },
});

const selectAttempts = statement({
  reach: 'platform',
  sql: `select ${Object.keys(attempt).join(', ')} from delivery_attempt
    where message_id = :message_id order by n desc limit :count`,
  params: { message_id: 'text', count: 'int' },
  returns: attempt,
});

const selectOne = statement({
  reach: 'platform',
  sql: `select ${MESSAGE.columns} from delivery_message where id = :id`,
  params: { id: 'text' },
  returns: MESSAGE.row,
});

const selectOfEndpoint = statement({
  reach: 'platform',
  sql: `select ${MESSAGE.columns} from delivery_message
    where endpoint_id = :endpoint_id and tenant_id = :tenant and id < :before order by id desc limit :count`,
  params: { endpoint_id: 'text', tenant: 'text', before: 'text', count: 'int' },
  returns: MESSAGE.row,
});

const selectSince = statement({
  reach: 'platform',
  sql: `select ${MESSAGE.columns} from delivery_message
    where endpoint_id = :endpoint_id and tenant_id = :tenant and state = 'failed'
      and payload is not null and created_at >= :since
    order by id limit :count`,
  params: { endpoint_id: 'text', tenant: 'text', since: 'int', count: 'int' },
  returns: MESSAGE.row,
});

const selectMail = statement({
  reach: 'platform',
  sql: `select ${MESSAGE.columns} from delivery_message
    where kind = :kind and state = :state and id < :before and (:every = 1 or tenant_id = :tenant)
    order by id desc limit :count`,
  params: { kind: 'text', state: 'text', before: 'text', every: 'int', tenant: 'text', count: 'int' },
  returns: MESSAGE.row,
});

/** Which e-mails and SMS are asked for: those of a tenant, or all. */
export interface MailFilter {
  readonly tenantId: TenantId;
  readonly every: boolean;
  readonly states: readonly State[];
  readonly before: string;
  readonly count: number;
}

export const logStore = {
  begin: async (tx: Tx, messages: readonly { id: string; n: number }[], at: EpochMs): Promise<void> => {
    const rest = { at, outcome: 'started', status: null, reason: null, duration_ms: null, answer: null };
    if (messages.length > 0)
      await tx.insert(
        insertAttempts,
        messages.map(({ id, n }) => ({ message_id: id, n, ...rest })),
      );
  },

  end: (tx: Tx, id: string, { n, outcome, status, reason, durationMs, answer }: Omit<Attempt, 'at'>): Promise<number> =>
    tx.run(endAttempt, {
      message_id: id,
      n,
      outcome,
      status: status ?? null,
      reason: reason ?? null,
      duration_ms: durationMs ?? null,
      answer: answer ?? null,
    }),

  /** The newest first. */
  attempts: async (tx: Tx, id: string, count: number): Promise<readonly Attempt[]> =>
    (await tx.all(selectAttempts, { message_id: id, count })).map((row) => ({
      n: row.n,
      at: epochMs(row.at),
      outcome: row.outcome as AttemptOutcome, // only `begin` and `end` write it
      status: row.status ?? undefined,
      reason: row.reason ?? undefined,
      durationMs: row.duration_ms ?? undefined,
      answer: row.answer ?? undefined,
    })),

  get: async (tx: Tx, id: string): Promise<MessageRow | undefined> => {
    const found = await tx.one(selectOne, { id });
    return found && messageOf(found);
  },

  /** Those of a webhook before an id, the newest first. */
  ofEndpoint: async (tx: Tx, tenant: TenantId, endpointId: string, before: string, count: number) =>
    (await tx.all(selectOfEndpoint, { endpoint_id: endpointId, tenant, before, count })).map(messageOf),

  /** What a webhook did not get since a time, the oldest first. */
  failedSince: async (tx: Tx, tenant: TenantId, endpointId: string, since: EpochMs, count: number) =>
    (await tx.all(selectSince, { endpoint_id: endpointId, tenant, since, count })).map(messageOf),

  /** E-mails and SMS before an id, the newest first. */
  mail: async (tx: Tx, { tenantId, every, states, before, count }: MailFilter): Promise<readonly MessageRow[]> => {
    const found: MessageRow[] = [];
    for (const kind of ['email', 'sms']) {
      for (const state of states) {
        const filter = { kind, state, before, every: every ? 1 : 0, tenant: tenantId, count };
        found.push(...(await tx.all(selectMail, filter)).map(messageOf));
      }
    }
    return found.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, count);
  },
};
