/**
 * The floor of a proxy: `node:http` in front, undici behind, the answer straight onto the raw response. It checks
 * nothing, keeps nothing, and lets a client that leaves alone.
 *
 * Environment: PORT, BACK_END (origin).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';

const { PORT, BACK_END = '' } = process.env;
const OF_ONE_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'expect', 'host']);
const pool = new Pool(BACK_END, { connections: 128, pipelining: 1 });

const server = createServer((request, response) => {
  const { method = 'GET', url = '/' } = request;
  if (url === '/ready') {
    response.end();
    return;
  }
  const body = method === 'GET' || method === 'HEAD' ? null : request;
  pool.dispatch({ path: url, method, headers: passed(request.rawHeaders), body }, handlerOf(request, response));
});

function handlerOf(request: IncomingMessage, response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => undefined,
    onResponseStart: ({ rawHeaders }, status) => {
      response.writeHead(status, passed(Array.isArray(rawHeaders) ? rawHeaders.map(textOf) : []));
    },
    onResponseData: (controller, chunk) => {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd: () => void response.end(),
    onResponseError: () => {
      if (response.headersSent) request.socket?.destroy();
      else response.writeHead(502).end();
    },
  };
}

const textOf = (part: unknown): string => (Buffer.isBuffer(part) ? part.toString('latin1') : String(part));

/** @param raw names and values in turn, and so the answer */
function passed(raw: readonly string[]): string[] {
  const head: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!OF_ONE_HOP.has(name.toLowerCase())) head.push(name, raw[at + 1] ?? '');
  }
  return head;
}

server.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
