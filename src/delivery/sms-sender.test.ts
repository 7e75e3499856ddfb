import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutes, seconds } from '../kernel/clock.ts';
import { inMemory, type Kit, mails, type Receiver, withKit, withReceiver } from './delivery-kit.contract.ts';

const sms = { kind: 'sms', to: '+4930123456', text: 'Code: 12 & 34 ü' } as const;
const account = { accountSid: 'AC0123', authToken: 'the token', from: '+15005550006' };

/** Sends one SMS to a stand-in of the provider's interface. */
const withSms = (
  more: object,
  answer: Receiver['answer'],
  work: (kit: Kit, r: Receiver, id: string) => Promise<void>,
) =>
  withReceiver((receiver) => {
    const config = { sms: { ...account, baseUrl: `${receiver.url}/`, ...more } };
    return withKit(inMemory, { config }, async (kit) => {
      receiver.answer = answer;
      const id = await kit.write((tx) => kit.delivery.enqueue(tx, sms));
      await kit.delivery.run();
      await work(kit, receiver, id);
    });
  });

test('an SMS is posted as the interface of Twilio wants it', () =>
  withSms(
    { statusCallback: 'https://twin.example/sms?x=1' },
    { status: 201, body: '{}' },
    async (kit, { received }, id) => {
      const [got] = received;
      assert.equal(received.length, 1);
      assert.deepEqual([got?.method, got?.path], ['POST', '/2010-04-01/Accounts/AC0123/Messages.json']);
      assert.equal(got?.headers.authorization, `Basic ${btoa('AC0123:the token')}`);
      assert.equal(got?.headers['i-twilio-idempotency-token'], id);
      assert.deepEqual(Object.fromEntries(new URLSearchParams(got?.body)), {
        To: '+4930123456',
        From: '+15005550006',
        Body: 'Code: 12 & 34 ü',
        StatusCallback: `https://twin.example/sms?x=1&message_id=${id}`,
      });
      assert.equal((await mails(kit.delivery))[0]?.message.state, 'sent');
    },
  ));

test('a messaging service stands in for the number', () => {
  const from = `MG${'0'.repeat(32)}`;
  return withSms({ from }, { status: 201 }, async (_kit, { received }) => {
    const form = new URLSearchParams(received[0]?.body);
    assert.deepEqual([form.get('MessagingServiceSid'), form.get('From')], [from, null]);
  });
});

test('an SMS that the provider refuses is given up, with the code of the refusal', () =>
  withSms(
    {},
    { status: 400, body: '{"code":21211,"message":"Invalid To: +4930123456"}' },
    async (kit, { received }) => {
      await kit.after(minutes(30));
      const [one] = await mails(kit.delivery);
      assert.deepEqual([received.length, one?.message.state, one?.message.reason], [1, 'failed', 'provider_21211']);
    },
  ));

test('an SMS that the provider has no time for is repeated with the same token', () =>
  withSms({}, { status: 429 }, async (kit, receiver, id) => {
    receiver.answer = { status: 201 };
    await kit.after(seconds(10));
    assert.deepEqual(
      receiver.received.map(({ headers }) => headers['i-twilio-idempotency-token']),
      [id, id],
    );
    assert.equal((await mails(kit.delivery))[0]?.message.state, 'sent');
  }));

test('an SMS is repeated when the provider cannot be reached', () =>
  withSms({ baseUrl: 'http://127.0.0.1:1' }, { status: 201 }, async (kit) => {
    const [one] = await mails(kit.delivery);
    assert.deepEqual([one?.message.state, one?.message.reason], ['waiting', 'econnrefused']);
  }));
