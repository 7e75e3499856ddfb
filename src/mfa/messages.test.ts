import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { createDelivery, type Delivery, deliveryConfig } from '../delivery/index.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import type { MfaDeps } from './mfa.ts';
import { actor, ada, createMfaKit, from, type MfaKit, PLANT } from './mfa-kit.contract.ts';

/** The room with a real outbox, which sends to what runs on these ports. */
async function withDelivery(config: object, work: (kit: MfaKit, delivery: Delivery) => Promise<void>): Promise<void> {
  const storage = createSqliteStorage({ file: ':memory:', clock: createTestClock() });
  let opened: Delivery | undefined;
  const delivery: MfaDeps['delivery'] = {
    enqueue: (tx, message) => opened?.enqueue(tx, message) ?? assert.fail(),
    publish: (tx, event) => opened?.publish(tx, event) ?? assert.fail(),
  };
  const kit = await createMfaKit(storage, {}, { delivery });
  opened = await createDelivery({
    storage,
    clock: kit.clock,
    random: createSystemRandom(),
    fields: kit.vault.fields,
    audit: { record: async () => undefined },
    metrics: { counter: () => ({ add: () => undefined }) },
    config: deliveryConfig.parse(config),
    home: PLANT,
    onError: (error) => kit.errors.push(error),
  });
  try {
    await work(kit, opened);
    assert.deepEqual(kit.errors, []);
  } finally {
    await opened.stop();
    await storage.close();
  }
}

const portOf = (server: { address(): AddressInfo | string | null }): number => {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : assert.fail();
};

test('a code comes by e-mail through a real SMTP server, and confirms its factor', async () => {
  const got: { to: readonly string[]; raw: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        got.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks).toString() });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const smtp = { host: '127.0.0.1', port: portOf(server.server), tls: 'none', from: 'Twin <keeper@twin.example>' };
  try {
    await withDelivery({ smtp }, async ({ mfa }, delivery) => {
      const begun = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
      assert.equal(begun.hint, 'a…@b.example');
      await delivery.run();
      assert.deepEqual(got[0]?.to, ['ada@b.example']);
      const [, code = ''] = /^Subject: (\d{6}) is your code for Twinkeep\r?$/m.exec(got[0]?.raw ?? '') ?? [];
      const { backupCodes = [] } = await mfa.confirm(actor, ada.id, begun.factorId, code);
      await delivery.run();
      const told = got.slice(1).map(({ to, raw }) => [to[0], /^Subject: (.*?)\r?$/m.exec(raw)?.[1]]);
      assert.deepEqual(told.sort(), [
        ['ada@mail.example', 'Twinkeep: a second factor was added'],
        ['ada@mail.example', 'Twinkeep: you have new backup codes'],
      ]);
      for (const one of backupCodes) assert.ok(!JSON.stringify(got).includes(one));
    });
  } finally {
    await new Promise<void>((resolve) => server.close(resolve));
  }
});

test('a code comes by SMS through the interface of Twilio, and is not sent once it has run out', async () => {
  const bodies: URLSearchParams[] = [];
  let status = 201;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(new URLSearchParams(Buffer.concat(chunks).toString()));
      response.writeHead(status).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${portOf(server)}`;
  const sms = { accountSid: 'AC1', authToken: 'token', from: '+15005550006', baseUrl };
  try {
    await withDelivery({ sms }, async ({ mfa, clock }, delivery) => {
      const begun = await mfa.beginCode(actor, ada.id, { method: 'sms', to: '+4930123456' }, from);
      await delivery.run();
      const [, code = ''] = /^(\d{6}) is your code.*\n\n@twin\.example #\1$/s.exec(bodies[0]?.get('Body') ?? '') ?? [];
      assert.equal(bodies[0]?.get('To'), '+4930123456');
      assert.equal((await mfa.confirm(actor, ada.id, begun.factorId, code)).backupCodes?.length, 10);
      status = 503;
      await mfa.sendCode(actor, ada.id, begun.factorId, from);
      await delivery.run();
      const tried = bodies.length;
      status = 201;
      clock.advance(600_000);
      await delivery.run();
      assert.equal(bodies.length, tried);
    });
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});
