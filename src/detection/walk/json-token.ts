import { hexDigit } from './percent.ts';

/** How far a JSON text was read. */
export interface Scan {
  readonly text: string;
  at: number;
  /** The next backslash at or after `at`, so that it is looked for once; -1 before the first search. */
  backslash: number;
  /** A comment that was just skipped: it is visited, for it reaches whoever reads the text raw. */
  comment: string | undefined;
  /** No string held an escape that JSON does not know. */
  isSound: boolean;
}

const SLASH = 0x2f;
const STAR = 0x2a;
const NUMBER = /[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y;
const WORD = /[-+]?[A-Za-z_$][\w$]*/y;
const LITERAL = /^(?:true|false|null|undefined|[-+]?(?:NaN|Infinity))$/;

/** Skips blanks and one comment. @returns the code at which it stops, NaN at the end */
export function skipBlank(scan: Scan): number {
  for (;;) {
    const code = scan.text.charCodeAt(scan.at);
    if (code > 0x20 && code !== SLASH && code < 0x80) return code;
    if (code === SLASH) {
      if (!skipComment(scan)) return code;
      if (scan.comment !== undefined) return scan.text.charCodeAt(scan.at);
    } else if (code <= 0x20 || code === 0xfeff || code === 0xa0 || code === 0x2028 || code === 0x2029) scan.at++;
    else return code;
  }
}

function skipComment(scan: Scan): boolean {
  const { text, at } = scan;
  const kind = text.charCodeAt(at + 1);
  if (kind !== SLASH && kind !== STAR) return false;
  const end = text.indexOf(kind === STAR ? '*/' : '\n', at + 2);
  scan.comment = text.slice(at + 2, end === -1 ? text.length : end);
  if (scan.comment === '') scan.comment = undefined;
  scan.at = end === -1 ? text.length : end + (kind === STAR ? 2 : 1);
  return true;
}

/** Reads past a number: no attack can be written in one. */
export function skipNumber(scan: Scan): boolean {
  NUMBER.lastIndex = scan.at;
  if (!NUMBER.test(scan.text)) return false;
  scan.at = NUMBER.lastIndex;
  return true;
}

/** Reads past a literal or, for a name, a bare word. @returns it, or `undefined` where there is none */
export function skipScalar(scan: Scan): string | undefined {
  WORD.lastIndex = scan.at;
  if (!WORD.test(scan.text)) return undefined;
  const word = scan.text.slice(scan.at, WORD.lastIndex);
  scan.at = WORD.lastIndex;
  return word;
}

/** One of the words that stand for a value. */
export const isJsonLiteral = (word: string): boolean => LITERAL.test(word);

/** Reads a string, its escapes undone. @param quote the code of its quotation mark @returns `undefined` where it has no end */
export function readJsonString(scan: Scan, quote: number): string | undefined {
  const { text } = scan;
  const start = scan.at + 1;
  const mark = quote === 0x22 ? '"' : "'";
  const end = text.indexOf(mark, start);
  if (end === -1) return undefined;
  if (nextBackslash(scan, start) < end) return readEscaped(scan, start, end, mark);
  scan.at = end + 1;
  return text.slice(start, end);
}

function nextBackslash(scan: Scan, from: number): number {
  if (scan.backslash < from) {
    const found = scan.text.indexOf('\\', from);
    scan.backslash = found === -1 ? scan.text.length : found;
  }
  return scan.backslash;
}

function readEscaped(scan: Scan, start: number, firstEnd: number, mark: string): string | undefined {
  const { text } = scan;
  let read = '';
  let from = start;
  let end = firstEnd;
  for (let at = nextBackslash(scan, start); at < end; at = nextBackslash(scan, from)) {
    read += text.slice(from, at);
    if (at + 1 === end) {
      end = text.indexOf(mark, end + 1);
      if (end === -1) return undefined;
    }
    const isUnicode = text.charCodeAt(at + 1) === 0x75;
    const unit = isUnicode ? unitAt(text, at + 2) : -1;
    read += unit === -1 ? plainEscape(scan, text.charCodeAt(at + 1)) : String.fromCharCode(unit);
    from = at + (unit === -1 ? 2 : 6);
  }
  scan.at = end + 1;
  return read + text.slice(from, end);
}

function unitAt(text: string, at: number): number {
  let unit = 0;
  for (let count = 0; count < 4; count++) {
    const digit = hexDigit(text.charCodeAt(at + count));
    if (digit === -1) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/** One that JSON does not know stays as it is: whoever takes it takes it for something of its own (`\x27`). */
function plainEscape(scan: Scan, code: number): string {
  switch (code) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return String.fromCharCode(code);
    case 0x62:
      return '\b';
    case 0x66:
      return '\f';
    case 0x6e:
      return '\n';
    case 0x72:
      return '\r';
    case 0x74:
      return '\t';
    default:
      scan.isSound = false;
      return `\\${String.fromCharCode(code)}`;
  }
}
