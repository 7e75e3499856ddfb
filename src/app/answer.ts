import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Context, type Reply, SECURITY_HEADERS, statusOf, toProblem } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { hasBody } from './input.ts';

const BASE = Object.entries(SECURITY_HEADERS).flat();
const MAX_DRAINED_BYTES = 8_388_608;
const MAX_DRAIN_MS = 5_000;

/** @param contentType of a body that goes out as it is; JSON otherwise. @returns the status */
export function sendReply(response: ServerResponse, context: Context, reply: Reply, contentType?: string): number {
  const { status, body, headers } = reply;
  const plain = contentType !== undefined && contentType !== 'nothing';
  const payload = body === undefined ? '' : plain ? String(body) : JSON.stringify(body);
  const own = headers ?? {};
  const head = BASE.slice();
  for (let at = 0; at < head.length; at += 2) {
    const replaced = own[head[at] ?? ''];
    if (typeof replaced === 'string') head[at + 1] = replaced;
  }
  for (const name in own) {
    const value = own[name];
    if (value === undefined || name in SECURITY_HEADERS) continue;
    for (const one of Array.isArray(value) ? value : [value]) head.push(name, String(one));
  }
  head.push('x-request-id', context.requestId);
  if (payload !== '') head.push('content-type', plain ? contentType : 'application/json; charset=utf-8');
  if (status !== 204) head.push('content-length', String(Buffer.byteLength(payload)));
  response.writeHead(status, head);
  response.end(payload);
  return status;
}

/** Any error as a problem, whatever was thrown. @returns the status */
export function sendFault(
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
  error: unknown,
): number {
  if (response.headersSent) {
    response.destroy(); // half an answer must not look like a whole one
    return 500;
  }
  const problem = toProblem(error, context.requestId);
  const head: Record<string, string> = {};
  if (problem.status === 401) head['www-authenticate'] = challengeOf(error);
  const retry = isFault(error) ? error.facts['retry_after_s'] : undefined;
  if (typeof retry === 'number') head['retry-after'] = String(retry);
  else if (problem.status === statusOf('unavailable')) head['retry-after'] = '1';
  const allow = isFault(error) ? error.facts['allow'] : undefined;
  if (typeof allow === 'string') head['allow'] = allow;
  if (hasBody(request) && !request.readableEnded) drain(request, response);
  return sendReply(
    response,
    context,
    { status: problem.status, body: JSON.stringify(problem), headers: head },
    'application/problem+json',
  );
}

/** @see RFC 6750 §3, RFC 9470 §3 */
function challengeOf(error: unknown): string {
  if (isFault(error, 'ACCESS_PROOF_TOO_OLD')) {
    return `Bearer error="insufficient_user_authentication", max_age="${error.facts['max_age_s']}"`;
  }
  // A wrong password or API key is no token at all.
  return isFault(error) && error.code.startsWith('SESSION_') ? 'Bearer error="invalid_token"' : 'Bearer';
}

/**
 * Reads on for a moment what is not wanted: a client that is cut off while it still sends loses the answer that would
 * have told it why. Bounded, for it must not cost more than the body would have.
 */
function drain(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  const cut = (): void => void request.socket.destroy();
  const timer = setTimeout(cut, MAX_DRAIN_MS).unref();
  const done = (): void => clearTimeout(timer);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DRAINED_BYTES && response.writableFinished) cut();
  });
  request.once('close', done).once('end', done).once('error', done);
  request.resume();
}
