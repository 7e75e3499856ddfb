/** How a body is read. `octets`: said to be no text, or nothing is said of it. */
export type Kind = 'json' | 'json-lines' | 'form' | 'multipart' | 'http' | 'xml' | 'text' | 'octets';

/** What a content type says. */
export interface Media {
  readonly kind: Kind;
  readonly charset: string | undefined;
  /** Of a multipart; more than one is a contradiction, for servers differ in which they take. */
  readonly boundaries: readonly string[];
  /** A multipart whose parts have no names: a batch of requests, a document and what belongs to it. */
  readonly isNameless?: boolean;
}

const NO_BOUNDARIES: readonly string[] = [];
const JSON_MEDIA: Media = { kind: 'json', charset: undefined, boundaries: NO_BOUNDARIES };
const PARAMETER = /;\s{0,16}([\w-]{1,32})(\*?)\s{0,16}=\s{0,16}(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g;

/** Reads a `content-type`. @param missing the kind where there is none */
export function mediaOf(header: string | undefined, missing: Kind): Media {
  if (header === 'application/json') return JSON_MEDIA;
  if (header === undefined) return { kind: missing, charset: undefined, boundaries: NO_BOUNDARIES };
  const semicolon = header.indexOf(';');
  const type = (semicolon === -1 ? header : header.slice(0, semicolon)).trim().toLowerCase();
  const kind = kindOf(type);
  if (semicolon === -1) return { kind, charset: undefined, boundaries: NO_BOUNDARIES };
  let charset: string | undefined;
  const boundaries: string[] = [];
  for (const [, name, , quoted, bare] of header.matchAll(PARAMETER)) {
    const value = (quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '').trim();
    const known = name?.toLowerCase();
    if (known === 'charset') charset ??= value.toLowerCase().replace(/^'|'$/g, '');
    else if (known === 'boundary' && !boundaries.includes(value)) boundaries.push(value);
  }
  return { kind, charset, boundaries, isNameless: NAMELESS.test(type) };
}

const FORM = 'application/x-www-form-urlencoded';
const NAMELESS = /^multipart\/(?:mixed|related|parallel|alternative|digest)$/;
const LINES = /^application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines|json-seq|stream\+json|nd-json)$/;
const JSON_TYPE = /(?:\/|\+|\/x-|-)json5?$|^application\/(?:csp-report|json.*)$/;
const XML_TYPE = /(?:\/|\+)xml(?:-.*)?$/;
const TEXT_TYPE =
  /^text\/|^application\/(?:graphql|(?:x-)?(?:javascript|ecmascript|yaml|sql|toml|sh|php|httpd-php))$|\+yaml$/;

function kindOf(type: string): Kind {
  if (type === FORM) return 'form';
  if (type.startsWith('multipart/')) return 'multipart';
  if (type === 'application/http' || type === 'message/http') return 'http';
  if (LINES.test(type)) return 'json-lines';
  if (JSON_TYPE.test(type)) return 'json';
  if (XML_TYPE.test(type)) return 'xml';
  return TEXT_TYPE.test(type) ? 'text' : 'octets';
}

const PAIR = /^[\w.\-[\]%$+*]{1,128}=/;
const DELIMITER = /^--([^\r\n]{1,200})\r?\n[^\r\n]{0,200}content-/i;

/** What a text looks like, whatever it is said to be. */
export function kindSeen(text: string): Kind {
  const start = /^\s*/.exec(text)?.[0].length ?? 0;
  const first = text.charCodeAt(start);
  if (first === 0x7b || first === 0x5b) return 'json';
  if (first === 0x3c) return 'xml';
  const opening = text.slice(start, start + 512);
  if (DELIMITER.test(opening)) return 'multipart';
  return PAIR.test(opening) ? 'form' : 'text';
}

/** The boundary that a body itself begins with. */
export const boundarySeen = (text: string): string | undefined => DELIMITER.exec(text.slice(0, 512))?.[1]?.trimEnd();
