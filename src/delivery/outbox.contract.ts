import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochMs } from '../kernel/brand.ts';
import { days, hours, minutes, seconds } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { expectFault, home, type MakeStorage, mails, until, withKit } from './delivery-kit.contract.ts';
import type { Outcome } from './outcome.ts';
import type { OutgoingSms } from './sms-sender.ts';

const sms = { kind: 'sms', to: '+4930123456', text: 'Your code is 123456' } as const;

/** A provider of SMS that answers as it is told. */
function providerOf(...answers: readonly Outcome['kind'][]) {
  const sent: OutgoingSms[] = [];
  const sendSms = async (one: OutgoingSms): Promise<Outcome> => {
    const kind = answers[sent.push(one) - 1] ?? 'sent';
    return kind === 'sent' ? { kind } : { kind, reason: 'http_503', status: 503 };
  };
  return { sent, more: { sendSms } };
}

const everything = statement({
  reach: 'platform',
  sql: 'select id, payload from delivery_message',
  returns: { id: 'text', payload: 'text?' },
});

/** How the outbox keeps messages, on any database. */
export function outboxContract(make: MakeStorage): void {
  test('a message goes out once its write is durable, and no sooner', async () => {
    const { sent, more } = providerOf();
    await withKit(make, { more }, async ({ delivery, write }) => {
      let before = -1;
      const id = await write(async (tx) => {
        const made = await delivery.enqueue(tx, sms);
        before = sent.length;
        return made;
      });
      await until(() => sent.length === 1);
      assert.equal(before, 0);
      assert.deepEqual(sent, [{ id, contents: sms }]);
    });
  });

  test('a write that fails leaves no message', async () => {
    const { sent, more } = providerOf();
    await withKit(make, { more }, async ({ delivery, write, storage }) => {
      const failed = write(async (tx) => {
        await delivery.enqueue(tx, sms);
        throw new Error('the act was not done');
      });
      await assert.rejects(failed, /not done/);
      await delivery.run();
      assert.equal(sent.length, 0);
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(everything, {})), []);
    });
  });

  test('what a message says is sealed while it waits, and forgotten once it is sent', async () => {
    const { more } = providerOf('retry', 'sent');
    await withKit(make, { more }, async ({ delivery, write, storage, after }) => {
      await write((tx) => delivery.enqueue(tx, sms));
      await delivery.run();
      const [waiting] = await storage.read(platform, (tx) => tx.all(everything, {}));
      assert.ok(waiting?.payload);
      assert.ok(!/123456|4930/.test(waiting.payload));
      await after(seconds(10));
      const [gone] = await storage.read(platform, (tx) => tx.all(everything, {}));
      assert.equal(gone?.payload, null);
    });
  });

  test('a message that fails is tried again after growing waits, and is given up in the end', async () => {
    const { sent, more } = providerOf(...Array.from({ length: 9 }, () => 'retry' as const));
    await withKit(make, { more }, async ({ delivery, write, after }) => {
      await write((tx) => delivery.enqueue(tx, sms));
      const tries: number[] = [];
      for (const wait of [seconds(3), seconds(3), seconds(36), minutes(2.4), minutes(12), hours(30)]) {
        await after(wait);
        tries.push(sent.length);
      }
      assert.deepEqual(tries, [1, 2, 3, 4, 5, 5]); // 4 s at the earliest, 6 s at the latest, and so on
      const [one] = await mails(delivery);
      assert.equal(one?.message.state, 'failed');
      assert.equal(one?.message.reason, 'http_503');
      assert.equal(one?.attempts.length, 5);
      assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
    });
  });

  test('a message that was given up goes out when it is retried, with its id', async () => {
    const { sent, more } = providerOf('failed', 'sent');
    await withKit(make, { more }, async ({ delivery, write, entries }) => {
      const id = await write((tx) => delivery.enqueue(tx, sms));
      await delivery.run();
      const actor = { principal: { kind: 'operator', tenantId: home } } as const;
      await delivery.log.retry(actor, { tenantId: home, every: true }, id);
      await delivery.run();
      assert.deepEqual(
        sent.map((one) => one.id),
        [id, id],
      );
      assert.deepEqual(
        entries.map(({ action }) => action),
        ['delivery.retried'],
      );
      await expectFault('DELIVERY_CONTENTS_GONE', delivery.log.retry(actor, { tenantId: home, every: true }, id));
    });
  });

  // Attack: the administrator of one tenant has another's mail sent again, or looks at what it sends.
  test('e-mails and SMS of another tenant are neither listed nor sent again', async () => {
    const { more } = providerOf('failed');
    await withKit(make, { more }, async ({ delivery, write }) => {
      const id = await write((tx) => delivery.enqueue(tx, sms));
      await delivery.run();
      const stranger = { tenantId: home, every: false };
      assert.deepEqual((await delivery.log.mail({ ...stranger, limit: 10 })).items, []);
      await expectFault('DELIVERY_UNKNOWN', delivery.log.retry({ principal: { kind: 'anonymous' } }, stranger, id));
    });
  });

  test('a message that is of no use any more is not sent', async () => {
    const { sent, more } = providerOf();
    await withKit(make, { more }, async ({ delivery, write, clock }) => {
      const expiresAt = epochMs(clock.now());
      await write((tx) => delivery.enqueue(tx, { ...sms, expiresAt }));
      await delivery.run();
      assert.equal(sent.length, 0);
      assert.equal((await mails(delivery))[0]?.message.reason, 'expired');
    });
  });

  test('of several processes or threads one sends a message', async () => {
    const sent: string[] = [];
    const sendSms = async ({ id }: OutgoingSms): Promise<Outcome> => {
      sent.push(id);
      await new Promise((resolve) => setImmediate(resolve));
      return { kind: 'sent' };
    };
    await withKit(make, { more: { sendSms } }, async ({ delivery, another, write }) => {
      const beside = { more: { sendSms, inherits: false } };
      const others = await Promise.all([another(beside), another(beside), another(beside)]);
      for (let n = 0; n < 40; n++) {
        await write((tx) => delivery.enqueue(tx, sms));
        if (n % 10 === 0) await another(beside); // a late one must not take what is being sent
      }
      await Promise.all([delivery, ...others].map((one) => one.run()));
      await delivery.run();
      assert.equal(sent.length, 40);
      assert.equal(new Set(sent).size, 40);
    });
  });

  test('a message whose sender died in the middle is sent by the next process, with its id', async () => {
    const { sent, more } = providerOf();
    const hanging = { sendSms: () => new Promise<Outcome>(() => undefined) };
    await withKit(make, { more }, async ({ another, write, storage, clock }) => {
      const dead = await another({ more: hanging, config: { concurrency: 1 } }); // it takes nothing after that
      const id = await write((tx) => dead.enqueue(tx, sms));
      void dead.run();
      const claimed = statement({
        reach: 'platform',
        sql: 'select claimed_until from delivery_message where claim is not null',
        returns: { claimed_until: 'int?' },
      });
      let found: { readonly claimed_until: number | null } | undefined;
      while (found === undefined) found = await storage.read(platform, (tx) => tx.one(claimed, {}));
      // SQLite has one process, so a new one knows that the old is gone; elsewhere the claim has to run out.
      if (storage.dialect === 'postgres') clock.advance((found.claimed_until ?? 0) - clock.now());
      const next = await another();
      await next.run();
      assert.deepEqual(
        sent.map((one) => one.id),
        [id],
      );
      const [logged] = await mails(next);
      assert.deepEqual(
        logged?.attempts.map(({ n, outcome }) => [n, outcome]),
        [
          [2, 'sent'],
          [1, 'started'],
        ],
      );
    });
  });

  test('what ended long ago is forgotten, and what waits is not', async () => {
    const { more } = providerOf('sent', 'failed', 'retry');
    await withKit(make, { more }, async ({ delivery, write, clock }) => {
      for (let n = 0; n < 3; n++) {
        await write((tx) => delivery.enqueue(tx, sms));
        await delivery.run();
      }
      await delivery.prune();
      assert.equal((await mails(delivery)).length, 3);
      clock.advance(days(31));
      await delivery.prune();
      assert.deepEqual(
        (await mails(delivery)).map(({ message }) => message.state),
        ['waiting'],
      );
    });
  });

  test('a list goes on where the page before it ended', async () => {
    const { more } = providerOf();
    await withKit(make, { more }, async ({ delivery, write, clock }) => {
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) {
        clock.advance(1);
        ids.unshift(await write((tx) => delivery.enqueue(tx, sms)));
      }
      await delivery.run();
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await delivery.log.mail({ tenantId: home, every: true, limit: 2, cursor });
        found.push(...page.items.map(({ message }) => message.id));
        cursor = page.next;
      } while (cursor !== undefined);
      assert.deepEqual(found, ids);
    });
  });
}
