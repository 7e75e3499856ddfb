import assert from 'node:assert/strict';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { minutes, seconds } from '../kernel/clock.ts';
import { newCertificate } from './certificate.contract.ts';
import { expectFault, inMemory, type Kit, mails, withKit } from './delivery-kit.contract.ts';

const { key, cert } = newCertificate();
const mail = { kind: 'email', to: 'ops@example.org', subject: 'Blocked: 192.0.2.7', text: 'Grüße\n.\nend' } as const;

interface Mailbox {
  readonly port: number;
  readonly got: {
    readonly to: readonly string[];
    readonly raw: string;
    readonly secure: boolean;
    readonly user: unknown;
  }[];
}

/** What the server says at the end of a mail: an SMTP code, or nothing, with the connection cut. */
type Verdict = number | 'cut';

/** A real SMTP server; each mail gets the next verdict, and those after the last are taken. */
async function withServer(
  verdicts: readonly Verdict[],
  options: SMTPServerOptions,
  work: (mailbox: Mailbox) => Promise<void>,
): Promise<void> {
  const got: Mailbox['got'][number][] = [];
  const sockets = new Set<Socket>();
  const server = new SMTPServer({
    key,
    cert,
    authOptional: true,
    disableReverseLookup: true,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        const raw = Buffer.concat(chunks).toString();
        const verdict = verdicts[got.push({ to, raw, secure: session.secure, user: session.user }) - 1] ?? 250;
        if (verdict === 'cut') for (const socket of sockets) socket.destroy();
        else if (verdict === 250) done();
        else done(Object.assign(new Error('not taken'), { responseCode: verdict }));
      });
    },
    ...options,
  });
  server.on('error', () => undefined); // a client that we cut off complains
  server.server.on('connection', (socket: Socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo; // a TCP server's address has a port
  try {
    await work({ port, got });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(resolve));
  }
}

const smtp = (port: number, more: object = {}) => ({
  smtp: { host: 'localhost', port, ca: cert, from: 'Twinkeep <keeper@twin.example>', ...more },
});

/** Enqueues a mail against such a server. */
const withMail = (
  verdicts: readonly Verdict[],
  more: object,
  work: (kit: Kit, box: Mailbox, id: string) => Promise<void>,
  options: SMTPServerOptions = {},
) =>
  withServer(verdicts, options, (box) =>
    withKit(inMemory, { config: smtp(box.port, more) }, async (kit) => {
      const id = await kit.write((tx) => kit.delivery.enqueue(tx, mail));
      await kit.delivery.run();
      await work(kit, box, id);
    }),
  );

test('a mail goes out over STARTTLS with its own Message-ID', () =>
  withMail([], {}, async ({ delivery }, { got }, id) => {
    assert.equal(got.length, 1);
    assert.equal(got[0]?.secure, true);
    assert.deepEqual(got[0]?.to, ['ops@example.org']);
    const raw = got[0]?.raw ?? '';
    assert.match(raw, new RegExp(`^Message-ID: <${id}@twin\\.example>\r$`, 'm'));
    assert.match(raw, /^From: Twinkeep <keeper@twin\.example>\r$/m);
    assert.match(raw, /^Subject: Blocked: 192\.0\.2\.7\r$/m);
    assert.match(raw, /^Auto-Submitted: auto-generated\r$/m);
    assert.equal((await mails(delivery))[0]?.message.state, 'sent');
  }));

test('it signs in with the password', () => {
  const options: SMTPServerOptions = {
    authOptional: false,
    onAuth: ({ username, password }, _session, done) =>
      password === 'right' ? done(null, { user: username }) : done(new Error('wrong')),
  };
  const account = { username: 'keeper', password: 'right' };
  return withMail([], account, async (_kit, { got }) => assert.equal(got[0]?.user, 'keeper'), options);
});

test('a wrong password keeps mails waiting, for it is not the fault of the mail', () => {
  const options: SMTPServerOptions = {
    authOptional: false,
    onAuth: (_auth, _session, done) => done(new Error('wrong')),
  };
  const work = async ({ delivery }: Kit) => {
    const [one] = await mails(delivery);
    assert.deepEqual([one?.message.state, one?.message.reason], ['waiting', 'eauth']);
  };
  return withMail([], { username: 'keeper', password: 'wrong' }, work, options);
});

// Attack: whoever sits between us and the mail server takes STARTTLS out of its greeting.
test('a server without STARTTLS gets nothing', () =>
  withMail(
    [],
    {},
    async ({ delivery }, { got }) => {
      assert.equal(got.length, 0);
      assert.equal((await mails(delivery))[0]?.message.state, 'waiting');
    },
    { hideSTARTTLS: true, disabledCommands: ['STARTTLS'] },
  ));

// Attack: whoever sits between us and the mail server shows a certificate of their own.
test('a server whose certificate nobody vouches for gets nothing', () =>
  withMail([], { ca: undefined }, async ({ delivery }, { got }) => {
    assert.equal(got.length, 0);
    const [one] = await mails(delivery);
    assert.equal(one?.message.state, 'waiting');
  }));

test('TLS from the first byte is spoken where it is asked for', () =>
  withMail([], { tls: 'implicit' }, async (_kit, { got }) => assert.equal(got[0]?.secure, true), { secure: true }));

test('a mail that is refused for now is repeated with the same headers', () =>
  withMail([451], {}, async ({ delivery, after }, { got }) => {
    assert.deepEqual(
      (await mails(delivery))[0]?.attempts.map(({ status, reason }) => [status, reason]),
      [[451, 'smtp_451']],
    );
    await after(seconds(10));
    assert.equal(got.length, 2);
    const head = (raw = '') => raw.split('\r\n\r\n')[0]?.replace(/boundary="[^"]*"/, '');
    assert.equal(head(got[0]?.raw), head(got[1]?.raw));
    assert.equal((await mails(delivery))[0]?.message.state, 'sent');
  }));

test('a mail that is refused for good is given up at once', () =>
  withMail([550], {}, async ({ delivery, after }, { got }) => {
    await after(minutes(60));
    assert.equal(got.length, 1);
    const [one] = await mails(delivery);
    assert.deepEqual([one?.message.state, one?.message.reason, one?.attempts[0]?.status], ['failed', 'smtp_550', 550]);
  }));

test('a receiver that does not exist is given up at once', () =>
  withMail(
    [],
    {},
    async ({ delivery }, { got }) => {
      assert.equal(got.length, 0);
      assert.equal((await mails(delivery))[0]?.message.reason, 'smtp_550');
    },
    { onRcptTo: (_address, _session, done) => done(Object.assign(new Error('unknown'), { responseCode: 550 })) },
  ));

test('a mail whose end was not confirmed may have gone out, so it is repeated with the same Message-ID', () =>
  withMail(['cut'], {}, async ({ delivery, after }, { got }, id) => {
    assert.equal((await mails(delivery))[0]?.message.state, 'waiting');
    await after(seconds(10));
    assert.equal(got.length, 2);
    for (const { raw } of got) assert.match(raw, new RegExp(`^Message-ID: <${id}@`, 'm'));
    assert.equal((await mails(delivery))[0]?.message.state, 'sent');
  }));

// Attack: a line break in what a user typed begins another header, and the mail goes to thousands.
test('a message whose fields could begin another header is refused', () =>
  withKit(inMemory, { config: smtp(2_525) }, async ({ delivery, write }) => {
    const refused = [
      { ...mail, subject: 'Hello\r\nBcc: everybody@example.org' },
      { ...mail, subject: 'Hello\nBcc: everybody@example.org' },
      { ...mail, subject: 'Hello\u2028there' },
      { ...mail, to: 'a@example.org\r\nBcc: everybody@example.org' },
      { ...mail, to: 'a@example.org\n' },
      { ...mail, to: 'a@example.org, b@example.org' },
      { ...mail, to: 'A <a@example.org>' },
      { ...mail, to: '"a b"@example.org' },
      { ...mail, to: 'nobody' },
      { ...mail, text: 'x'.repeat(40_000) },
      { ...mail, text: 'nothing\0' },
    ];
    for (const one of refused) {
      await expectFault(
        'DELIVERY_MESSAGE_REFUSED',
        write((tx) => delivery.enqueue(tx, one)),
      );
    }
    await expectFault(
      'DELIVERY_CHANNEL_OFF',
      write((tx) => delivery.enqueue(tx, { kind: 'sms', to: '+493012345', text: 'x' })),
    );
    assert.deepEqual(await mails(delivery), []);
  }));
