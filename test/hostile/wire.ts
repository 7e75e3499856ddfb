import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { faultTables } from '../../src/app/index.ts';
import { SECURITY_HEADERS } from '../../src/http/index.ts';

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection that sends whatever it is told. */
export interface Wire {
  send(bytes: string | Uint8Array): void;
  /** The next answer. @throws Error when the connection ends or nothing comes for 5 s */
  answer(request?: 'HEAD'): Promise<WireAnswer>;
  /** Resolves with what is left unread when the other side has closed. */
  closed(): Promise<string>;
  end(): void;
}

const PATIENCE_MS = 15_000;

export async function openWire(address: string): Promise<Wire> {
  const { port, hostname } = new URL(address);
  const socket: Socket = connect(Number(port), hostname);
  let received = '';
  let over = false;
  let wake = (): void => undefined;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    wake();
  });
  socket.on('error', () => undefined); // a reset is an end, too
  socket.on('close', () => {
    over = true;
    wake();
  });

  async function until<T>(read: () => T | undefined): Promise<T> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      socket.destroy();
    }, PATIENCE_MS);
    try {
      for (;;) {
        if (isLate) throw new Error(`the server neither answered nor closed after: ${received.slice(0, 500)}`);
        const found = read();
        if (found !== undefined) return found;
        if (over) throw new Error(`the connection ended after: ${received.slice(0, 500)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  function next(request: 'HEAD' | undefined): WireAnswer | undefined {
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const [first = '', ...lines] = received.slice(0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.replace(/^[^:]*: */, '')]),
    );
    const status = Number(first.split(' ')[1]);
    const length = request === 'HEAD' || status < 200 ? 0 : Number(headers.get('content-length') ?? 0);
    if (received.length < end + 4 + length) return undefined;
    const body = Buffer.from(received.slice(end + 4, end + 4 + length), 'latin1').toString();
    received = received.slice(end + 4 + length);
    return { status, headers, body };
  }

  return {
    send: (bytes) => void socket.write(bytes),
    answer: (request) => until(() => next(request)),
    closed: () => until(() => (over ? received : undefined)),
    end: () => socket.destroy(),
  };
}

const CODES = new Set(Object.values(faultTables).flatMap((table) => Object.keys(table)));

/** Holds an answer to RFC 9457, to our own stable codes, and to the headers that every answer carries. */
export function assertProblem({ status, headers, body }: WireAnswer, wanted: number, code: string): void {
  const problem = JSON.parse(body);
  assert.deepEqual([status, problem.code], [wanted, code], body);
  assert.equal(headers.get('content-type'), 'application/problem+json');
  assert.equal(problem.status, status);
  assert.equal(problem.type, `urn:twinkeep:error:${problem.code}`);
  assert.ok(CODES.has(problem.code));
  assert.ok(typeof problem.title === 'string' && problem.title.length > 5);
  assert.match(problem.instance, /^urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  assertGuarded(headers);
}

/** Every answer carries the security headers; a page may bring a policy of its own and public keys may be kept. */
export function assertGuarded(headers: Pick<ReadonlyMap<string, string>, 'get'>): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) assert.equal(headers.get(name), value, name);
  for (const telling of ['server', 'x-powered-by', 'x-xss-protection'])
    assert.equal(headers.get(telling) ?? undefined, undefined);
}
