import type { TenantId } from '../kernel/brand.ts';
import { epochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Backlog } from './backlog.ts';
import { type Kind, LIFE_MS } from './backoff.ts';
import { deliveryFault } from './errors.ts';
import { contentsOf, type DeliveryEvent, eventContentsOf, type Message } from './message.ts';
import { payloadPlace, type Sealer } from './sealing.ts';
import { type MessageRow, messageStore } from './store.ts';

/** Puts messages into the database, inside the caller's write: neither the act without the message nor the reverse. */
export interface Outbox {
  /** @returns the id of the message. @throws DELIVERY_MESSAGE_REFUSED, DELIVERY_CHANNEL_OFF, DELIVERY_BACKLOG_FULL */
  enqueue(tx: Tx, message: Message): Promise<string>;
  /** Dropped, and that recorded, where too much waits: the act it tells of is done all the same. @throws DELIVERY_MESSAGE_REFUSED */
  publish(tx: Tx, event: DeliveryEvent): Promise<void>;
  /** One webhook for each endpoint; those for which too much waits are dropped, and that recorded. @returns the ids */
  address(tx: Tx, body: WebhookBody, endpoints: readonly string[]): Promise<readonly string[]>;
}

/** What webhooks carry, and whose they are. */
export interface WebhookBody {
  readonly tenantId: TenantId;
  readonly eventType: string;
  /** JSON text, sent byte for byte. */
  readonly body: string;
}

export interface OutboxDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: () => Sealer;
  readonly channels: ReadonlySet<Message['kind']>;
  readonly backlog: Pick<Backlog, 'admits' | 'note' | 'dropped' | 'refused'>;
  /** Where events without a tenant belong. */
  readonly home: TenantId;
  /** Called once a message is durable. */
  readonly onAdded: () => void;
}

export function createOutbox(deps: OutboxDeps): Outbox {
  const { clock, random, sealer, channels, backlog, home, onAdded } = deps;
  function rowFor(kind: Kind, payload: string, more: Partial<MessageRow> = {}): MessageRow {
    const id = newUuid(clock, random);
    const now = clock.now();
    return {
      id,
      kind,
      lane: kind,
      tenantId: undefined,
      endpointId: undefined,
      eventType: undefined,
      state: 'waiting',
      reason: undefined,
      createdAt: now,
      dueAt: now,
      expiresAt: epochMs(now + LIFE_MS[kind]),
      attempts: 0,
      tries: 0,
      claim: undefined,
      ...more,
      payload: sealer().seal(payloadPlace(id), payload),
    };
  }

  async function add(tx: Tx, rows: readonly MessageRow[]): Promise<void> {
    if (rows.length === 0) return;
    await messageStore.add(tx, rows);
    tx.afterCommit(() => {
      for (const { tenantId, lane } of rows) if (tenantId !== undefined) backlog.note(tenantId, lane, 1);
      onAdded();
    });
  }

  return {
    enqueue: async (tx, message) => {
      if (!channels.has(message.kind)) throw deliveryFault('DELIVERY_CHANNEL_OFF', { kind: message.kind });
      const { tenantId } = message;
      if (tenantId !== undefined && !backlog.admits(tenantId, message.kind)) {
        backlog.refused(tenantId);
        throw deliveryFault('DELIVERY_BACKLOG_FULL');
      }
      const life = message.expiresAt === undefined ? {} : { expiresAt: message.expiresAt };
      const row = rowFor(message.kind, contentsOf(message), { tenantId, ...life });
      await add(tx, [row]);
      return row.id;
    },
    publish: async (tx, event) => {
      const payload = eventContentsOf(event, rfc3339(clock.now()));
      const tenantId = event.tenantId ?? home;
      if (!backlog.admits(tenantId, 'event')) return backlog.dropped(tx, tenantId, 1);
      await add(tx, [rowFor('event', payload, { tenantId, eventType: event.type })]);
    },
    address: async (tx, { tenantId, eventType, body }, endpoints) => {
      const admitted = endpoints.filter((id) => backlog.admits(tenantId, laneOf(id)));
      const rows = admitted.map((endpointId) =>
        rowFor('webhook', body, { lane: laneOf(endpointId), tenantId, endpointId, eventType }),
      );
      await add(tx, rows);
      const left = endpoints.length - rows.length;
      if (left > 0) await backlog.dropped(tx, tenantId, left);
      return rows.map(({ id }) => id);
    },
  };
}

/** Where messages for a webhook wait for their turn. */
export const laneOf = (endpointId: string): string => `webhook:${endpointId}`;
