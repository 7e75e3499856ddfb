import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant, platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Backlog } from './backlog.ts';
import { LIFE_MS } from './backoff.ts';
import { endpointStore } from './endpoint-store.ts';
import { deliveryFault } from './errors.ts';
import { type Attempt, logStore } from './log-store.ts';
import { answerPlace, PLATFORM, type SealerOf } from './sealing.ts';
import { type MessageRow, messageStore, type State } from './store.ts';

/** A message and its attempts, the newest first. */
export interface Logged {
  readonly message: MessageRow;
  readonly attempts: readonly Attempt[];
}

export interface DeliveryPage {
  readonly items: readonly Logged[];
  /** The id behind which the next page begins. */
  readonly next: string | undefined;
}

export interface PageWish {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** Whose e-mails and SMS: those of a tenant, or all where the operator asks. */
export interface MailWish extends PageWish {
  readonly tenantId: TenantId;
  readonly every: boolean;
  readonly state?: State | undefined;
}

/** What became of messages, and another try for those that failed. Contents and receivers are not shown. */
export interface DeliveryLog {
  /** @throws DELIVERY_WEBHOOK_UNKNOWN */
  ofWebhook(tenant: TenantId, webhook: string, wish: PageWish): Promise<DeliveryPage>;
  /**
   * Sends once more, with the same id.
   *
   * @throws DELIVERY_WEBHOOK_UNKNOWN, DELIVERY_WEBHOOK_DISABLED, DELIVERY_UNKNOWN, DELIVERY_CONTENTS_GONE,
   *   DELIVERY_BACKLOG_FULL
   */
  replay(actor: Actor, tenant: TenantId, webhook: string, id: string): Promise<void>;
  /** What failed since a time, once more; at most 500 at a call. @throws as `replay` */
  recover(
    actor: Actor,
    tenant: TenantId,
    webhook: string,
    since: EpochMs,
  ): Promise<{ replayed: number; more: boolean }>;
  mail(wish: MailWish): Promise<DeliveryPage>;
  /** An e-mail or SMS once more. @throws DELIVERY_UNKNOWN, DELIVERY_CONTENTS_GONE, DELIVERY_BACKLOG_FULL */
  retry(actor: Actor, of: Pick<MailWish, 'tenantId' | 'every'>, id: string): Promise<void>;
}

export interface LogDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly fields: SealerOf;
  readonly clock: Clock;
  readonly backlog: Pick<Backlog, 'admits' | 'note'>;
  readonly onAdded: () => void;
}

const END = '~'; // behind every id
const MAX_ATTEMPTS = 30;
const MAX_RECOVERED = 500;

export function createDeliveryLog({ storage, audit, fields, clock, backlog, onAdded }: LogDeps): DeliveryLog {
  async function withAttempts(tx: Tx, rows: readonly MessageRow[], limit: number): Promise<DeliveryPage> {
    const items: Logged[] = [];
    for (const message of rows.slice(0, limit)) {
      items.push({ message, attempts: await logStore.attempts(tx, message.id, MAX_ATTEMPTS) });
    }
    return { items, next: rows.length > limit ? items.at(-1)?.message.id : undefined };
  }

  /** Answers are stored sealed. */
  async function readable(page: DeliveryPage): Promise<DeliveryPage> {
    const sealer = await fields(PLATFORM);
    const items = page.items.map(({ message, attempts }) => ({
      message,
      attempts: attempts.map((one) => ({
        ...one,
        answer: one.answer && sealer.open(answerPlace(message.id, one.n), one.answer),
      })),
    }));
    return { ...page, items };
  }

  /** @param before how many were begun again in the same write */
  async function again(tx: Tx, message: MessageRow, now: EpochMs, before = 0): Promise<void> {
    const { tenantId, lane } = message;
    if (message.claim !== undefined) return; // it is being sent at this moment
    const isNew = message.state !== 'waiting' && tenantId !== undefined;
    if (isNew && !backlog.admits(tenantId, lane, before + 1)) throw deliveryFault('DELIVERY_BACKLOG_FULL');
    const expiresAt = epochMs(now + LIFE_MS[message.kind]);
    if (!(await messageStore.beginAgain(tx, message.id, now, expiresAt))) throw deliveryFault('DELIVERY_CONTENTS_GONE');
    tx.afterCommit(() => {
      if (isNew) backlog.note(tenantId, lane, 1);
      onAdded();
    });
  }

  async function assertActive(tx: Tx, webhook: string): Promise<void> {
    const row = await endpointStore.get(tx, webhook);
    if (row === undefined) throw deliveryFault('DELIVERY_WEBHOOK_UNKNOWN');
    if (row.state === 'disabled') throw deliveryFault('DELIVERY_WEBHOOK_DISABLED');
  }

  return {
    ofWebhook: async (tenant, webhook, { cursor = END, limit }) => {
      const page = await storage.read(inTenant(tenant), async (tx) => {
        if ((await endpointStore.get(tx, webhook)) === undefined) throw deliveryFault('DELIVERY_WEBHOOK_UNKNOWN');
        return withAttempts(tx, await logStore.ofEndpoint(tx, tenant, webhook, cursor, limit + 1), limit);
      });
      return readable(page);
    },

    replay: (actor, tenantId, webhook, id) =>
      storage.write(inTenant(tenantId), async (tx) => {
        await assertActive(tx, webhook);
        const message = await logStore.get(tx, id);
        if (message?.endpointId !== webhook || message.tenantId !== tenantId) throw deliveryFault('DELIVERY_UNKNOWN');
        await again(tx, message, clock.now());
        const object = { type: 'webhook', id: webhook };
        const facts = { delivery: id };
        await audit.record(tx, { ...actor, tenantId, action: 'webhook.replayed', outcome: 'done', object, facts });
      }),

    recover: (actor, tenantId, webhook, since) =>
      storage.write(inTenant(tenantId), async (tx) => {
        await assertActive(tx, webhook);
        const failed = await logStore.failedSince(tx, tenantId, webhook, since, MAX_RECOVERED);
        const now = clock.now();
        for (const [before, message] of failed.entries()) await again(tx, message, now, before);
        const object = { type: 'webhook', id: webhook };
        const facts = { replayed: failed.length };
        await audit.record(tx, { ...actor, tenantId, action: 'webhook.replayed', outcome: 'done', object, facts });
        return { replayed: failed.length, more: failed.length === MAX_RECOVERED };
      }),

    mail: ({ tenantId, every, state, cursor = END, limit }) => {
      const states: readonly State[] = state === undefined ? ['waiting', 'sent', 'failed'] : [state];
      const filter = { tenantId, every, states, before: cursor, count: limit + 1 };
      return storage.read(platform, async (tx) => withAttempts(tx, await logStore.mail(tx, filter), limit));
    },

    retry: (actor, { tenantId, every }, id) =>
      storage.write(platform, async (tx) => {
        const message = await logStore.get(tx, id);
        const isMail = message?.kind === 'email' || message?.kind === 'sms';
        if (!isMail || !(every || message.tenantId === tenantId)) throw deliveryFault('DELIVERY_UNKNOWN');
        await again(tx, message, clock.now());
        const object = { type: 'delivery', id };
        await audit.record(tx, { ...actor, tenantId, action: 'delivery.retried', outcome: 'done', object });
      }),
  };
}
