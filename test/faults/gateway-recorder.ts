import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** A request as it came, in latin1, so that each character is a byte. */
export interface Recorded {
  readonly method: string;
  readonly target: string;
  /** Names as they were spelt, and values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly head: string;
  body: string;
  /** False as long as its end has not come. */
  whole: boolean;
}

/** A back end of raw TCP that keeps what it is sent byte for byte, and understands as little of it as it can. */
export interface Recorder {
  readonly url: string;
  readonly requests: readonly Recorded[];
  /** All that came since the last `clear`, whether it was a request or not. */
  bytes(): string;
  clear(): void;
  /** Where the same one can listen again. */
  readonly port: number;
  close(): Promise<void>;
}

export type Answering = (request: Recorded, socket: Socket) => string | undefined;

/** A whole answer. */
export const answerOf = (body: string, head = ''): string =>
  `HTTP/1.1 200 OK\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** @param answering what a whole request is answered with; `undefined` where it answers by itself, or never */
export async function startRecorder(answering: Answering = () => answerOf('seen'), port = 0): Promise<Recorder> {
  const requests: Recorded[] = [];
  const sockets = new Set<Socket>();
  let all = '';
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    const read = createReader(requests, (request) => {
      const answer = answering(request, socket);
      if (answer !== undefined && socket.writable) socket.write(answer, 'latin1');
    });
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      all += text;
      read(text);
    });
  });
  await listenOn(server, port);
  const own = portOf(server);
  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    requests,
    bytes: () => all,
    clear: () => {
      requests.length = 0;
      all = '';
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listenOn(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

/** Cuts one connection into requests. */
function createReader(requests: Recorded[], onWhole: (request: Recorded) => void): (text: string) => void {
  let rest = '';
  let open: Recorded | undefined;
  return (text) => {
    rest += text;
    for (;;) {
      if (open === undefined) {
        const end = rest.indexOf('\r\n\r\n');
        if (end === -1) return;
        open = headOf(rest.slice(0, end + 4));
        requests.push(open);
        rest = rest.slice(end + 4);
      }
      const length = lengthOf(open, rest);
      if (length === undefined) return;
      open.body = rest.slice(0, length);
      open.whole = true;
      rest = rest.slice(length);
      onWhole(open);
      open = undefined;
    }
  };
}

function headOf(head: string): Recorded {
  const [first = '', ...lines] = head.slice(0, -4).split('\r\n');
  const [method = '', ...others] = first.split(' ');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { method, target: others.slice(0, -1).join(' '), headers, head, body: '', whole: false };
}

/** @returns bytes of the body as it stands on the wire, `undefined` where they are not all there */
function lengthOf(request: Recorded, rest: string): number | undefined {
  if (valuesOf(request, 'transfer-encoding').length > 0) return chunkedLengthOf(rest);
  const length = Number(valuesOf(request, 'content-length')[0] ?? 0);
  return rest.length >= length ? length : undefined;
}

/** Chunk by chunk, for what looks like the last one may stand inside of another. @see RFC 9112 §7.1 */
function chunkedLengthOf(rest: string): number | undefined {
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(rest.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) return at; // no chunk: the next request shows what it is
    at = lineEnd + 2 + size + 2;
    if (rest.length < at) return undefined;
    if (size === 0) return at;
  }
}

/** The values of a header in whatever spelling, `_` for `-` among them, for back ends behind CGI read it so. */
export function valuesOf({ headers }: Recorded, name: string): readonly string[] {
  const wanted = name.toLowerCase().replaceAll('-', '_');
  return headers.filter(([own]) => own.toLowerCase().replaceAll('-', '_') === wanted).map(([, value]) => value);
}
