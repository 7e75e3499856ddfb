import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import {
  ada,
  addWebhook,
  expectFault,
  home,
  type Kit,
  type MakeStorage,
  newest,
  other,
  withKit,
  withReceiver,
} from './delivery-kit.contract.ts';
import { laneOf } from './outbox.ts';
import type { Outcome } from './outcome.ts';

const MOST = 100;
const config = { maxWaiting: MOST, webhooks: { perTenant: 2, allowPrivate: ['127.0.0.1'] } };

const waiting = statement({
  reach: 'platform',
  sql: "select count(*) as messages from delivery_message where state = 'waiting' and lane = :lane",
  params: { lane: 'text' },
  returns: { messages: 'int' },
});

const waitingIn = async ({ storage }: Kit, lane: string): Promise<number> =>
  (await storage.read(platform, (tx) => tx.one(waiting, { lane })))?.messages ?? 0;

const publish = ({ delivery, write }: Kit, tenant: TenantId = home) =>
  write((tx) => delivery.publish(tx, { type: 'address.blocked', data: {}, tenantId: tenant }));

/** Counts what is counted. */
function counters() {
  const counts = new Map<string, number>();
  const counter = (name: string) => ({ add: (n = 1) => void counts.set(name, (counts.get(name) ?? 0) + n) });
  return { metrics: { counter }, dropped: () => counts.get('twinkeep_deliveries_dropped_total') ?? 0 };
}

/** How many messages the entries say were left out. */
const entered = ({ entries }: Kit, tenant: TenantId): number =>
  entries
    .filter(({ action, tenantId }) => action === 'delivery.dropped' && tenantId === tenant)
    .reduce((sum, { facts }) => sum + Number(facts?.['messages']), 0);

/** How much may wait, on any database. */
export function backlogContract(make: MakeStorage): void {
  // Attack: a tenant lets events pile up for a receiver that never takes any, until the disk is full.
  test('what waits for a dead webhook is bounded, and costs another webhook nothing', () =>
    withReceiver((dead) =>
      withReceiver(async (alive) => {
        dead.answer = { status: 500 };
        const { metrics, dropped } = counters();
        await withKit(make, { config, more: { metrics } }, async (kit) => {
          const { id } = await addWebhook(kit.delivery, dead.url);
          const { id: healthy } = await addWebhook(kit.delivery, alive.url);
          for (let n = 0; n < 70; n++) {
            await publish(kit);
            await kit.delivery.run();
          }
          assert.equal(alive.received.length, 70);
          const left = await waitingIn(kit, laneOf(id));
          assert.ok(left > MOST / 4 && left <= MOST / 2, `${left} wait`);
          assert.equal(dropped(), 70 - left);
          assert.equal(kit.entries.filter(({ action }) => action === 'delivery.dropped').length, 1);
          await kit.after(minutes(1)); // the rest of them in one entry, once a minute is over
          assert.equal(entered(kit, home), 70 - left);
          assert.equal(kit.entries.filter(({ action }) => action === 'delivery.dropped').length, 2);
          for (let n = left; n < MOST / 2; n++) await kit.delivery.endpoints.test(ada, home, id);
          await expectFault('DELIVERY_BACKLOG_FULL', kit.delivery.endpoints.test(ada, home, id));
          assert.ok(await kit.delivery.endpoints.test(ada, home, healthy));
        });
      }),
    ));

  test('a tenant whose backlog is full is refused e-mail and SMS, and others are not', () => {
    const { metrics, dropped } = counters();
    const sendSms = async (): Promise<Outcome> => ({ kind: 'retry', reason: 'http_503' });
    return withKit(make, { config, more: { metrics, sendSms } }, async (kit) => {
      const send = (tenantId: TenantId | undefined) =>
        kit.write((tx) => kit.delivery.enqueue(tx, { kind: 'sms', to: '+4930123456', text: 'code', tenantId }));
      await send(home);
      await kit.delivery.run(); // which counts, and what comes later is added
      for (let n = 1; n < MOST / 2; n++) await send(home);
      await expectFault('DELIVERY_BACKLOG_FULL', send(home));
      await send(other);
      await send(undefined);
      await kit.delivery.run();
      assert.equal(dropped(), 1);
      assert.equal(entered(kit, home), 1);
      const next = await kit.another(); // which has to count what is there
      await kit.write((tx) => next.enqueue(tx, { kind: 'sms', to: '+4930123456', text: 'code', tenantId: home }));
      await next.run();
      const late = kit.write((tx) =>
        next.enqueue(tx, { kind: 'sms', to: '+4930123456', text: 'code', tenantId: home }),
      );
      await expectFault('DELIVERY_BACKLOG_FULL', late);
      await next.stop(); // and enters what it refused before it is gone
      assert.equal(entered(kit, home), 2);
    });
  });

  test('what has gone out makes room', () =>
    withReceiver((receiver) =>
      withKit(make, { config }, async (kit) => {
        const { id } = await addWebhook(kit.delivery, receiver.url);
        for (let n = 0; n < 2 * MOST; n++) {
          await publish(kit);
          if (n % 20 === 19) await kit.delivery.run();
        }
        assert.equal(receiver.received.length, 2 * MOST);
        assert.equal((await newest(kit.delivery, id)).message.state, 'sent');
        assert.equal(entered(kit, home), 0);
      }),
    ));

  test('what was removed with its webhook makes room', () =>
    withReceiver(async (receiver) => {
      receiver.answer = { status: 500 };
      await withKit(make, { config }, async (kit) => {
        const fill = async (): Promise<number> => {
          const { id } = await addWebhook(kit.delivery, receiver.url);
          for (let n = 0; n < 60; n++) await publish(kit);
          await kit.delivery.run();
          const count = await waitingIn(kit, laneOf(id));
          await kit.delivery.endpoints.remove(ada, home, id);
          return count;
        };
        const first = await fill();
        assert.ok(first > MOST / 4);
        assert.ok((await fill()) > MOST / 4);
      });
    }));
}
