import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { KeyValue } from './environment.ts';
import type { Fetch } from './wire.ts';

/** A `fetch` that remembers what went through it, and can lose an answer on its way back. */
export interface Watched {
  readonly fetch: Fetch;
  /** As `POST /v1/login`. */
  readonly sent: string[];
  /** How many of these were sent. */
  count(what: string): number;
  /** The next answer to this is lost, `times` times, after the server has given it. */
  lose(what: string, times?: number): void;
}

export function watch(): Watched {
  const sent: string[] = [];
  const losing = new Map<string, number>();
  return {
    sent,
    fetch: async (input, init = {}) => {
      const what = `${init.method ?? 'GET'} ${new URL(input).pathname}`;
      sent.push(what);
      const headers = new Headers(init.headers);
      headers.set('connection', 'close'); // a kept connection would outlive the server that a test closes
      const response = await fetch(input, { ...init, headers });
      const left = losing.get(what) ?? 0;
      if (left === 0) return response;
      losing.set(what, left - 1);
      await response.body?.cancel();
      throw new TypeError('fetch failed');
    },
    count: (what) => sent.filter((one) => one === what).length,
    lose: (what, times = 1) => void losing.set(what, times),
  };
}

/** What tabs of one browser share. */
export function sharedStorage(): KeyValue {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server of few words on a free port. */
export async function serve(handler: Handler): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => handler(request, response, Buffer.concat(parts).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function answer(
  response: ServerResponse,
  status: number,
  body?: object,
  headers: Record<string, string | string[]> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
