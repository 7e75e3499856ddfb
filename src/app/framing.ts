import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The newest request of a connection. */
export interface Latest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** It began at once, and so did all that are not answered yet: none of them changes anything. */
  readonly free: boolean;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Requests that were sent without waiting may run beside each other only where none changes anything. @see RFC 9112 §9.3.2 */
export function inTurn(
  lines: WeakMap<Socket, Latest>,
  request: IncomingMessage,
  response: ServerResponse,
  go: () => void,
): void {
  const { socket } = request;
  const before = lines.get(socket);
  const alone = before === undefined || before.response.closed;
  const safe = SAFE.has(request.method ?? '');
  const now = alone || (safe && before.free);
  lines.set(socket, { request, response, free: safe && now });
  if (now) go();
  else before.response.once('close', () => (socket.destroyed ? undefined : go()));
}

/** Node keeps the first of two, another server the last, or both in one. */
const ONCE = new Set([
  ...['age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since'],
  ...['if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer'],
  ...['retry-after', 'server', 'user-agent'],
]);

/**
 * What two programs could read in two ways, of any route. A target in absolute form names its host a second time, and
 * only proxies are sent one, which we are not.
 *
 * @see RFC 9112 §2.3, §3.2, §6.1
 */
export function flawOf({ httpVersion, url = '', rawHeaders, headers, method }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'it must be HTTP/1.1';
  if (!url.startsWith('/') && url !== '*' && method !== 'CONNECT') return 'it must ask for a path';
  let hosts = 0;
  let body = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (httpVersion === '1.0' || value.toLowerCase() !== 'chunked') return 'only chunked is understood';
      body = true;
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (value.length > 15) return 'its length is too long';
      body ||= Number(value) > 0;
    } else if (name.length === 4 && name.toLowerCase() === 'host') {
      hosts++;
      if (!HOST.test(value)) return 'its host is none';
    }
  }
  if (body && (method === 'GET' || method === 'HEAD')) return 'a body has no meaning with this method';
  if (hosts !== 1 && !(hosts === 0 && httpVersion === '1.0')) return 'it needs one Host header';
  // Counted first: most requests have each name once, and so no names to compare.
  const isRepeating = rawHeaders.length > Object.keys(headers).length * 2;
  return isRepeating && hasTwoOfOne(rawHeaders) ? 'a header stands there twice that may stand there once' : undefined;
}

function hasTwoOfOne(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    if (seen.has(name)) return true;
    if (ONCE.has(name)) seen.add(name);
  }
  return false;
}

const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
