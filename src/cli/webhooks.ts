import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { seconds } from '../kernel/clock.ts';
import type { Run } from './command.ts';
import { type DeliveryView, deliveryPage, deliveryTable } from './deliveries.ts';
import { type Door, throughDoor } from './door.ts';
import { tableOf } from './terminal.ts';
import { namesOf } from './users.ts';

const webhook = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  failing_since: z.string().nullable(),
  created_by: z.string(),
  created_at: z.string(),
});
const newWebhook = webhook.extend({ secret: z.string() });
const webhooks = z.object({ items: z.array(webhook) });
const sending = z.object({ delivery_id: z.string() });
const recovery = z.object({ replayed: z.number(), more: z.boolean() });

const TEST_MS = seconds(20);
const TEST_POLL_MS = 200;

const pathOf = (id: string, rest = ''): string => `/v1/webhooks/${encodeURIComponent(id)}${rest}`;

/** `webhooks add <URL>`. */
export const addWebhook: Run = (args, terminal) => {
  const wish = { url: args.operand(0), events: namesOf(args, 'event'), description: args.text('description') ?? '' };
  return throughDoor(args, terminal, 'makes', async (door) => {
    const made = newWebhook.parse(await door.call('POST', '/v1/webhooks', wish));
    const sentence = `Made the webhook ${made.id} for ${made.events.join(', ')}.`;
    terminal.answer(made, `${sentence}\nSecret (shown once): ${made.secret}`);
    return 0;
  });
};

/** `webhooks list`. */
export const listWebhooks: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const { items } = webhooks.parse(await door.call('GET', '/v1/webhooks'));
    const rows = items.map(({ url, events, state, reason, id }) => [
      url,
      events.join(', '),
      reason === null ? state : `${state} (${reason})`,
      id,
    ]);
    terminal.answer(items, tableOf(['url', 'events', 'state', 'id'], rows));
    return 0;
  });

/** `webhooks remove <id>`. */
export const removeWebhook: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const id = args.operand(0);
    await door.call('DELETE', pathOf(id));
    terminal.answer({ id, removed: true }, `Removed the webhook ${id}.`);
    return 0;
  });

/** `webhooks test <id>`: sends an event and waits for what becomes of it. */
export const testWebhook: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const id = args.operand(0);
    const { delivery_id } = sending.parse(await door.call('POST', pathOf(id, '/test')));
    const found = await firstAttempt(door, id, delivery_id);
    const last = found?.attempts[0];
    if (found === undefined || last === undefined || last.outcome === 'started') {
      terminal.answer({ delivery_id, state: 'waiting' }, `The event ${delivery_id} is on its way; no answer came yet.`);
      return 1;
    }
    const taken = found.state === 'sent';
    const words = taken ? `took the event (${last.status})` : `did not take the event: ${last.reason}`;
    terminal.answer(found, `The receiver ${words}, webhook-id ${found.id}.`);
    return taken ? 0 : 1;
  });

/** Waits until an attempt has ended. @returns undefined where none has within 20 s */
async function firstAttempt(door: Door, webhookId: string, id: string): Promise<DeliveryView | undefined> {
  let found: DeliveryView | undefined;
  for (let waited = 0; waited < TEST_MS; waited += TEST_POLL_MS) {
    const { items } = deliveryPage.parse(await door.call('GET', pathOf(webhookId, '/deliveries')));
    found = items.find((one) => one.id === id);
    const outcome = found?.attempts[0]?.outcome;
    if (outcome !== undefined && outcome !== 'started') return found;
    await pause(TEST_POLL_MS);
  }
  return found;
}

/** `webhooks deliveries <id>`. */
export const listWebhookDeliveries: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const query = new URLSearchParams({ limit: '50' });
    const cursor = args.text('cursor');
    if (cursor !== undefined) query.set('cursor', cursor);
    const page = deliveryPage.parse(await door.call('GET', pathOf(args.operand(0), `/deliveries?${query}`)));
    terminal.answer(page, deliveryTable(page));
    return 0;
  });

/** `webhooks replay <id> <delivery>`. */
export const replayDelivery: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const path = pathOf(args.operand(0), `/deliveries/${encodeURIComponent(args.operand(1))}/replay`);
    const { delivery_id } = sending.parse(await door.call('POST', path));
    terminal.answer({ delivery_id }, `Sending ${delivery_id} again.`);
    return 0;
  });

/** `webhooks recover <id> --since TIME`. */
export const recoverWebhook: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    let replayed = 0;
    for (let more = true; more; ) {
      const done = recovery.parse(
        await door.call('POST', pathOf(args.operand(0), '/replay'), { since: args.text('since') }),
      );
      replayed += done.replayed;
      more = done.more;
    }
    terminal.answer({ replayed }, `Sending ${replayed} failed deliveries again.`);
    return 0;
  });
