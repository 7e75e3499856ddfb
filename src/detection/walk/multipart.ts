import { isBinary, textRunsOf } from './charset.ts';
import { type Disposition, dispositionOf } from './disposition.ts';
import { decodePercent } from './percent.ts';
import { addOddity, visitName, visitText, type Walk } from './walk.ts';

/** A part that is a file where every server takes it for one, a field where it is none or some take it for text. */
export interface PartHead {
  readonly type: string | undefined;
  /** Undefined where it is neither. */
  readonly is: 'field' | 'file' | undefined;
  readonly fileName: string | undefined;
}

/** Walks the content of one part. */
export type WalkPart = (walk: Walk, bytes: Buffer, head: PartHead) => void;

const PLAIN_HEADER = /^[\w-]+$/;
const MOST_HEADERS = 64;
/** `a:b` and an empty line. */
const SHORTEST_HEAD = 5;
const LF = 10;
const DASH = 45;
const PARAMETER = /(?<![\w-])([\w-]{1,32})(\*\d{0,3}\*?|\*?)\s{0,16}=\s{0,16}(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g;
const TRANSFER_PLAIN = /^(?:7bit|8bit|binary)?$/i;
/** Signs that are none are left out by some and read or an end to others. */
const PLAIN_BASE64 = /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/;
/** No file is binary and that small; no run within a binary one is that long by chance. */
const SMALLEST_BINARY = 128;
const LONG_RUN = 16;

/**
 * Visits the parts of a multipart body: their headers, names, file names and contents, and what stands before and behind.
 *
 * @param isNameless its parts need not say what they are called
 * @returns whether it has parts and is what it should be
 * @see RFC 2046 §5.1, RFC 7578
 */
export function walkMultipart(
  walk: Walk,
  bytes: Buffer,
  { boundary, isNameless }: { readonly boundary: string; readonly isNameless: boolean },
  walkPart: WalkPart,
): boolean {
  const base = walk.depth;
  const text = bytes.toString('latin1');
  const delimiter = `--${boundary}`;
  let isSound = true;
  let delimited = nextDelimiter(text, delimiter, 0);
  if (delimited === -1) return false;
  visitOutside(walk, bytes.subarray(0, delimited));
  // Lines that end in LF alone are read alike by all who read them; both kinds in one body are not.
  const isCrLf = hasCr(text, text.indexOf('\n', delimited));
  while (delimited !== -1) {
    const after = delimited + delimiter.length;
    if (text.charCodeAt(after) === DASH && text.charCodeAt(after + 1) === DASH) {
      visitOutside(walk, bytes.subarray(after + 2));
      return isSound;
    }
    const lineEnd = text.indexOf('\n', after);
    const start = lineEnd === -1 ? text.length : lineEnd + 1;
    const next = nextDelimiter(text, delimiter, start);
    const end = next === -1 ? text.length : endBefore(text, next, start);
    isSound = walkOne(walk, bytes, { text, start, end, base, isNameless }, walkPart) && next !== -1 && isSound;
    isSound &&= hasCr(text, start - 1) === isCrLf && (next === -1 || hasCr(text, next - 1) === isCrLf);
    walk.depth = base;
    delimited = next;
  }
  return false; // it has no end
}

const hasCr = (text: string, lineFeed: number): boolean => text.charCodeAt(lineFeed - 1) === 13;

/** A delimiter stands at the beginning of a line, and blanks alone follow it there. */
function nextDelimiter(text: string, delimiter: string, from: number): number {
  for (let at = text.indexOf(delimiter, from); at !== -1; at = text.indexOf(delimiter, at + delimiter.length)) {
    const next = text.charCodeAt(at + delimiter.length);
    const isEnd = next === DASH || next === LF || next === 13 || next === 32 || next === 9 || Number.isNaN(next);
    if (isEnd && (at === 0 || text.charCodeAt(at - 1) === LF)) return at;
  }
  return -1;
}

/** The line end before a delimiter belongs to it. */
function endBefore(text: string, delimiter: number, start: number): number {
  const end = text.charCodeAt(delimiter - 2) === 13 ? delimiter - 2 : delimiter - 1;
  return Math.max(start, end);
}

function visitOutside(walk: Walk, bytes: Buffer): void {
  visitText(walk, bytes.toString('utf8').trim());
}

interface Span {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly base: number;
  readonly isNameless: boolean;
}

function walkOne(walk: Walk, bytes: Buffer, { text, start, end, base, isNameless }: Span, walkPart: WalkPart): boolean {
  walk.leavesLeft--; // an empty part counts too
  if (end - start < SHORTEST_HEAD) {
    visitText(walk, text.slice(start, end).trim());
    return false;
  }
  const block = text.slice(start, end);
  const blank = /^\r?\n|\r?\n\r?\n/.exec(block);
  const headEnd = blank === null ? block.length : blank.index;
  const head = bytes.toString('utf8', start, start + headEnd);
  const headers = headersOf(head);
  const lineEnd = lineEndOf(blank?.[0], hasCr(text, start - 1));
  const disposition = dispositionOf(head, lineEnd);
  const { name, fileName } = disposition;
  walk.steps[base] = name ?? 'part';
  walk.depth = base + 1;
  if (base === 0) walk.parameters?.push(name ?? 'part');
  if (name !== undefined) visitName(walk, name);
  walkHeaders(walk, headers, base);
  walk.depth = base + 1;
  if (blank === null) return false;
  if (lineEnd === undefined) addOddity(walk, 'unread'); // no client writes it, and its content begins at two places
  const content = undoTransfer(walk, bytes.subarray(start + headEnd + blank[0].length, end), headers);
  walkPart(walk, content, { type: headers.get('content-type'), is: whatIs(walk, content, disposition), fileName });
  return isNameless || headers.has('content-disposition') || base > 0;
}

/** @returns undefined where some servers look for the end of the head further behind */
function lineEndOf(blank: string | undefined, isCrLf: boolean): '\r\n' | '\n' | undefined {
  if (blank === '\r\n\r\n' || blank === '\r\n') return '\r\n';
  return isCrLf || blank?.includes('\r') ? undefined : '\n';
}

/** What some servers take for a field is one; of a binary file the texts are looked at as if each were a field. */
function whatIs(walk: Walk, content: Buffer, { is }: Disposition): PartHead['is'] {
  if (is !== 'either') return is;
  if (content.length < SMALLEST_BINARY || !isBinary(content)) return 'field';
  for (const run of textRunsOf(content)) if (run.length >= LONG_RUN) visitText(walk, run);
  return 'file';
}

/**
 * Lines that begin with a blank go on with the one before. Of two of one name servers take either, so both are kept; so
 * are headers beyond any honest number, under one name.
 */
function headersOf(head: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    const isCounted = headers.size < MOST_HEADERS;
    const name = isCounted ? (colon === -1 ? line : line.slice(0, colon)).trim().toLowerCase() : 'others';
    const value = isCounted ? line.slice(colon + 1).trim() : line;
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}; ${value}`);
  }
  return headers;
}

function walkHeaders(walk: Walk, headers: ReadonlyMap<string, string>, base: number): void {
  walk.depth = base + 2;
  for (const [header, value] of headers) {
    walk.steps[base + 1] = header;
    if (!PLAIN_HEADER.test(header)) visitName(walk, header);
    visitText(walk, value);
  }
  for (const [, key = '', star, quoted, bare] of (headers.get('content-disposition') ?? '').matchAll(PARAMETER)) {
    if (key.toLowerCase() !== 'filename') continue;
    walk.steps[base + 1] = 'filename';
    const text = quoted ?? bare ?? '';
    visitText(walk, star ? decodePercent(text.replace(/^[\w-]*'[\w-]*'/, ''), false) : text);
  }
}

/** Few servers undo the transfer encoding of a part, so both readings are visited. @see RFC 7578 §4.7 */
function undoTransfer(walk: Walk, content: Buffer, headers: ReadonlyMap<string, string>): Buffer {
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase() ?? '';
  if (TRANSFER_PLAIN.test(encoding)) return content;
  const text = content.toString('latin1');
  visitText(walk, text);
  if (encoding === 'base64' && PLAIN_BASE64.test(text)) return Buffer.from(text, 'base64');
  if (encoding === 'quoted-printable') return Buffer.from(unquoted(text), 'latin1');
  addOddity(walk, 'unread');
  return content;
}

const unquoted = (text: string): string =>
  text
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
