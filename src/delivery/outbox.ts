import type { TenantId } from '../kernel/brand.ts';
import { epochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import { type Kind, LIFE_MS } from './backoff.ts';
import { deliveryFault } from './errors.ts';
import { contentsOf, type DeliveryEvent, eventContentsOf, type Message } from './message.ts';
import { payloadPlace, type Sealer } from './sealing.ts';
import { type MessageRow, messageStore } from './store.ts';

/** Puts messages into the database, inside the caller's write: neither the act without the message nor the reverse. */
export interface Outbox {
  /** @returns the id of the message. @throws DELIVERY_MESSAGE_REFUSED, DELIVERY_CHANNEL_OFF */
  enqueue(tx: Tx, message: Message): Promise<string>;
  /** @throws DELIVERY_MESSAGE_REFUSED */
  publish(tx: Tx, event: DeliveryEvent): Promise<void>;
  /** One webhook for each endpoint. @returns their ids */
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
  /** Where events without a tenant belong. */
  readonly home: TenantId;
  /** Called once a message is durable. */
  readonly onAdded: () => void;
}

export function createOutbox({ clock, random, sealer, channels, home, onAdded }: OutboxDeps): Outbox {
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
    await messageStore.add(tx, rows);
    tx.afterCommit(onAdded);
  }

  return {
    enqueue: async (tx, message) => {
      if (!channels.has(message.kind)) throw deliveryFault('DELIVERY_CHANNEL_OFF', { kind: message.kind });
      const life = message.expiresAt === undefined ? {} : { expiresAt: message.expiresAt };
      const row = rowFor(message.kind, contentsOf(message), { tenantId: message.tenantId, ...life });
      await add(tx, [row]);
      return row.id;
    },
    publish: async (tx, event) => {
      const payload = eventContentsOf(event, rfc3339(clock.now()));
      await add(tx, [rowFor('event', payload, { tenantId: event.tenantId ?? home, eventType: event.type })]);
    },
    address: async (tx, { tenantId, eventType, body }, endpoints) => {
      const rows = endpoints.map((endpointId) =>
        rowFor('webhook', body, { lane: `webhook:${endpointId}`, tenantId, endpointId, eventType }),
      );
      if (rows.length > 0) await add(tx, rows);
      return rows.map(({ id }) => id);
    },
  };
}
