import type { Rule } from '../judge/types.ts';
import { FIELDS } from './channels.ts';

/** Headers that no line of an honest text begins with. */
const HEADERS =
  'content-(?:length|type|encoding|location|security-policy)|set-cookie2?|transfer-encoding|x-[\\w-]{2,40}|access-control-[\\w-]+|remote-addr|' +
  'www-authenticate|cache-control|p3p|strict-transport-security|user-agent|referer|if-modified-since|authorization|cookie|last-modified|etag|location|link|refresh|host|connection|upgrade|expires|bcc|cc';

/** Requests and answers that a value smuggles into another: CWE-93, CWE-113, CWE-444, CAPEC-33, CAPEC-34. */
export const protocolRules: readonly Rule[] = [
  {
    id: 'protocol-header-injection',
    class: 'protocol',
    title: 'a line end and a header behind one word or none',
    view: 'decoded',
    match: { regex: String.raw`^(?:[^\s-]\S{0,200})?[ ]?[\r\n]+\s*(?:${HEADERS})[\s\r\n]*:` },
    weight: 5,
  },
  {
    id: 'protocol-wide-line-end',
    class: 'protocol',
    title:
      'a letter that becomes a line end where its upper half is cut off, or a line end that is written out, and a header',
    view: 'decoded',
    match: {
      regex: String.raw`(?:[\x{560a}\x{560d}\x{010a}\x{010d}\x{ff0a}]|\\r\\n|\\n)\s*(?:${HEADERS}|link|content-[a-z-]{3,24}|access-control-[\w-]+)\s*:`,
    },
    weight: 5,
    inIsland: 3,
    channels: FIELDS,
  },
  {
    id: 'protocol-request-behind-path',
    class: 'protocol',
    title: 'the end of a request line and a header or another request behind it',
    view: 'decoded',
    match: {
      regex: String.raw`\sHTTP/[0-3](?:\.\d)?\r?\n(?:[\w-]{2,40}:|\s*(?:GET|POST|PUT|DELETE|HEAD|PATCH)\s)`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 3,
    channels: FIELDS,
  },
  {
    id: 'protocol-split-response',
    class: 'protocol',
    title: 'a line end and the first line of an answer or of another request',
    view: 'decoded',
    match: {
      regex: String.raw`[\r\n]\s*(?:HTTP/[0-3](?:\.\d)?\s+\d{3}|(?:GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH|TRACE|CONNECT)\s+(?:/|https?:)\S*\s+HTTP/\d)|[\r\n]\s*(?:GET|POST)\s+/\s*$|^(?:GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH|TRACE|CONNECT)\s+(?:/|https?:)\S*\s+HTTP/\d(?:\.\d)?\s*$`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 1,
    channels: FIELDS, // a body as a whole may be a batch of requests
  },
  {
    id: 'protocol-line-in-path',
    class: 'protocol',
    title: 'a line end in a path',
    view: 'decoded',
    match: { regex: String.raw`[\r\n]` },
    weight: 5,
    channels: ['path'],
  },
  {
    id: 'protocol-null',
    class: 'protocol',
    title: 'the character that ends a text in C',
    view: 'raw',
    match: { regex: String.raw`^[^\x00]{2,}\x00[^\x00]*$|^\x00[^\x00]{2,}$` },
    weight: 3,
    channels: ['value', 'path', 'name', 'header'],
  },
  {
    id: 'protocol-proxy-socket',
    class: 'protocol',
    title: 'a socket for the proxy behind which another address stands (CVE-2021-40438)',
    view: 'decoded',
    match: { regex: String.raw`\bunix:[^|]*\|(?:https?|ftp|ajp|h2c?|fcgi|scgi|uwsgi|wss?)://` },
    weight: 5,
  },
  {
    id: 'protocol-escaped-letter',
    class: 'evasion',
    title: 'a letter in an escape that only signs need',
    view: 'raw',
    match: { regex: String.raw`\\u00(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])` },
    weight: 4,
    inIsland: 2,
  },
  {
    id: 'protocol-server-include',
    class: 'code',
    title: 'a directive that a server runs while it sends a page',
    view: 'decoded',
    match: { regex: String.raw`<!--\s{0,4}#\s{0,4}(?:exec|include|echo|config|printenv|set|if|fsize|flastmod)\b` },
    weight: 5,
    inText: 3,
  },
];
