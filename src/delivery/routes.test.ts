import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import type { Context } from '../http/index.ts';
import { apiKeyId, epochMs, requestId } from '../kernel/brand.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Delivery } from './delivery.ts';
import { expectFault, home, inMemory, type Kit, other, withKit, withReceiver } from './delivery-kit.contract.ts';
import { deliveryRoutes } from './routes.ts';

const context: Context = {
  requestId: requestId('request-1'),
  receivedAt: epochMs(0),
  address: '192.0.2.1',
  addressBlock: '192.0.2.1',
  secure: true,
  operator: false,
  method: 'GET',
  url: '/',
  headers: {},
};

interface Asked {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly caller?: Principal;
  readonly tenantId?: typeof home;
}

const keyOf = (tenantId: typeof home): Principal => ({
  kind: 'api-key',
  apiKeyId: apiKeyId('key'),
  tenantId,
  scopes: [],
});

/** Calls a route as the request line does: input and reply go through its schemas. */
async function ask(delivery: Delivery, name: string, asked: Asked = {}) {
  const route = deliveryRoutes(delivery).find(({ method, path }) => `${method} ${path}` === name);
  assert.ok(route, name);
  const parse = (schema: z.ZodType | undefined, value: unknown) => schema?.parse(value);
  const tenantId = asked.tenantId ?? home;
  const reply = await route.handle({
    context,
    caller: asked.caller ?? keyOf(tenantId),
    tenantId,
    params: parse(route.params, asked.params),
    query: parse(route.query, asked.query ?? {}),
    body: parse(route.body, asked.body),
    stream: undefined,
  });
  const schema = route.replies[reply.status];
  assert.ok(schema, `${name} answers ${reply.status}`);
  if (typeof schema !== 'string') schema.parse(reply.body);
  return Object(reply.body);
}

const add = (delivery: Delivery, url: string) =>
  ask(delivery, 'POST /v1/webhooks', { body: { url, events: ['address.*'] } });

test('a webhook is added, shown, changed, given a new secret, and removed; each is recorded', () =>
  withKit(inMemory, {}, async ({ delivery, entries }) => {
    const made = await add(delivery, 'https://hooks.example/one?token=abc');
    assert.match(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const params = { id: made.id };
    const shown = await ask(delivery, 'GET /v1/webhooks/:id', { params });
    assert.deepEqual(
      [shown.url, shown.state, shown.secret],
      ['https://hooks.example/one?token=abc', 'active', undefined],
    );
    const changed = await ask(delivery, 'PATCH /v1/webhooks/:id', {
      params,
      body: { state: 'disabled', events: ['*'] },
    });
    assert.deepEqual([changed.state, changed.reason, changed.events], ['disabled', 'owner', ['*']]);
    const rotated = await ask(delivery, 'POST /v1/webhooks/:id/rotate-secret', { params });
    assert.notEqual(rotated.secret, made.secret);
    await ask(delivery, 'DELETE /v1/webhooks/:id', { params });
    assert.deepEqual((await ask(delivery, 'GET /v1/webhooks')).items, []);
    assert.deepEqual(
      entries.map(({ action }) => action),
      ['webhook.added', 'webhook.changed', 'webhook.secret_rotated', 'webhook.removed'],
    );
    assert.ok(!JSON.stringify(entries).includes('token=abc'));
    assert.ok(!JSON.stringify(entries).includes('whsec_'));
  }));

test('what is no URL, pattern or state is refused', () =>
  withKit(inMemory, { config: { webhooks: {} } }, async ({ delivery }) => {
    for (const url of ['nonsense', 'http://hooks.example/', 'https://10.0.0.1/', 'https://u:p@hooks.example/']) {
      await expectFault('DELIVERY_URL_REFUSED', add(delivery, url));
    }
    const refused = [
      { url: 'https://a.example/', events: [] },
      { url: 'https://a.example/', events: ['a b'] },
      { url: 'https://a.example/', events: Array(21).fill('*') },
      { url: `https://a.example/${'x'.repeat(3_000)}`, events: ['*'] },
      { url: 'https://a.example/', events: ['*'], secret: 'mine' },
    ];
    for (const body of refused) await assert.rejects(ask(delivery, 'POST /v1/webhooks', { body }));
  }));

test('a test is sent, listed with its attempts, and replayed', () =>
  withReceiver((receiver) =>
    withKit(inMemory, {}, async ({ delivery }) => {
      const params = { id: (await add(delivery, receiver.url)).id };
      const { delivery_id } = await ask(delivery, 'POST /v1/webhooks/:id/test', { params });
      await delivery.run();
      const { items, next_cursor } = await ask(delivery, 'GET /v1/webhooks/:id/deliveries', {
        params,
        query: { limit: '1' },
      });
      assert.deepEqual(
        [items[0].id, items[0].state, items[0].event, next_cursor],
        [delivery_id, 'sent', 'webhook.test', null],
      );
      assert.deepEqual([items[0].attempts[0].status, items[0].attempts[0].outcome], [204, 'sent']);
      await ask(delivery, 'POST /v1/webhooks/:id/deliveries/:delivery_id/replay', {
        params: { ...params, delivery_id },
      });
      await delivery.run();
      assert.equal(receiver.received.length, 2);
      const body = { since: '2020-01-01T00:00:00Z' };
      assert.deepEqual(await ask(delivery, 'POST /v1/webhooks/:id/replay', { params, body }), {
        replayed: 0,
        more: false,
      });
    }),
  ));

test('an operator sees the mail of all tenants, others that of their own', () => {
  const sendSms = async () => ({ kind: 'failed', reason: 'http_400', status: 400 }) as const;
  return withKit(inMemory, { more: { sendSms } }, async (kit: Kit) => {
    const { delivery, write } = kit;
    const sms = { kind: 'sms', to: '+4930123456', text: 'x', tenantId: other } as const;
    const id = await write((tx) => delivery.enqueue(tx, sms));
    await delivery.run();
    const operator: Principal = { kind: 'operator', tenantId: home };
    const query = { state: 'failed' };
    assert.equal((await ask(delivery, 'GET /v1/deliveries', { query })).items.length, 0);
    assert.equal((await ask(delivery, 'GET /v1/deliveries', { query, tenantId: other })).items.length, 1);
    const all = await ask(delivery, 'GET /v1/deliveries', { query, caller: operator });
    assert.deepEqual([all.items[0].id, all.items[0].reason], [id, 'http_400']);
    assert.ok(!JSON.stringify(all).includes('4930'));
    await expectFault('DELIVERY_UNKNOWN', ask(delivery, 'POST /v1/deliveries/:id/retry', { params: { id } }));
    await ask(delivery, 'POST /v1/deliveries/:id/retry', { params: { id }, caller: operator });
  });
});
