import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutes, seconds } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { type MakeStorage, mails, until, withKit } from './delivery-kit.contract.ts';
import type { Outcome } from './outcome.ts';
import type { OutgoingSms } from './sms-sender.ts';

const sms = { kind: 'sms', to: '+4930123456', text: 'Your code is 123456' } as const;

/** Longer than the wait before each of the five attempts at an SMS. */
const WAITS = [seconds(6), seconds(36), minutes(2.4), minutes(12)];

const claimed = statement({
  reach: 'platform',
  sql: 'select claimed_until from delivery_message where claim is not null',
  returns: { claimed_until: 'int?' },
});

/** A provider that fails each time. */
function failing() {
  const sent: OutgoingSms[] = [];
  const sendSms = async (one: OutgoingSms): Promise<Outcome> => {
    sent.push(one);
    return { kind: 'retry', reason: 'http_503' };
  };
  return { sent, sendSms };
}

/** What a stop and a kill leave of a message, on any database. */
export function stoppingContract(make: MakeStorage): void {
  test('a message that a stop cuts off in its last attempt goes out after the next start', async () => {
    const { sent, sendSms } = failing();
    await withKit(make, { more: { sendSms } }, async ({ delivery, another, write, after, clock }) => {
      const id = await write((tx) => delivery.enqueue(tx, sms));
      for (const wait of WAITS.slice(0, 3)) await after(wait);
      assert.equal(sent.length, 4);
      await delivery.stop();
      let begun = false;
      const hang = (): Promise<Outcome> => {
        begun = true;
        return new Promise(() => undefined);
      };
      const stopping = await another({ more: { sendSms: hang } });
      clock.advance(minutes(12));
      const running = stopping.run();
      await until(() => begun);
      await stopping.stop();
      await running;
      const [cut] = await mails(stopping);
      assert.deepEqual([cut?.message.state, cut?.message.reason, cut?.message.tries], ['waiting', 'interrupted', 4]);
      const got: string[] = [];
      const next = await another({
        more: {
          sendSms: async (one: OutgoingSms): Promise<Outcome> => {
            got.push(one.id);
            return { kind: 'sent' };
          },
        },
      });
      await next.run();
      assert.deepEqual(got, [id]);
    });
  });

  test('a kill uses up no attempt', async () => {
    const { sent, sendSms } = failing();
    await withKit(make, { more: { sendSms } }, async ({ another, write, storage, clock }) => {
      const hang = { sendSms: () => new Promise<Outcome>(() => undefined) };
      const dead = await another({ more: hang, config: { concurrency: 1 } }); // it takes nothing after that
      await write((tx) => dead.enqueue(tx, sms));
      void dead.run();
      let found: { readonly claimed_until: number | null } | undefined;
      while (found === undefined) found = await storage.read(platform, (tx) => tx.one(claimed, {}));
      // SQLite has one process, so a new one knows that the old is gone; elsewhere the claim has to run out.
      if (storage.dialect === 'postgres') clock.advance((found.claimed_until ?? 0) - clock.now());
      const next = await another();
      await next.run();
      for (const wait of WAITS) {
        clock.advance(wait);
        await next.run();
      }
      assert.equal(sent.length, 5);
      const [ended] = await mails(next);
      assert.deepEqual([ended?.message.state, ended?.attempts.length], ['failed', 6]);
    });
  });
}
