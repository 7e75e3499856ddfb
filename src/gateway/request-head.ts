import type { IncomingMessage } from 'node:http';
import type { Context } from '../http/index.ts';
import type { OwnCookies } from './own-cookies.ts';

/** What becomes of a header that came from outside. */
type Fate = 'pass' | 'drop' | 'credential' | 'cookie' | 'once' | 'connection';

export interface HeadOptions {
  readonly credential: 'strip' | 'pass';
  readonly host: string | undefined;
}

/** Makes the head of what is handed on. */
export interface RequestHeads {
  /** @returns names and values in turn, as undici takes them; framing is not among them */
  of(request: IncomingMessage, context: Context, options: HeadOptions, assertion: string | undefined): string[];
}

/** Of one hop (RFC 9110 §7.6.1), framed anew by undici, or written by us alone. */
const DROPPED = new Set([
  ...['keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'proxy', 'http2-settings'],
  ...['host', 'content-length', 'x-request-id', 'sec-websocket-protocol'],
  ...['forwarded', 'x-real-ip', 'x-client-ip', 'x-cluster-client-ip', 'true-client-ip', 'cf-connecting-ip'],
  // With these a back end would serve another path or method than the one that was allowed.
  ...['x-original-url', 'x-rewrite-url', 'x-original-uri', 'x-original-host', 'x-host'],
  ...['x-http-method', 'x-http-method-override', 'x-method-override', 'x-original-method'],
]);
const DROPPED_PREFIX = /^(?:x-forwarded-|proxy-|twinkeep-)/;
const CREDENTIALS = new Set(['authorization', 'x-api-key']);

/** A `Connection` header can't take away what the policy looked at or what the body means. */
const KEPT = /^(?:authorization|x-api-key|cookie|origin|referer|user-agent|range|if-.*|accept.*|content-.*|sec-.*)$/;

const MAX_NAMES = 2_048;

/** @param assertionHeader in lower case */
export function createRequestHeads(assertionHeader: string, cookies: OwnCookies): RequestHeads {
  const fates = new Map<string, Fate>();

  /** Looked up once for each spelling: a request has ten names, and most clients send the same ones. */
  function fateOf(name: string): Fate {
    const known = fates.get(name);
    if (known !== undefined) return known;
    const fate = judge(name.toLowerCase(), assertionHeader);
    if (fates.size < MAX_NAMES) fates.set(name, fate);
    return fate;
  }

  function copy(request: IncomingMessage, pass: boolean, head: string[]): void {
    const { rawHeaders } = request;
    const nominated = nominatedBy(request.headers.connection);
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? '';
      const value = rawHeaders[at + 1] ?? '';
      const fate = fateOf(name);
      if (fate === 'drop' || fate === 'connection') continue;
      if (nominated?.has(name.toLowerCase())) continue;
      if (fate === 'pass') head.push(name, value);
      else if (fate === 'once') pushOnce(head, name, value);
      else if (fate === 'cookie') pushCookie(head, name, value, pass ? undefined : cookies);
      else if (pass) pushOnce(head, name, value);
    }
  }

  return {
    of: (request, context, { credential, host }, assertion) => {
      const head: string[] = [];
      copy(request, credential === 'pass', head);
      if (host !== undefined) head.push('host', host);
      head.push('x-forwarded-for', context.address, 'x-forwarded-proto', context.secure ? 'https' : 'http');
      const asked = request.headers.host;
      if (asked !== undefined) head.push('x-forwarded-host', asked);
      head.push('x-request-id', context.requestId, 'via', '1.1 twinkeep');
      if (assertion !== undefined) head.push(assertionHeader, assertion);
      return head;
    },
  };
}

/** A server behind CGI or WSGI makes every sign a `_`, so a header is judged as the one that it would become there. */
function judge(lower: string, assertionHeader: string): Fate {
  const name = lower.replace(/[^a-z0-9]/g, '-');
  if (name === 'connection') return 'connection';
  if (name === assertionHeader || DROPPED.has(name) || DROPPED_PREFIX.test(name)) return 'drop';
  if (CREDENTIALS.has(name)) return name === lower ? 'credential' : 'drop';
  if (name === 'cookie') return name === lower ? 'cookie' : 'drop';
  if (name === 'content-type') return name === lower ? 'once' : 'drop';
  return 'pass';
}

/** @see RFC 9110 §7.6.1 */
function nominatedBy(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== '' && !KEPT.test(name)));
}

/** Of two, the policy saw the first (Node drops the second), so the back end sees no other. */
function pushOnce(head: string[], name: string, value: string): void {
  const lower = name.toLowerCase();
  for (let at = 0; at < head.length; at += 2) if (head[at]?.toLowerCase() === lower) return;
  head.push(name, value);
}

/** @param strip those that stay here */
function pushCookie(head: string[], name: string, value: string, strip: OwnCookies | undefined): void {
  if (strip === undefined || !strip.mayHave(value)) {
    head.push(name, value);
    return;
  }
  const others = value.split(';').filter((pair) => !strip.has(pair));
  if (others.length > 0) head.push(name, others.join(';').trim());
}
