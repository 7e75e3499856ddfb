import { z } from 'zod';
import { actorOf, created, defineRoute, idText, nothing, ok, type Route, wholeNumber } from '../http/index.ts';
import { epochMs } from '../kernel/brand.ts';
import { minutes, rfc3339 } from '../kernel/clock.ts';
import { description } from './config.ts';
import type { Delivery } from './delivery.ts';
import type { Endpoint } from './endpoints.ts';
import { eventPatterns } from './event-type.ts';
import type { DeliveryPage, Logged } from './log.ts';
import type { Attempt } from './log-store.ts';

const access = { kind: 'permission', permission: 'admin:webhooks' } as const;
const limits = [{ per: 'principal', count: 120, windowMs: minutes(1) }] as const;
const params = z.strictObject({ id: idText });
const deliveryParams = z.strictObject({ id: idText, delivery_id: idText });

const url = z
  .string()
  .min(1)
  .max(2_048)
  .describe('https, a public address; nothing but what answers 2xx counts as taken.');

const webhook = z.strictObject({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string(),
  state: z.enum(['active', 'disabled']),
  reason: z.string().nullable().describe('Why it is disabled: owner, failing, or gone (it answered 410).'),
  failing_since: z.string().nullable(),
  created_by: z.string(),
  created_at: z.string(),
});

const attempt = z.strictObject({
  number: z.int(),
  at: z.string(),
  outcome: z.enum(['started', 'interrupted', 'sent', 'retry', 'failed']),
  status: z.int().nullable(),
  reason: z.string().nullable(),
  duration_ms: z.int().nullable(),
  answer: z.string().nullable().describe('The first KiB of what a webhook answered that did not take it.'),
});

const logged = z.strictObject({
  id: z.string().describe('The `webhook-id`, or the left part of the `Message-ID`; the same in every attempt.'),
  kind: z.string(),
  event: z.string().nullable(),
  state: z.enum(['waiting', 'sent', 'failed']),
  reason: z.string().nullable(),
  created_at: z.string(),
  next_attempt_at: z.string().nullable(),
  attempts: z.array(attempt),
});

const page = z.strictObject({ items: z.array(logged), next_cursor: z.string().nullable() });

const paging = {
  limit: wholeNumber(1, 100).default(20),
  cursor: idText.optional().describe('`next_cursor` of the page before.'),
};

const since = z.iso.datetime({ offset: true }).transform((text) => epochMs(Date.parse(text)));

/** The room's part of the HTTP surface. */
export const deliveryRoutes = (delivery: Delivery): readonly Route[] => [
  ...webhookRoutes(delivery),
  ...webhookActions(delivery),
  ...webhookLog(delivery),
  ...mailRoutes(delivery),
];

const webhookRoutes = ({ endpoints }: Delivery): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/webhooks',
    summary: 'The webhooks of the tenant, oldest first.',
    access,
    records: 'read',
    replies: { 200: z.strictObject({ items: z.array(webhook) }) },
    faults: [],
    handle: async ({ tenantId }) => {
      const items = (await endpoints.list(tenantId)).map(webhookView);
      return ok({ items }, { records: items.length });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/webhooks',
    detection: { text: ['body.description'] },
    summary: 'Add a webhook. The answer is the only place where its secret stands.',
    access,
    limits,
    records: 'change',
    body: z.strictObject({ url, events: eventPatterns, description: description.default('') }),
    replies: { 201: webhook.extend({ secret: z.string() }) },
    faults: ['DELIVERY_URL_REFUSED', 'DELIVERY_WEBHOOKS_FULL'],
    handle: async ({ body, caller, tenantId, context }) => {
      const { endpoint, secret } = await endpoints.add(actorOf(context, caller, tenantId), tenantId, body);
      return created({ ...webhookView(endpoint), secret });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/webhooks/:id',
    summary: 'One webhook.',
    access,
    records: 'read',
    params,
    replies: { 200: webhook },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN'],
    handle: async ({ params: { id }, tenantId }) =>
      ok(webhookView(await endpoints.get(tenantId, id)), { records: 1, object: `webhook ${id}` }),
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/webhooks/:id',
    detection: { text: ['body.description'] },
    summary: 'Change a webhook, disable it, or make it active again.',
    access,
    limits,
    records: 'change',
    params,
    body: z
      .strictObject({
        url: url.optional(),
        events: eventPatterns.optional(),
        description: description.optional(),
        state: z.enum(['active', 'disabled']).optional(),
      })
      .refine((change) => Object.keys(change).length > 0, 'must change something'),
    replies: { 200: webhook },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN', 'DELIVERY_URL_REFUSED'],
    handle: async ({ params: { id }, body, caller, tenantId, context }) => {
      const { url, events, description, state } = body;
      const change = {
        ...(url === undefined ? {} : { url }),
        ...(events === undefined ? {} : { events }),
        ...(description === undefined ? {} : { description }),
        state,
      };
      return ok(webhookView(await endpoints.change(actorOf(context, caller, tenantId), tenantId, id, change)));
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/webhooks/:id',
    summary: 'Remove a webhook; what still waits for it is not sent.',
    access,
    records: 'change',
    params,
    replies: { 204: 'nothing' },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN'],
    handle: async ({ params: { id }, caller, tenantId, context }) => {
      await endpoints.remove(actorOf(context, caller, tenantId), tenantId, id);
      return nothing;
    },
  }),
];

const webhookActions = ({ endpoints }: Delivery): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/webhooks/:id/rotate-secret',
    summary: 'Give a webhook a new secret; the one until now signs too for 24 hours.',
    access,
    limits,
    records: 'change',
    params,
    replies: { 200: z.strictObject({ secret: z.string(), old_secret_until: z.string() }) },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN'],
    handle: async ({ params: { id }, caller, tenantId, context }) => {
      const { secret, oldUntil } = await endpoints.rotate(actorOf(context, caller, tenantId), tenantId, id);
      return ok({ secret, old_secret_until: rfc3339(oldUntil) });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/webhooks/:id/test',
    summary: 'Send the event `webhook.test` to a webhook, whatever it wants to hear of.',
    access,
    limits,
    records: 'change',
    params,
    replies: { 202: z.strictObject({ delivery_id: z.string() }) },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN', 'DELIVERY_WEBHOOK_DISABLED', 'DELIVERY_BACKLOG_FULL'],
    handle: async ({ params: { id }, caller, tenantId, context }) => {
      const delivery_id = await endpoints.test(actorOf(context, caller, tenantId), tenantId, id);
      return { status: 202, body: { delivery_id } };
    },
  }),
];

const webhookLog = ({ log }: Delivery): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/webhooks/:id/deliveries',
    summary: 'What was sent to a webhook and what became of it, the newest first.',
    access,
    records: 'read',
    params,
    query: z.strictObject(paging),
    replies: { 200: page },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN'],
    handle: async ({ params: { id }, query, tenantId }) => {
      const found = await log.ofWebhook(tenantId, id, query);
      return ok(pageView(found), { records: found.items.length, object: `webhook ${id}` });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/webhooks/:id/deliveries/:delivery_id/replay',
    summary: 'Send a delivery again, with the same id.',
    access,
    limits,
    records: 'change',
    params: deliveryParams,
    replies: { 202: z.strictObject({ delivery_id: z.string() }) },
    faults: [
      'DELIVERY_WEBHOOK_UNKNOWN',
      'DELIVERY_WEBHOOK_DISABLED',
      'DELIVERY_UNKNOWN',
      'DELIVERY_CONTENTS_GONE',
      'DELIVERY_BACKLOG_FULL',
    ],
    handle: async ({ params: { id, delivery_id }, caller, tenantId, context }) => {
      await log.replay(actorOf(context, caller, tenantId), tenantId, id, delivery_id);
      return { status: 202, body: { delivery_id } };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/webhooks/:id/replay',
    summary: 'Send again what failed since a time, up to 500 at once, with the same ids.',
    access,
    limits,
    records: 'change',
    params,
    body: z.strictObject({ since }),
    replies: { 202: z.strictObject({ replayed: z.int(), more: z.boolean() }) },
    faults: ['DELIVERY_WEBHOOK_UNKNOWN', 'DELIVERY_WEBHOOK_DISABLED', 'DELIVERY_BACKLOG_FULL'],
    handle: async ({ params: { id }, body, caller, tenantId, context }) => {
      const done = await log.recover(actorOf(context, caller, tenantId), tenantId, id, body.since);
      return { status: 202, body: done };
    },
  }),
];

const mailRoutes = ({ log }: Delivery): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/deliveries',
    summary: 'E-mails and SMS of the tenant without contents and receivers, the newest first; the operator sees all.',
    access,
    records: 'read',
    query: z.strictObject({ ...paging, state: z.enum(['waiting', 'sent', 'failed']).optional() }),
    replies: { 200: page },
    faults: [],
    handle: async ({ query, caller, tenantId }) => {
      const found = await log.mail({ ...query, tenantId, every: caller.kind === 'operator' });
      return ok(pageView(found), { records: found.items.length });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/deliveries/:id/retry',
    summary: 'Send an e-mail or SMS that failed again, with the same id.',
    access,
    limits,
    records: 'change',
    params,
    replies: { 202: z.strictObject({ delivery_id: z.string() }) },
    faults: ['DELIVERY_UNKNOWN', 'DELIVERY_CONTENTS_GONE', 'DELIVERY_BACKLOG_FULL'],
    handle: async ({ params: { id }, caller, tenantId, context }) => {
      const of = { tenantId, every: caller.kind === 'operator' };
      await log.retry(actorOf(context, caller, tenantId), of, id);
      return { status: 202, body: { delivery_id: id } };
    },
  }),
];

function webhookView({ row, url }: Endpoint) {
  return {
    id: row.id,
    url,
    events: row.events,
    description: row.description,
    state: row.state,
    reason: row.reason ?? null,
    failing_since: row.failingSince === undefined ? null : rfc3339(row.failingSince),
    created_by: row.createdBy,
    created_at: rfc3339(row.createdAt),
  };
}

const pageView = ({ items, next }: DeliveryPage) => ({ items: items.map(loggedView), next_cursor: next ?? null });

function loggedView({ message, attempts }: Logged) {
  return {
    id: message.id,
    kind: message.kind,
    event: message.eventType ?? null,
    state: message.state,
    reason: message.reason ?? null,
    created_at: rfc3339(message.createdAt),
    next_attempt_at: message.state === 'waiting' ? rfc3339(message.dueAt) : null,
    attempts: attempts.map((one) => ({
      number: one.n,
      at: rfc3339(one.at),
      outcome: isCutOff(message, one) ? 'interrupted' : one.outcome,
      status: one.status ?? null,
      reason: one.reason ?? null,
      duration_ms: one.durationMs ?? null,
      answer: one.answer ?? null,
    })),
  };
}

/** An attempt that was begun and never ended, and is not the one that runs: its process died in it. */
const isCutOff = ({ claim, attempts }: Logged['message'], { n, outcome }: Attempt): boolean =>
  outcome === 'started' && (claim === undefined || n < attempts);
