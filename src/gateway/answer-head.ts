import { gatewayFault } from './errors.ts';
import { OUR_COOKIE } from './request-head.ts';

/** Of one hop, or ours alone to say: a back end can't vouch for anybody, nor rename a request. */
const DROPPED = new Set([
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-connection'],
  ...['proxy-authenticate', 'proxy-authentication-info', 'x-request-id', 'http2-settings'],
]);
const OURS = 'twinkeep-';
const MAX_HEADERS = 200;

export interface AnswerOptions {
  /** Added where the back end says nothing of its own. */
  readonly answerHeaders: readonly string[];
  readonly assertionHeader: string;
  /** `http://host:port` of the back end, taken out of redirects. */
  readonly origin: string;
  readonly status: number;
}

/**
 * The head of an answer as the client gets it.
 *
 * @param raw names and values in turn, as undici read them: buffers
 * @throws GATEWAY_ANSWER for more headers than anybody needs
 */
export function answerHead(raw: unknown, options: AnswerOptions): string[] {
  const { answerHeaders, status } = options;
  const pairs: readonly unknown[] = Array.isArray(raw) ? raw : [];
  if (pairs.length > MAX_HEADERS * 2) throw gatewayFault('GATEWAY_ANSWER', { reason: 'too many headers' });
  const head: string[] = [];
  const seen: string[] = [];
  const names = pairs.length / 2;
  let gone: readonly string[] | undefined;
  let chunked = false;
  for (let at = 0; at < names; at++) {
    const name = textOf(pairs[at * 2]).toLowerCase();
    if (name === 'connection') gone = nominated(textOf(pairs[at * 2 + 1]), gone);
    else if (name === 'transfer-encoding') chunked = true;
    seen.push(name);
  }
  for (let at = 0; at < names; at++) {
    const name = seen[at] ?? '';
    if (DROPPED.has(name) || name.startsWith(OURS) || name === options.assertionHeader) continue;
    if (name === 'content-length' && (chunked || status === 204)) continue; // one framing, and none where no body is
    if (gone?.includes(name)) continue;
    const value = textOf(pairs[at * 2 + 1]);
    if (name === 'set-cookie' && OUR_COOKIE.test(value.replace(/^[\s=]+/, ''))) continue;
    head.push(name, name === 'location' ? pathOf(value, options.origin) : value);
  }
  for (let at = 0; at < answerHeaders.length; at += 2) {
    const name = (answerHeaders[at] ?? '').toLowerCase();
    if (DROPPED.has(name) ? name === 'x-request-id' : !isSaid(name, seen, gone)) {
      head.push(name, answerHeaders[at + 1] ?? '');
    }
  }
  return head;
}

const isSaid = (name: string, seen: readonly string[], gone: readonly string[] | undefined): boolean =>
  seen.includes(name) && gone?.includes(name) !== true;

/** Header values are bytes; latin1 gives them back as they were. */
const textOf = (part: unknown): string =>
  typeof part === 'string' ? part : Buffer.isBuffer(part) ? part.toString('latin1') : '';

/** Framing and cookies can't be named away by a back end that lists them in `Connection`. */
function nominated(value: string, before: readonly string[] = []): readonly string[] {
  const names = value.split(',').map((name) => name.trim().toLowerCase());
  return [...before, ...names.filter((name) => !name.startsWith('content-'))];
}

/** A redirect to the back end's own address would show it to the world, and lead nowhere. */
function pathOf(location: string, origin: string): string {
  if (!location.startsWith(origin)) return location;
  const rest = location.slice(origin.length);
  return rest === '' ? '/' : rest.startsWith('/') && !rest.startsWith('//') ? rest : location;
}
