import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Context, type Face, type Reply, statusOf, tellable } from '../http/index.ts';
import { hasBody } from './input.ts';
import { isPage } from './pages.ts';

const MAX_DRAINED_BYTES = 8_388_608;
const MAX_DRAIN_MS = 5_000;

/** To whom an answer goes, and what stands in each: the headers of its profile and those of this one request. */
export interface Answering {
  readonly context: Context;
  readonly face: Face;
  /** Names and values in turn. */
  readonly extra: readonly string[];
}

/** @param contentType of a body that goes out as it is; JSON otherwise. @returns the status */
export function sendReply(response: ServerResponse, to: Answering, reply: Reply, contentType?: string): number {
  const { status, body, headers } = reply;
  const plain = contentType !== undefined && contentType !== 'nothing';
  const payload = body === undefined || isPage(body) ? '' : plain ? String(body) : JSON.stringify(body);
  const head = headersOf(to);
  if (headers !== undefined) addOwn(head, headers);
  const length = isPage(body) ? body.bytes.length : Buffer.byteLength(payload);
  if (length > 0) head.push('content-type', plain ? contentType : 'application/json; charset=utf-8');
  if (status !== 204) head.push('content-length', String(length));
  response.writeHead(status, head);
  if (isPage(body) && response.req.method !== 'HEAD') body.sendTo(response);
  else response.end(payload);
  return status;
}

/** What stands in every answer: a new list, for its owner to add to. */
export function headersOf({ face, extra, context }: Answering): string[] {
  const head = [...face.headers, ...extra];
  head.push('x-request-id', context.requestId);
  return head;
}

/** A route's own header stands instead of the one that all answers have. */
function addOwn(head: string[], own: NonNullable<Reply['headers']>): void {
  for (const name in own) {
    const value = own[name];
    if (value === undefined) continue;
    const at = head.indexOf(name);
    if (at !== -1 && at % 2 === 0 && typeof value === 'string') head[at + 1] = value;
    else for (const one of Array.isArray(value) ? value : [value]) head.push(name, String(one));
  }
}

/** Any error in the shape of its profile, whatever was thrown. @returns the status */
export function sendFault(request: IncomingMessage, response: ServerResponse, to: Answering, error: unknown): number {
  if (response.headersSent) {
    response.destroy(); // half an answer must not look like a whole one
    return 500;
  }
  const fault = tellable(error);
  const { status, contentType, body, headers } = to.face.refusal(fault, to.context.requestId);
  if (fault.code === 'GATEWAY_FRAMING') response.shouldKeepAlive = false;
  const head: Record<string, string> = { ...headers };
  const { retry_after_s: retry, allow } = fault.facts;
  if (typeof retry === 'number') head['retry-after'] = String(retry);
  else if (status === statusOf('unavailable')) head['retry-after'] = '1';
  if (typeof allow === 'string') head['allow'] = allow;
  if (hasBody(request) && !request.readableEnded) drain(request, response);
  return sendReply(response, to, { status, body, headers: head }, contentType);
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
