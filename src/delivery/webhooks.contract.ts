import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { days, hours, minutes, seconds } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import {
  ada,
  addWebhook,
  expectFault,
  home,
  type Kit,
  type MakeStorage,
  newest,
  other,
  type Received,
  until,
  withKit,
  withReceiver,
} from './delivery-kit.contract.ts';

const blocked = { type: 'address.blocked', data: { address: '192.0.2.7', reason: 'guessing' } } as const;

const publish = ({ delivery, write }: Kit, event: { type: string; data: object; tenantId?: typeof home } = blocked) =>
  write((tx) => delivery.publish(tx, { ...event, data: { ...event.data } }));

/** Throws unless the reference library takes it. */
const verify = (secret: string, { headers, body }: Received) =>
  new Webhook(secret).verify(
    body,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  );

/** How webhooks are sent, on any database. */
export function webhookContract(make: MakeStorage): void {
  const withBoth = (work: (kit: Kit, receiver: Parameters<Parameters<typeof withReceiver>[0]>[0]) => Promise<void>) =>
    withReceiver((receiver) => withKit(make, {}, (kit) => work(kit, receiver)));

  test('an event reaches the webhooks that want it, signed as the reference library checks it', () =>
    withBoth(async (kit, receiver) => {
      const { delivery, clock } = kit;
      const { id, secret } = await addWebhook(delivery, `${receiver.url}/hook`, ['address.*']);
      await addWebhook(delivery, `${receiver.url}/unwanted`, ['session.*', 'address']);
      await publish(kit);
      await delivery.run();
      assert.deepEqual(
        receiver.received.map(({ method, path }) => [method, path]),
        [['POST', '/hook']],
      );
      const [got] = receiver.received;
      assert.ok(got);
      const { message, attempts } = await newest(delivery, id);
      const timestamp = new Date(clock.now()).toISOString();
      assert.deepEqual(verify(secret, got), { type: 'address.blocked', timestamp, data: blocked.data });
      assert.equal(got.headers['webhook-id'], message.id);
      assert.equal(got.headers['content-type'], 'application/json');
      assert.deepEqual([message.state, attempts.length, attempts[0]?.status], ['sent', 1, 204]);
    }));

  // Attack: a tenant listens to what happens in another.
  test('an event of a tenant reaches no other', () =>
    withBoth(async (kit, receiver) => {
      const { id } = await addWebhook(kit.delivery, `${receiver.url}/other`, ['*'], other);
      await publish(kit, { ...blocked, tenantId: home });
      await publish(kit);
      await kit.delivery.run();
      assert.equal(receiver.received.length, 0);
      await publish(kit, { ...blocked, tenantId: other });
      await kit.delivery.run();
      assert.equal(receiver.received.length, 1);
      await expectFault('DELIVERY_WEBHOOK_UNKNOWN', kit.delivery.endpoints.get(home, id));
      await expectFault('DELIVERY_WEBHOOK_UNKNOWN', kit.delivery.endpoints.remove(ada, home, id));
      await expectFault('DELIVERY_WEBHOOK_UNKNOWN', kit.delivery.log.ofWebhook(home, id, { limit: 1 }));
      const { message } = await newest(kit.delivery, id, other);
      const { id: mine } = await addWebhook(kit.delivery, receiver.url);
      await expectFault('DELIVERY_UNKNOWN', kit.delivery.log.replay(ada, home, mine, message.id));
    }));

  test('an event may be published in the write of a tenant', () =>
    withBoth(async ({ delivery, storage }, receiver) => {
      await addWebhook(delivery, receiver.url);
      await storage.write(inTenant(home), (tx) => delivery.publish(tx, { ...blocked, tenantId: home }));
      await until(() => receiver.received.length === 1);
    }));

  test('a webhook that was not taken is repeated with the same id and body, and a signature of its own time', () =>
    withBoth(async (kit, receiver) => {
      const { id, secret } = await addWebhook(kit.delivery, receiver.url);
      receiver.answer = { status: 503, body: 'later, please' };
      await publish(kit);
      await kit.after(0);
      receiver.answer = { status: 200 };
      await kit.after(seconds(6));
      const [first, second] = receiver.received;
      assert.ok(first && second);
      assert.equal(first.body, second.body);
      assert.equal(first.headers['webhook-id'], second.headers['webhook-id']);
      assert.notEqual(first.headers['webhook-timestamp'], second.headers['webhook-timestamp']);
      verify(secret, second);
      const { attempts } = await newest(kit.delivery, id);
      assert.deepEqual(
        attempts.map(({ n, outcome, status, answer }) => [n, outcome, status, answer]),
        [
          [2, 'sent', 200, undefined],
          [1, 'retry', 503, 'later, please'],
        ],
      );
    }));

  test('a receiver that asks for a longer wait is given it', () =>
    withBoth(async (kit, receiver) => {
      await addWebhook(kit.delivery, receiver.url);
      receiver.answer = { status: 429, headers: { 'retry-after': '3600' } };
      await publish(kit);
      await kit.after(minutes(59));
      assert.equal(receiver.received.length, 1);
      await kit.after(minutes(1));
      assert.equal(receiver.received.length, 2);
    }));

  // Attack: a receiver that passed every check sends us on to the metadata of the cloud.
  test('a redirect is not followed', () =>
    withBoth(async (kit, receiver) => {
      const { id } = await addWebhook(kit.delivery, `${receiver.url}/hook`);
      receiver.answer = { status: 302, headers: { location: `${receiver.url}/secret` } };
      await publish(kit);
      await kit.delivery.run();
      assert.deepEqual(
        receiver.received.map(({ path }) => path),
        ['/hook'],
      );
      assert.equal((await newest(kit.delivery, id)).message.reason, 'http_302');
    }));

  test('of an answer no more than its first KiB is kept', () =>
    withBoth(async (kit, receiver) => {
      const { id } = await addWebhook(kit.delivery, receiver.url);
      receiver.answer = { status: 500, body: 'é'.repeat(3_000_000) };
      await publish(kit);
      await kit.delivery.run();
      const { attempts } = await newest(kit.delivery, id);
      assert.equal(attempts[0]?.answer, 'é'.repeat(512));
    }));

  // Attack: a receiver that never answers holds up everybody's messages.
  test('a receiver that hangs holds up no other, and its attempt ends in time', () =>
    withReceiver((slow) =>
      withReceiver((quick) =>
        withKit(make, { config: { webhooks: { allowPrivate: ['127.0.0.1'], timeoutMs: 1_000 } } }, async (kit) => {
          const { id } = await addWebhook(kit.delivery, slow.url);
          await addWebhook(kit.delivery, quick.url);
          slow.answer = 'hang';
          const begun = performance.now();
          for (let n = 0; n < 40; n++) await publish(kit);
          await until(() => quick.received.length === 40);
          const most = 6 * (1 + Math.floor((performance.now() - begun) / 1_000)); // as many anew when those time out
          assert.ok(slow.received.length <= most, `${slow.received.length} attempts at the one that hangs`);
          await kit.delivery.stop();
          const { items } = await kit.delivery.log.ofWebhook(home, id, { limit: 100 });
          assert.ok(items.some(({ message }) => message.reason === 'timeout'));
        }),
      ),
    ));

  test('for a day after a rotation the old secret signs too', () =>
    withBoth(async (kit, receiver) => {
      const { delivery, clock } = kit;
      const { id, secret: old } = await addWebhook(delivery, receiver.url);
      const { secret } = await delivery.endpoints.rotate(ada, home, id);
      await publish(kit);
      await delivery.run();
      const [first] = receiver.received;
      assert.ok(first);
      verify(old, first);
      verify(secret, first);
      assert.equal(String(first.headers['webhook-signature']).split(' ').length, 2);
      clock.advance(hours(24));
      await publish(kit);
      await delivery.run();
      assert.equal(String(receiver.received[1]?.headers['webhook-signature']).split(' ').length, 1);
    }));

  test('an answer of 410 ends the webhook and what waits for it', () =>
    withBoth(async (kit, receiver) => {
      const { id } = await addWebhook(kit.delivery, receiver.url);
      receiver.answer = { status: 410 };
      await publish(kit);
      await kit.delivery.run();
      await publish(kit);
      await kit.delivery.run();
      assert.equal(receiver.received.length, 1);
      const { row } = await kit.delivery.endpoints.get(home, id);
      assert.deepEqual([row.state, row.reason], ['disabled', 'gone']);
      assert.equal(kit.entries.filter(({ action }) => action === 'webhook.disabled').length, 1);
      await expectFault('DELIVERY_WEBHOOK_DISABLED', kit.delivery.endpoints.test(ada, home, id));
    }));

  test('five days of nothing but failure disable a webhook, and one success begins anew', () =>
    withBoth(async (kit, receiver) => {
      const { id } = await addWebhook(kit.delivery, receiver.url);
      const failOnce = async (status: number): Promise<string> => {
        receiver.answer = { status };
        await publish(kit);
        await kit.delivery.run();
        return (await kit.delivery.endpoints.get(home, id)).row.state;
      };
      await failOnce(500);
      kit.clock.advance(days(4.9));
      assert.equal(await failOnce(200), 'active');
      await failOnce(500);
      kit.clock.advance(days(4.9));
      assert.equal(await failOnce(500), 'active');
      kit.clock.advance(days(0.2));
      assert.equal(await failOnce(500), 'disabled');
      const last = kit.entries.at(-1);
      assert.deepEqual([last?.action, last?.facts], ['webhook.disabled', { reason: 'failing' }]);
      const active = await kit.delivery.endpoints.change(ada, home, id, { state: 'active' });
      assert.deepEqual([active.row.state, active.row.failingSince], ['active', undefined]);
    }));

  test('a delivery is replayed with its id, one by one or all that failed since a time', () =>
    withBoth(async (kit, receiver) => {
      const { delivery, clock, after } = kit;
      const { id, secret } = await addWebhook(delivery, receiver.url);
      await publish(kit);
      await delivery.run();
      const sent = await newest(delivery, id);
      await delivery.log.replay(ada, home, id, sent.message.id);
      await delivery.run();
      assert.deepEqual(
        receiver.received.map(({ headers }) => headers['webhook-id']),
        [sent.message.id, sent.message.id],
      );

      receiver.answer = { status: 500 };
      clock.advance(1);
      const since = clock.now();
      await publish(kit);
      for (let n = 0; n < 12; n++) await after(hours(25));
      assert.equal((await newest(delivery, id)).message.state, 'failed');
      receiver.answer = { status: 200 };
      const failed = await newest(delivery, id);
      assert.deepEqual(await delivery.log.recover(ada, home, id, since), { replayed: 1, more: false });
      await delivery.run();
      const last = receiver.received.at(-1);
      assert.equal(last?.headers['webhook-id'], failed.message.id);
      assert.equal((await newest(delivery, id)).message.state, 'sent');
      assert.ok(secret.startsWith('whsec_'));
      await expectFault('DELIVERY_UNKNOWN', delivery.log.replay(ada, home, id, 'nothing'));
    }));

  test('a test reaches a webhook that wants other events', () =>
    withBoth(async ({ delivery }, receiver) => {
      const { id, secret } = await addWebhook(delivery, receiver.url, ['session.*']);
      const sent = await delivery.endpoints.test(ada, home, id);
      await delivery.run();
      const [got] = receiver.received;
      assert.ok(got);
      assert.equal(got.headers['webhook-id'], sent);
      assert.equal(Object(verify(secret, got)).type, 'webhook.test');
    }));

  test('what waits for a webhook that was removed is not sent', () =>
    withBoth(async (kit, receiver) => {
      const { id } = await addWebhook(kit.delivery, receiver.url);
      receiver.answer = { status: 500 };
      await publish(kit);
      await kit.delivery.run();
      await kit.delivery.endpoints.remove(ada, home, id);
      await kit.after(minutes(1));
      assert.equal(receiver.received.length, 1);
    }));

  test('a tenant has a bounded number of webhooks', () =>
    withKit(make, { config: { webhooks: { perTenant: 2 } } }, async ({ delivery }) => {
      await addWebhook(delivery, 'https://a.example/');
      await addWebhook(delivery, 'https://b.example/');
      await expectFault('DELIVERY_WEBHOOKS_FULL', addWebhook(delivery, 'https://c.example/'));
      assert.equal((await delivery.endpoints.list(home)).length, 2);
    }));
}
