import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

/** What came back over a connection of its own. */
export interface Spoken {
  readonly status: number;
  /** Names in lower case; of several the values with a line between. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What came behind the head of a 101. */
  readonly text: string;
}

export interface Saying {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The address that the client has. */
  readonly from?: string;
  /** Sent behind the answer's head, where it is a 101. */
  readonly tunnelled?: string;
}

const PATIENCE_MS = 20_000;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 §1.3

/** Sends a target byte for byte, which no library for HTTP would, from an address of the loopback network. */
export async function speak(port: number, target: string, saying: Saying = {}): Promise<Spoken> {
  const { method = 'GET', headers = {}, body = '', from = '127.0.0.2', tunnelled } = saying;
  const socket = connect({ host: '127.0.0.1', port, localAddress: from });
  const lines = Object.entries({ Host: 'twin.test', Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  let received = '';
  let sent = false;
  const timer = setTimeout(() => socket.destroy(new Error(`nothing for ${PATIENCE_MS} ms`)), PATIENCE_MS);
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
    if (isWhole(received)) socket.destroy(); // a proxy may keep the connection of a handshake that was refused
    if (tunnelled === undefined || !/^HTTP\/1.1 101/.test(received)) return;
    if (!sent) socket.write(tunnelled);
    sent = true;
    if (received.endsWith(tunnelled)) socket.destroy();
  });
  socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`, 'latin1');
  await once(socket, 'close').finally(() => clearTimeout(timer));
  return spokenOf(received);
}

function isWhole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, end))?.[1];
  return end !== -1 && length !== undefined && received.length >= end + 4 + Number(length);
}

function spokenOf(received: string): Spoken {
  const end = received.indexOf('\r\n\r\n');
  const [first = '', ...lines] = received.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    const value = line.slice(line.indexOf(':') + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}\n${value}`;
  }
  const text = received.slice(end + 4);
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(text) : text;
  return { status: Number(first.split(' ')[1] ?? 0), headers, body, text };
}

function unchunked(text: string): string {
  const size = Number.parseInt(text, 16);
  const start = text.indexOf('\r\n') + 2;
  return size > 0 ? text.slice(start, start + size) + unchunked(text.slice(start + size + 2)) : '';
}

/** What a back end has got. */
export interface Got {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly raw: readonly string[];
}

export interface BackEnd {
  readonly url: string;
  readonly got: Got[];
  close(): Promise<void>;
}

/** What the back end says of itself at `/open/said`. */
export const SAID = {
  'x-frame-options': 'SAMEORIGIN',
  'cache-control': 'max-age=60',
  'x-request-id': 'its own',
} as const;

/** A back end that keeps what it is sent, and says back on a socket what it hears. */
export async function startBackEnd(): Promise<BackEnd> {
  const got: Got[] = [];
  const note = ({ method = '', url = '', headers, rawHeaders }: IncomingMessage): void =>
    void got.push({ method, target: url, headers, raw: rawHeaders });
  const server = createServer((request, response) => {
    note(request);
    request.resume();
    if (request.url === '/open/said') response.writeHead(200, SAID);
    response.end('from the back end');
  });
  server.on('upgrade', (request, socket, head) => {
    note(request);
    socket.on('error', () => socket.destroy());
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
    const agreed = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${agreed}\r\n`);
    if (head.length > 0) socket.write(head);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the back end does not listen');
  return {
    url: `http://127.0.0.1:${address.port}`,
    got,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
