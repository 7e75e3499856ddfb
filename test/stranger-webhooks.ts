import assert from 'node:assert/strict';
import { tenantId } from '../src/kernel/brand.ts';
import { platform } from '../src/kernel/tx.ts';
import type { Answer, Kit } from '../src/testing/index.ts';
import { AT, assertSame, type Case, type Home, NOBODY } from './stranger-case.ts';

/** Where nobody listens: what is sent there fails, and is tried again later than any test runs. */
const NOWHERE = 'http://127.0.0.1:1';
/** For a kit in which that is so. */
export const DELIVERY = {
  smtp: { host: '127.0.0.1', port: 1, tls: 'none' as const, from: 'ops@example.com' },
  webhooks: { allowPrivate: ['127.0.0.1'] },
};

/** A webhook and an e-mail, tried once, so that what is shown of them stands still. */
export async function sendSome(kit: Kit, token: string): Promise<Pick<Home, 'webhook' | 'delivery' | 'mail'>> {
  const { house, storage } = kit.twinkeep;
  const body = { url: `${NOWHERE}/at-home`, events: ['address.blocked'], description: 'at home' };
  const { json } = await kit.call('POST', '/v1/webhooks', { token, body });
  const tested = await kit.call('POST', `/v1/webhooks/${json.id}/test`, { token });
  const message = {
    kind: 'email',
    tenantId: tenantId('main'),
    to: 'ada@example.com',
    subject: 'at home',
    text: 'x',
  } as const;
  const mail = await storage.write(platform, (tx) => house.delivery.enqueue(tx, message));
  await house.delivery.run();
  return { webhook: json.id, delivery: tested.json.delivery_id, mail };
}

async function foreignOf(code: string, foreign: string, ask: (id: string) => Promise<Answer>) {
  return assertSame(await ask(foreign), await ask(NOBODY), 404, code);
}

const noWebhook = ({ webhook }: Home, ask: (id: string) => Promise<Answer>) =>
  foreignOf('DELIVERY_WEBHOOK_UNKNOWN', webhook, ask);

/** A case for each route of the room `delivery`. */
export const WEBHOOK_CASES: Readonly<Record<string, Case>> = {
  'GET /v1/deliveries': async ({ call, home, isPerson }) => {
    const all = await call('GET', '/v1/deliveries');
    const ids = all.json.items.map(({ id }: { id: string }) => id);
    assert.ok(ids.length <= (isPerson ? 0 : 1), 'the code that a newcomer of their own asked for'); // the person goes first
    assert.ok(!ids.includes(home.mail) && !ids.includes(home.delivery));
    return [all];
  },
  'POST /v1/deliveries/:id/retry': ({ call, home }) =>
    foreignOf('DELIVERY_UNKNOWN', home.mail, (id) => call('POST', `/v1/deliveries/${id}/retry`)),

  'GET /v1/webhooks': async ({ call }) => {
    const all = await call('GET', '/v1/webhooks');
    assert.ok(all.json.items.every(({ url }: { url: string }) => url === `${NOWHERE}/rival`));
    return [all];
  },
  'POST /v1/webhooks': async ({ call }) => {
    const made = await call('POST', '/v1/webhooks', { body: { url: `${NOWHERE}/rival`, events: ['*'] } });
    assert.equal(made.status, 201);
    return [made];
  },
  'GET /v1/webhooks/:id': ({ call, home }) => noWebhook(home, (id) => call('GET', `/v1/webhooks/${id}`)),
  'PATCH /v1/webhooks/:id': ({ call, home }) =>
    noWebhook(home, (id) => call('PATCH', `/v1/webhooks/${id}`, { body: { url: `${NOWHERE}/rival` } })),
  'DELETE /v1/webhooks/:id': ({ call, home }) => noWebhook(home, (id) => call('DELETE', `/v1/webhooks/${id}`)),
  'POST /v1/webhooks/:id/rotate-secret': ({ call, home }) =>
    noWebhook(home, (id) => call('POST', `/v1/webhooks/${id}/rotate-secret`)),
  'POST /v1/webhooks/:id/test': ({ call, home }) => noWebhook(home, (id) => call('POST', `/v1/webhooks/${id}/test`)),
  'POST /v1/webhooks/:id/replay': ({ call, home }) =>
    noWebhook(home, (id) => call('POST', `/v1/webhooks/${id}/replay`, { body: { since: AT } })),
  'GET /v1/webhooks/:id/deliveries': ({ call, home }) =>
    noWebhook(home, (id) => call('GET', `/v1/webhooks/${id}/deliveries`)),
  'POST /v1/webhooks/:id/deliveries/:delivery_id/replay': async ({ call, home }) => {
    const made = await call('POST', '/v1/webhooks', { body: { url: `${NOWHERE}/rival`, events: ['*'] } });
    const replay = (webhook: string, id: string) => call('POST', `/v1/webhooks/${webhook}/deliveries/${id}/replay`);
    return [
      ...(await noWebhook(home, (webhook) => replay(webhook, home.delivery))),
      ...(await foreignOf('DELIVERY_UNKNOWN', home.delivery, (id) => replay(made.json.id, id))),
    ];
  },
};
