import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { minutes } from '../kernel/clock.ts';
import { readAlertConfig } from './alert-config.ts';
import { addWebhook, type Kit, type MakeStorage, withKit, withReceiver } from './delivery-kit.contract.ts';
import type { Outcome } from './outcome.ts';
import type { OutgoingSms } from './sms-sender.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

const configOf = (more: object = {}) =>
  readAlertConfig(
    JSON.stringify({
      events: ['address.*'],
      sms: { account_sid: 'AC1', auth_token: 'env_TOKEN', from: '+15005550006', to: ['+4930123456', '+4930123457'] },
      ...more,
    }),
    { TOKEN: 'secret' },
  );

function provider() {
  const sent: OutgoingSms['contents'][] = [];
  const sendSms = async ({ contents }: OutgoingSms): Promise<Outcome> => {
    sent.push(contents);
    return { kind: 'sent' };
  };
  return { sent, more: { sendSms } };
}

const publish = ({ delivery, write }: Kit, type = 'address.blocked', only?: 'webhooks' | 'alerts') =>
  write((tx) => delivery.publish(tx, { type, data: { address: '192.0.2.7' }, only }));

/** How people of the alert file are told, on any database. */
export function alertContract(make: MakeStorage): void {
  test('the people of the alert file hear of the events that it names, beside the webhooks', async () => {
    const { sent, more } = provider();
    await withReceiver((receiver) =>
      withKit(make, { alerts: configOf(), more }, async (kit) => {
        await addWebhook(kit.delivery, receiver.url);
        await publish(kit);
        await publish(kit, 'session.ended');
        await kit.delivery.run();
        assert.equal(receiver.received.length, 2);
        assert.deepEqual(sent.map(({ to }) => to).sort(), ['+4930123456', '+4930123457']);
        assert.match(sent[0]?.text ?? '', /^Twinkeep: address\.blocked at 2/);
        assert.doesNotMatch(sent[0]?.text ?? '', /192\.0\.2\.7/);

        for (const only of ['webhooks', 'alerts'] as const) {
          await publish(kit, 'address.unblocked', only);
          await kit.delivery.run();
          const counts: readonly number[] = [receiver.received.length, sent.length];
          assert.deepEqual(counts, only === 'webhooks' ? [3, 2] : [3, 4], `for ${only} only`);
        }
        assert.ok(!receiver.received.some(({ body }) => body.includes('only')));
      }),
    );
  });

  test('the webhook of the alert file is signed by its own secret', async () => {
    await withReceiver((receiver) => {
      const alerts = configOf({ sms: undefined, webhook: { url: receiver.url, secret: SECRET } });
      return withKit(make, { alerts }, async (kit) => {
        await publish(kit);
        await publish(kit, 'session.ended');
        await kit.delivery.run();
        assert.equal(receiver.received.length, 1);
        const [got] = receiver.received;
        assert.ok(got);
        const headers = Object.fromEntries(Object.entries(got.headers).map(([name, value]) => [name, String(value)]));
        assert.equal(Object(new Webhook(SECRET).verify(got.body, headers)).type, 'address.blocked');
      });
    });
  });

  // Attack: ten thousand addresses are blocked, and the guard's telephone is of no use for the night.
  test('past the cap alerts are counted into one message when ten minutes are over', async () => {
    const { sent, more } = provider();
    await withKit(make, { alerts: configOf(), more, config: { alertsPerWindow: 3 } }, async (kit) => {
      for (let n = 0; n < 10; n++) await publish(kit, n % 2 === 0 ? 'address.blocked' : 'address.unblocked');
      await kit.delivery.run();
      assert.equal(sent.length, 6);
      await kit.after(minutes(9));
      assert.equal(sent.length, 6);
      await kit.after(minutes(1));
      await kit.after(0);
      assert.equal(sent.length, 8);
      assert.match(sent.at(-1)?.text ?? '', /^Twinkeep: 7 more alerts since 2/);
      await publish(kit);
      await kit.after(minutes(10));
      assert.equal(sent.length, 10);
      assert.match(sent.at(-1)?.text ?? '', /address\.blocked/);
    });
  });
}
