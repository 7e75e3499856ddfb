import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';

/** One arrival: which message, by what id, and what it said. */
interface Arrival {
  readonly id: string;
  readonly body: string;
}

/** What arrived, by the number of the message. */
export type Arrivals = ReadonlyMap<number, readonly Arrival[]>;

/** Real receivers of webhooks, mails and SMS, slow enough to be caught in the middle. */
export interface Receivers {
  readonly env: Readonly<Record<string, string>>;
  readonly arrivals: Readonly<Record<'webhook' | 'email' | 'sms', Arrivals>>;
  close(): Promise<void>;
}

const TAKES_MS = 8;

export async function startReceivers(): Promise<Receivers> {
  const webhook = new Map<number, Arrival[]>();
  const email = new Map<number, Arrival[]>();
  const sms = new Map<number, Arrival[]>();
  const hooks = await listenHttp(({ headers }, body) =>
    note(webhook, Number(JSON.parse(body).data.n), { id: String(headers['webhook-id']), body }),
  );
  const texts = await listenHttp(({ headers }, body) => {
    const text = new URLSearchParams(body).get('Body') ?? '';
    note(sms, numberIn(text), { id: String(headers['i-twilio-idempotency-token']), body });
  });
  const mails = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onData: (stream, _session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const id = /^Message-ID: <(.+)@example\.org>\r$/m.exec(body)?.[1] ?? '';
        note(email, numberIn(/^Subject: (.+)\r$/m.exec(body)?.[1] ?? ''), { id, body });
        setTimeout(done, TAKES_MS);
      });
    },
  });
  mails.on('error', () => undefined); // a client that is killed resets its connection
  await new Promise<void>((resolve) => mails.listen(0, '127.0.0.1', resolve));
  const { port } = mails.server.address() as AddressInfo; // a TCP server's address has a port
  return {
    env: { HOOK: `${hooks.url}/hook`, SMS: texts.url, SMTP_PORT: String(port) },
    arrivals: { webhook, email, sms },
    close: async () => {
      hooks.close();
      texts.close();
      await new Promise<void>((resolve) => mails.close(resolve));
    },
  };
}

const numberIn = (text: string): number => Number(/^number (\d+)$/.exec(text)?.[1] ?? Number.NaN);

function note(arrivals: Map<number, Arrival[]>, n: number, arrival: Arrival): void {
  arrivals.set(n, [...(arrivals.get(n) ?? []), arrival]);
}

async function listenHttp(take: (request: IncomingMessage, body: string) => void) {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    take(request, Buffer.concat(chunks).toString());
    await pause(TAKES_MS); // it has it, and the sender does not know yet
    response.writeHead(201).end('{}');
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy()); // a sender that was killed in the middle of a request
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
