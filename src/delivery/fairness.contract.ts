import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EpochMs, epochMs, type TenantId, tenantId } from '../kernel/brand.ts';
import { hours, seconds } from '../kernel/clock.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import { type Storage, statement } from '../storage/index.ts';
import {
  ada,
  addWebhook,
  home,
  type Kit,
  type MakeStorage,
  other,
  until,
  withKit,
  withReceiver,
} from './delivery-kit.contract.ts';
import { laneOf } from './outbox.ts';
import type { Outcome } from './outcome.ts';
import { type MessageRow, messageStore } from './store.ts';

const event = { type: 'address.blocked', data: {} } as const;
const publish = ({ delivery, write }: Kit, tenant: TenantId) =>
  write((tx) => delivery.publish(tx, { ...event, tenantId: tenant }));

/** Many times the statements that a look may cost. */
const WAITING = 100;
const hanging = { webhooks: { allowPrivate: ['127.0.0.1'], timeoutMs: 60_000 } };

const states = statement({
  reach: 'platform',
  sql: `select state, reason, count(*) as messages, count(payload) as kept from delivery_message
    where lane = :lane group by state, reason order by state`,
  params: { lane: 'text' },
  returns: { state: 'text', reason: 'text?', messages: 'int', kept: 'int' },
});

/** Messages that wait for a webhook until much later, each in the lane of the given one. */
function waitingFor(endpoints: readonly string[], now: EpochMs): readonly MessageRow[] {
  return endpoints.map((endpointId, n) => ({
    id: `${endpointId}-${n}`,
    kind: 'webhook',
    lane: laneOf(endpointId),
    tenantId: home,
    endpointId,
    eventType: event.type,
    payload: 'sealed',
    state: 'waiting',
    reason: undefined,
    createdAt: now,
    dueAt: epochMs(now + hours(1)),
    expiresAt: epochMs(now + hours(24)),
    attempts: 1,
    tries: 1,
    claim: undefined,
  }));
}

/** The storage, and how many statements its reads and writes ran. */
function counting(storage: Storage): { readonly storage: Storage; statements: number } {
  const counted = {
    statements: 0,
    storage: {
      ...storage,
      read: <T>(scope: Parameters<Storage['read']>[0], work: (tx: Tx) => Promise<T>) =>
        storage.read(scope, (tx) => work(watched(tx))),
    },
  };
  const watched = (tx: Tx): Tx => ({
    ...tx,
    all: (wanted, params) => {
      counted.statements += 1;
      return tx.all(wanted, params);
    },
    one: (wanted, params) => {
      counted.statements += 1;
      return tx.one(wanted, params);
    },
  });
  return counted;
}

/** How places are shared, and what waiting costs, on any database. */
export function fairnessContract(make: MakeStorage): void {
  // Attack: a tenant points its webhooks at a receiver that never answers, so that nobody's messages go out.
  test('a tenant whose webhooks all hang holds up neither another tenant nor SMS', () =>
    withReceiver((tarpit) =>
      withReceiver(async (quick) => {
        const sent: string[] = [];
        const sendSms = async ({ id }: { readonly id: string }): Promise<Outcome> => {
          sent.push(id);
          return { kind: 'sent' };
        };
        tarpit.answer = 'hang';
        await withKit(make, { config: hanging, more: { sendSms } }, async (kit) => {
          for (let n = 0; n < 20; n++) await addWebhook(kit.delivery, `${tarpit.url}/${n}`);
          await addWebhook(kit.delivery, quick.url, ['*'], other);
          await publish(kit, home);
          await until(() => tarpit.received.length === 4);
          await publish(kit, other);
          await kit.write((tx) => kit.delivery.enqueue(tx, { kind: 'sms', to: '+4930123456', text: 'code' }));
          await until(() => quick.received.length === 1 && sent.length === 1);
          assert.equal(tarpit.received.length, 4);
          await tarpit.close();
        });
      }),
    ));

  test('receivers that just timed out leave places to the others', () =>
    withReceiver((tarpit) =>
      withReceiver(async (quick) => {
        tarpit.answer = 'hang';
        const config = { concurrency: 2, webhooks: { allowPrivate: ['127.0.0.1'], timeoutMs: 1_500 } };
        await withKit(make, { config }, async (kit) => {
          const slow = ['slow1', 'slow2'].map((name) => tenantId(name));
          for (const tenant of slow) await addWebhook(kit.delivery, tarpit.url, ['*'], tenant);
          await addWebhook(kit.delivery, quick.url, ['*'], other);
          for (const tenant of slow) await publish(kit, tenant);
          await kit.delivery.run(); // both time out
          assert.equal(tarpit.received.length, 2);
          kit.clock.advance(seconds(10));
          void kit.delivery.run().catch(assert.fail);
          await until(() => tarpit.received.length === 3);
          await publish(kit, other);
          await until(() => quick.received.length === 1);
          assert.equal(tarpit.received.length, 3);
          await tarpit.close();
        });
      }),
    ));

  // Attack: a tenant fills thousands of lanes with what waits for later, and every second all of them are looked at.
  test('looking for what is due costs nothing for what waits for later', () =>
    withKit(make, {}, async ({ another, storage, write, clock }) => {
      const lanes = Array.from({ length: WAITING }, (_, n) => `endpoint-${n}`);
      await write((tx) => messageStore.add(tx, waitingFor(lanes, clock.now())));
      const counted = counting(storage);
      const watched = await another({ more: { storage: counted.storage, inherits: false } });
      await watched.run();
      assert.ok(counted.statements > 0 && counted.statements < 12, `${counted.statements} statements`);
      clock.advance(hours(1));
      await watched.run(); // now they are due, and end because there are no such webhooks
      const left = await storage.read(platform, (tx) => tx.one(states, { lane: laneOf(`endpoint-${WAITING - 1}`) }));
      assert.equal(left?.state, 'failed');
    }));

  test('what waits for a webhook ends with the webhook, however much that is', () =>
    withKit(make, {}, async ({ delivery, storage, write, clock }) => {
      const { id } = await addWebhook(delivery, 'https://a.example/');
      const { id: kept } = await addWebhook(delivery, 'https://b.example/');
      for (const [from, to] of [
        [0, 1_000],
        [1_000, 2_300],
      ] as const) {
        const some = waitingFor(Array(2_300).fill(id), clock.now()).slice(from, to);
        await write((tx) => messageStore.add(tx, some));
      }
      await write((tx) => messageStore.add(tx, waitingFor([kept], clock.now())));
      await delivery.endpoints.remove(ada, home, id);
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(states, { lane: laneOf(id) })), [
        { state: 'failed', reason: 'webhook_removed', messages: 2_300, kept: 0 },
      ]);
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(states, { lane: laneOf(kept) })), [
        { state: 'waiting', reason: null, messages: 1, kept: 1 },
      ]);
    }));

  test('a message that is being sent while its webhook is removed is settled by what becomes of it', () =>
    withReceiver(async (receiver) => {
      receiver.answer = 'hang';
      await withKit(make, { config: hanging }, async (kit) => {
        const { id } = await addWebhook(kit.delivery, receiver.url);
        await publish(kit, home);
        await until(() => receiver.received.length === 1);
        await kit.delivery.endpoints.remove(ada, home, id);
        const state = async () =>
          (await kit.storage.read(platform, (tx) => tx.one(states, { lane: laneOf(id) })))?.state;
        assert.equal(await state(), 'waiting');
        await receiver.close();
        await kit.after(seconds(10));
        assert.equal(await state(), 'failed');
        assert.equal(receiver.received.length, 1);
      });
    }));
}
