import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { httpFault } from '../http/index.ts';
import type { TwinkeepError } from '../kernel/errors.ts';
import { gatewayFault } from './errors.ts';

/** How a request says where it ends. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

/**
 * Reads the framing that Node's parser let through, and refuses what two servers could read in two ways.
 *
 * @throws GATEWAY_FRAMING, HTTP_BODY_TOO_LARGE
 * @see RFC 9112 §6.1, §6.3
 */
export function framingOf({ method, headers }: IncomingMessage, maxBytes: number): Framing {
  const length = headers['content-length'];
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (length !== undefined) throw refusal('both content-length and transfer-encoding');
    // Node undoes `chunked` alone; with another coding before it the body would arrive as something it doesn't say.
    if (coding.trim().toLowerCase() !== 'chunked') throw refusal('a transfer-encoding other than chunked');
  } else if (length !== undefined && !/^\d{1,15}$/.test(length)) throw refusal('a content-length that is no number');
  const bytes = Number(length ?? 0);
  if (bytes > maxBytes) throw httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: maxBytes });
  if (coding === undefined && bytes === 0) return { kind: 'none' };
  if (method === 'GET' || method === 'HEAD') throw refusal(`a body with ${method}`); // caches and servers disagree on it
  return coding === undefined ? { kind: 'length', bytes } : { kind: 'chunked' };
}

const refusal = (reason: string) => gatewayFault('GATEWAY_FRAMING', { reason });

/** A body on its way through, counted. */
export interface RequestBody {
  readonly stream: Readable;
  bytes(): number;
  /** True while it is the back end that takes no more. */
  held(): boolean;
  ended(): boolean;
  /**
   * True where a whole window brought less than it had to. Asked at every tick: a client that sends one byte before
   * each limit of silence would hold a connection to the back end for ever.
   *
   * @see CWE-400; Slow HTTP POST
   */
  fellBehind(ms: number, windowMs: number, minBytesPerSecond: number): boolean;
  /** Lets go of the request, whose rest belongs to whoever answers now. */
  stop(): void;
}

/**
 * The body of a request as a stream of its own: undici destroys what it is given, and the request's connection still
 * has to carry the answer.
 *
 * @param onMove bytes came
 * @param onRefuse the body is larger than `maxBytes`, or ended before it was complete
 */
export function openBody(
  request: IncomingMessage,
  maxBytes: number,
  { onMove, onRefuse }: { readonly onMove: () => void; readonly onRefuse: (fault: TwinkeepError) => void },
): RequestBody {
  let bytes = 0;
  let held = false;
  let ended = false;
  let window = { ms: 0, from: 0 };
  const stream = new Readable({
    read: () => {
      held = false;
      request.resume();
    },
    destroy: (error, done) => {
      stop();
      done(error);
    },
  });
  stream.on('error', () => undefined); // undici listens only while the request is its own

  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    onMove();
    if (bytes > maxBytes) {
      stop();
      onRefuse(httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: maxBytes }));
    } else if (!stream.push(chunk)) {
      held = true;
      request.pause();
    }
  };
  const onEnd = (): void => {
    ended = true;
    onMove();
    stream.push(null);
  };
  const onCut = (): void => {
    if (!ended) onRefuse(httpFault('HTTP_BODY_CUT_SHORT'));
  };
  function stop(): void {
    request.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
    if (!ended) request.pause();
  }
  request.on('data', onData).on('end', onEnd).on('error', onCut).on('close', onCut);
  function fellBehind(ms: number, windowMs: number, minBytesPerSecond: number): boolean {
    if (ended || held) return false; // it is the back end that is slow
    window.ms += ms;
    if (window.ms < windowMs) return false;
    const least = (window.ms / 1_000) * minBytesPerSecond;
    const came = bytes - window.from;
    window = { ms: 0, from: bytes };
    return came < least;
  }
  return { stream, bytes: () => bytes, held: () => held, ended: () => ended, fellBehind, stop };
}

const MAX_DRAINED_BYTES = 8_388_608;
const MAX_DRAIN_MS = 5_000;

/**
 * Reads on for a moment what a back end answered without reading: a client that is cut off while it sends loses the
 * answer. Bounded, for it must not cost more than the body would have.
 */
export function drainRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  const cut = (): void => void request.socket.destroy();
  const timer = setTimeout(cut, MAX_DRAIN_MS).unref();
  const done = (): void => clearTimeout(timer);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DRAINED_BYTES && request.socket.writableLength === 0) cut();
  });
  request.once('close', done).once('end', done).once('error', done);
  request.resume();
}
