import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { ConfigInput } from '../../../src/app/index.ts';

type DeliveryInput = NonNullable<ConfigInput['delivery']>;

export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** A mail server, the interface of an SMS provider and a webhook, which keep what they are given. */
export interface Receivers {
  readonly letters: Letter[];
  readonly texts: { readonly to: string; readonly body: string }[];
  /** Bodies that came to `hookUrl`. */
  readonly events: string[];
  readonly hookUrl: string;
  /** What to set as `delivery`. */
  readonly delivery: Pick<DeliveryInput, 'smtp' | 'sms' | 'webhooks'>;
  close(): Promise<void>;
}

export async function startReceivers(): Promise<Receivers> {
  const letters: Letter[] = [];
  const texts: { to: string; body: string }[] = [];
  const events: string[] = [];
  const mail = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const to = session.envelope.rcptTo.map(({ address }) => address).join();
        letters.push({ to, subject: /^Subject: (.*?)\r?$/m.exec(text)?.[1] ?? '', text });
        done();
      });
    },
  });
  const provider = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const form = new URLSearchParams(text);
      if (request.url === '/hook') events.push(text);
      else texts.push({ to: form.get('To') ?? '', body: form.get('Body') ?? '' });
      response.writeHead(201).end('{}');
    });
  });
  await new Promise<void>((resolve) => mail.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port; // of TCP servers
  const baseUrl = `http://127.0.0.1:${portOf(provider)}`;
  return {
    letters,
    texts,
    events,
    hookUrl: `${baseUrl}/hook`,
    delivery: {
      webhooks: { allowPrivate: ['127.0.0.1'] },
      smtp: { host: '127.0.0.1', port: portOf(mail.server), tls: 'none', from: 'keeper@aivillage.example' },
      sms: { accountSid: 'AC1', authToken: 'token', from: '+15005550006', baseUrl },
    },
    close: async () => {
      provider.closeAllConnections();
      await Promise.all([
        new Promise<void>((resolve) => mail.close(() => resolve())),
        new Promise<void>((resolve) => provider.close(() => resolve())),
      ]);
    },
  };
}
