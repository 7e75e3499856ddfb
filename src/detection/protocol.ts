import { METHODS } from 'node:http';
import type { Hit } from './judge/index.ts';
import { isForeignCharset } from './walk/index.ts';

/** What of a head no text alone tells. Header names in lower case, as Node has them. */
export interface ProtocolHead {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const NO_HITS: readonly Hit[] = [];
/** Methods that a server answers with more than a client should know, or by which caches and tunnels are steered. */
const STEERING = new Set([
  'TRACE',
  'TRACK',
  'CONNECT',
  'DEBUG',
  'PURGE',
  'SUBSCRIBE',
  'UNSUBSCRIBE',
  'NOTIFY',
  'SOURCE',
  'M-SEARCH',
]);
const KNOWN = new Set(METHODS);
const CHARSET = /\bcharset\s*=/gi;
const CHARSET_NAME = /\bcharset\s*=\s*["']?\s*([\w.:-]{1,40})/i;
const FORM_OR_JSON = /^\s*(?:application\/(?:x-www-form-urlencoded|[\w.+-]*json|[\w.+-]*xml)|text\/\w+)\s*;/i;
/** Names of a file that servers run rather than hand out, however its end is hidden. */
const PROGRAM_NAME = /\.(?:ph(?:p\d*|tml?|ar|ps|pt)|[aj]spx?|cer|asa|cgi|shtml?)[\s.]*$/i;
const GUARDED_NAME =
  /(?:^|[\\/])(?:sess_[a-z0-9]{16,}|\.(?!well-known)[a-z][\w.-]*|wp-config[\w.-]*|web\.config|config\.ya?ml)\s*$/i;
const FILE_NAME_HEADERS = /^x[-_.]?file[-_.]?name$/;
/** Names under which applications keep their sessions: an address that brings one along plants it. */
const SESSION_NAME =
  /^(?:jsessionid|phpsessid|phpsession|aspsessionid\w*|asp\.net_sessionid|sessionid|session_id|jservsession|jwsession|zend_session_id|ci_session|cakephp|rack\.session|_\w+_session|connect\.sid|sails\.sid|koa[.:]sess|cfid|cftoken|cfsid|(?:__secure-)?next-auth\.session-token|laravel_session|symfony|viewstate_session)$/i;

/**
 * Looks for what stands between the parts of a head: a method of no client, a content type that is read in two ways,
 * headers of dead protocols, the name of an uploaded program, a session that a foreign page plants. Linear in the head.
 *
 * @see OWASP CRS 4, 911, 920, 921, 933, 943; RFC 9110 §8.3; CVE-2016-5385 (`proxy`)
 */
export function protocolHits({ method, url, headers }: ProtocolHead): readonly Hit[] {
  const hits: Hit[] = [];
  if (!KNOWN.has(method) || STEERING.has(method)) hits.push(hit('protocol-method', method));
  for (const name in headers) {
    const value = headers[name];
    const text = typeof value === 'string' ? value : (value?.join(', ') ?? '');
    const found = headerHit(name, text, method);
    if (found !== undefined) hits.push(found);
  }
  const planted = plantedSession(url, textOf(headers['referer']), textOf(headers['host']));
  if (planted !== undefined) hits.push(hit('protocol-planted-session', planted));
  return hits.length === 0 ? NO_HITS : hits;
}

function headerHit(name: string, value: string, method: string): Hit | undefined {
  switch (name) {
    case 'content-type':
      return contentTypeHit(value);
    case 'accept':
    case 'accept-charset':
      return hasForeignCharset(value) ? hit('protocol-foreign-charset', value) : undefined;
    case 'proxy': // becomes HTTP_PROXY of a CGI program
    case 'request-range': // of servers before 1997; others take it for `range` and ours would not see it
    case 'x-up-devcap-post-charset': // changes the charset in which ASP.NET reads a form
      return hit('protocol-dead-header', name);
    case 'x-middleware-subrequest': // between the parts of a server that skips its own checks then, CVE-2025-29927
      return hit('protocol-inner-header', name);
    case 'range': // each is answered with a part of its own, CVE-2011-3192
      return value.split(',', MOST_RANGES + 1).length > MOST_RANGES ? hit('protocol-many-ranges', value) : undefined;
    case 'content-range': // says where in a resource the body belongs, and here is none
      return method === 'GET' || method === 'HEAD' ? hit('protocol-dead-header', name) : undefined;
    default:
      return name.startsWith('x') &&
        FILE_NAME_HEADERS.test(name) &&
        (PROGRAM_NAME.test(value) || GUARDED_NAME.test(value))
        ? hit('protocol-uploaded-program', value)
        : undefined;
  }
}

const hasForeignCharset = (value: string): boolean =>
  isForeignCharset(CHARSET_NAME.exec(value)?.[1]?.toLowerCase() ?? '');

/** Two charsets, a boundary where nothing is parted, or a charset of another age: the next server reads another body. */
function contentTypeHit(value: string): Hit | undefined {
  if ((value.match(CHARSET)?.length ?? 0) > 1) return hit('protocol-two-charsets', value);
  if (hasForeignCharset(value)) return hit('protocol-foreign-charset', value);
  return FORM_OR_JSON.test(value) && /;\s*boundary\s*=/i.test(value) ? hit('protocol-idle-boundary', value) : undefined;
}

/** @returns the name of the session that a link on another host's page brings along */
function plantedSession(url: string, referer: string, host: string): string | undefined {
  const mark = url.indexOf('?');
  const from = /^https?:\/\/([^/?#\s]+)/i.exec(referer)?.[1]?.toLowerCase();
  if (mark === -1 || from === undefined || from === host.toLowerCase()) return undefined;
  for (const pair of url.slice(mark + 1, mark + 1 + MAX_QUERY).split('&')) {
    const name = pair.split('=', 1)[0] ?? '';
    if (SESSION_NAME.test(name)) return name;
  }
  return undefined;
}

/** As much of a query as is looked at for names of sessions: no link that anybody follows is longer. */
const MAX_QUERY = 8_192;
const MAX_EVIDENCE = 120;
/** Readers of documents ask for a dozen. */
const MOST_RANGES = 50;

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '');

const hit = (rule: string, evidence: string): Hit => ({
  rule,
  class: 'protocol',
  weight: 5,
  view: 'raw',
  evidence: evidence.slice(0, MAX_EVIDENCE),
});
