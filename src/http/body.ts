import type { IncomingMessage } from 'node:http';
import { httpFault } from './errors.ts';
import { faultInJson } from './json-place.ts';

const DEFAULT_MAX_BYTES = 1_048_576;
const MAX_DEPTH = 32;
const MAX_MS = 60_000; // of a body that is sent byte by byte, each in time for the idle limit
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The media type of a message in lower case, without parameters. */
export function mediaType(header: string | undefined): string {
  return (header?.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/**
 * Reads a whole body.
 *
 * @param maxBytes 1 MiB unless told
 * @throws HTTP_BODY_TOO_LARGE as soon as more than that is announced or arrives, HTTP_BODY_CUT_SHORT, HTTP_BODY_ENCODING
 */
export function readBody(request: IncomingMessage, maxBytes = DEFAULT_MAX_BYTES): Promise<Buffer> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return Promise.reject(httpFault('HTTP_BODY_ENCODING', { taken: 'identity' }));
  }
  if (Number(request.headers['content-length']) > maxBytes) {
    return Promise.reject(httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: maxBytes }));
  }
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(httpFault('HTTP_BODY_TOO_SLOW', { max_s: MAX_MS / 1_000 })), MAX_MS);
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        request.removeAllListeners('data');
        request.pause(); // the rest stays with the sender: the connection is closed after the answer
        clearTimeout(deadline); // a request that is answered before its end is never told that it was closed
        reject(httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: maxBytes }));
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => {
      clearTimeout(deadline);
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    request.on('error', (error) => reject(httpFault('HTTP_BODY_CUT_SHORT', {}, error)));
    request.on('close', () => {
      clearTimeout(deadline);
      if (!request.readableEnded) reject(httpFault('HTTP_BODY_CUT_SHORT')); // also when the sender sent half of it
    });
  });
}

/**
 * Bytes as JSON: UTF-8 alone, at most 32 levels deep.
 *
 * @throws HTTP_BODY_NOT_UTF8, HTTP_BODY_TOO_DEEP, HTTP_BODY_NOT_JSON with the position in characters of what stops making sense
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch (error) {
    throw httpFault('HTTP_BODY_NOT_UTF8', {}, error);
  }
  if (depthOf(text) > MAX_DEPTH) throw httpFault('HTTP_BODY_TOO_DEEP', { max_depth: MAX_DEPTH });
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the body, which may hold a password, so the place alone is passed on.
    throw httpFault('HTTP_BODY_NOT_JSON', { position: faultInJson(text) });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How deep brackets nest outside of strings; counting costs less than building what is then refused. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) {
      quoted = true;
    } else if (code === 0x5b || code === 0x7b) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
    }
  }
  return deepest;
}
