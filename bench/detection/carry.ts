import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { HEADERS } from './corpora.ts';
import type { WholeRequest } from './subject.ts';

/** A way to bring a value before the back end that a bounded look might not follow. */
export interface Carrier {
  readonly name: string;
  /** Honest requests never look like it, so that to be refused for it alone is right. */
  readonly oddByItself?: boolean;
  /** The value as it becomes, with less around it: only what is blocked so can be said to walk past. */
  readonly shortly?: (value: string) => string;
  /** The bar does not name it: printed to be known, not to be met. */
  readonly isExtra?: boolean;
  /** It is large: few are sent. */
  readonly heavy?: boolean;
  readonly carry: (value: string) => WholeRequest;
}

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const BOUNDARY = '----twinkeep7MA4YWxkTrZu0gW';
const KIB = 1_024;

const post = (
  type: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): WholeRequest => ({
  method: 'POST',
  uri: '/v1/notes',
  headers: { ...HEADERS, 'content-type': type, ...headers },
  body: typeof body === 'string' ? Buffer.from(body) : body,
});
const get = (uri: string, headers: Readonly<Record<string, string>> = {}): WholeRequest => ({
  method: 'GET',
  uri,
  headers: { ...HEADERS, ...headers },
  body: new Uint8Array(),
});
const json = (value: unknown): WholeRequest => post(JSON_TYPE, JSON.stringify(value));
const encoded = (encoding: string, body: Uint8Array): WholeRequest =>
  post(JSON_TYPE, body, { 'content-encoding': encoding });
const note = (value: string): Buffer => Buffer.from(JSON.stringify({ note: value }));

const form = (fields: readonly (readonly [string, string])[]): string =>
  fields.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');

/** Honest text of about that many characters. */
const prose = (length: number): string =>
  'The meter on the second floor was read on Monday, and the reading was entered by hand. '
    .repeat(Math.ceil(length / 87))
    .slice(0, length);

/** Honest form fields of about that many bytes. */
const fields = (bytes: number): readonly (readonly [string, string])[] =>
  Array.from({ length: Math.ceil(bytes / 20) }, (_, i) => [`field${i}`, `value ${i}`] as const);

function nested(value: string, depth: number): unknown {
  let inner: unknown = { note: value };
  for (let level = 0; level < depth; level++) inner = level % 2 === 0 ? [inner] : { level: inner };
  return inner;
}

const part = (head: string, body: string): string => `--${BOUNDARY}\r\n${head}\r\n\r\n${body}\r\n`;
const multipart = (...parts: readonly string[]): WholeRequest =>
  post(`multipart/form-data; boundary=${BOUNDARY}`, `${parts.join('')}--${BOUNDARY}--\r\n`);
const field = (name: string): string => `Content-Disposition: form-data; name="${name}"`;

/** Latin-1 text as a header can hold it: no line ends. */
const headerValue = (value: string): string => value.replace(/[\r\n\0]+/g, ' ');
const quoted = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);

const padding = (kib: number): readonly Carrier[] => [
  {
    name: `JSON, ${kib} KiB of prose before`,
    heavy: kib > 16,
    carry: (value) => json({ before: prose(kib * KIB), note: value }),
  },
  {
    name: `one value, ${kib} KiB of letters before`,
    heavy: kib > 16,
    shortly: (value) => `aaaa ${value}`,
    carry: (value) => json({ note: `${'a'.repeat(kib * KIB)} ${value}` }),
  },
];

/** Every way in. Each is judged on attacks that are blocked as a plain value, so that what is missed walked past. */
export const CARRIERS: readonly Carrier[] = [
  { name: 'query parameter', carry: (value) => get(`/v1/search?q=${quoted(value)}&page=2`) },
  { name: 'parameter name', carry: (value) => get(`/v1/search?${quoted(value)}=1`) },
  { name: 'duplicate parameter', carry: (value) => get(`/v1/search?q=pump&q=${quoted(value)}&q=valve`) },
  { name: 'semicolon as separator', carry: (value) => get(`/v1/search?q=pump;r=${quoted(value)}`) },
  { name: 'path segment', carry: (value) => get(`/v1/twins/${quoted(value)}/readings`) },
  { name: 'cookie', carry: (value) => get('/v1/twins', { cookie: `theme=dark; last=${quoted(value)}` }) },
  { name: 'header', carry: (value) => get('/v1/twins', { 'x-twin-name': headerValue(value) }) },
  {
    name: 'referer',
    isExtra: true,
    carry: (value) => get('/v1/twins', { referer: `https://twin.example.org/?q=${quoted(value)}` }),
  },
  { name: 'form field', carry: (value) => post(FORM, form([['note', value]])) },
  {
    name: 'form, the 3,000th field',
    carry: (value) => post(FORM, form([...fields(60_000), ['note', value]])),
    heavy: true,
  },
  { name: 'JSON string', carry: (value) => json({ note: value }) },
  { name: 'JSON name', carry: (value) => json({ [value]: 1 }) },
  { name: 'JSON, 50 deep', carry: (value) => json(nested(value, 50)) },
  { name: 'JSON, 500 deep', carry: (value) => json(nested(value, 500)) },
  { name: 'JSON, array index 3,000', carry: (value) => json([...Array<number>(3_000).fill(1), value]) },
  {
    name: 'JSON, texts up to index 3,000',
    carry: (value) => json([...Array<string>(3_000).fill('ok'), value]),
    heavy: true,
  },
  { name: 'JSON in JSON', carry: (value) => json({ payload: JSON.stringify({ note: value }) }) },
  { name: 'JSON, name twice', carry: (value) => post(JSON_TYPE, `{"note":${JSON.stringify(value)},"note":"fine"}`) },
  { name: 'JSON as text/plain', carry: (value) => post('text/plain', JSON.stringify({ note: value })) },
  {
    name: 'JSON in UTF-16',
    carry: (value) => post(`${JSON_TYPE}; charset=utf-16le`, Buffer.from(JSON.stringify({ note: value }), 'utf16le')),
  },
  {
    name: 'NDJSON, line 500',
    carry: (value) => post('application/x-ndjson', `${'{"a":1}\n'.repeat(499)}${JSON.stringify({ note: value })}\n`),
  },
  { name: 'multipart value', carry: (value) => multipart(part(field('title'), 'Pump'), part(field('note'), value)) },
  {
    name: 'multipart file name',
    carry: (value) =>
      multipart(part(`${field('file')}; filename="${headerValue(value).replaceAll('"', '%22')}"`, 'data')),
  },
  {
    name: 'multipart, no end',
    carry: (value) => post(`multipart/form-data; boundary=${BOUNDARY}`, part(field('note'), value)),
  },
  {
    name: 'multipart, other boundary',
    carry: (value) => post('multipart/form-data; boundary=x', part(field('note'), value)),
    oddByItself: true,
  },
  {
    name: 'XML text',
    carry: (value) => post('application/xml', `<?xml version="1.0"?><note><text><![CDATA[${value}]]></text></note>`),
  },
  { name: 'gzip', carry: (value) => encoded('gzip', gzipSync(note(value))) },
  { name: 'deflate', carry: (value) => encoded('deflate', deflateSync(note(value))) },
  { name: 'raw deflate', carry: (value) => encoded('deflate', deflateRawSync(note(value))) },
  { name: 'br', carry: (value) => encoded('br', brotliCompressSync(note(value))) },
  { name: 'zstd', carry: (value) => encoded('zstd', zstdCompressSync(note(value))) },
  { name: 'gzip twice', carry: (value) => encoded('gzip, gzip', gzipSync(gzipSync(note(value)))) },
  {
    name: 'gzip, 4 MiB of blanks before',
    heavy: true,
    oddByItself: true,
    carry: (value) => encoded('gzip', gzipSync(Buffer.concat([Buffer.alloc(4 * KIB * KIB, 32), note(value)]))),
  },
  { name: 'says gzip, is plain', carry: (value) => encoded('gzip', note(value)), oddByItself: true },
  { name: 'unknown content encoding', carry: (value) => encoded('x-rot13', note(value)), oddByItself: true },
  { name: 'unknown charset', carry: (value) => post(`${JSON_TYPE}; charset=x-ours`, note(value)), oddByItself: true },
  { name: 'no content type', carry: (value) => ({ ...post('', note(value)), headers: HEADERS }) },
  ...[4, 16, 64, 200].flatMap(padding),
];
