import { isUtf8 } from 'node:buffer';

/** What decoding a text came across that honest clients do not send. */
export type Trick = 'overlong' | 'overlong-twice' | 'overlongs' | 'layers' | 'full-width' | 'null' | 'percent-u';

export interface Decoded {
  readonly text: string;
  readonly tricks: ReadonlySet<Trick>;
}

const MAX_ROUNDS = 4;
/** Nothing in here can be undone: no percent, backslash, ampersand, null, full-width or invisible character. */
const PLAIN =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands for itself
  /^[^%\\&\0\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\uff01-\uff5e\ufe50-\ufe6f\ud835\u02b9\u02bc\u2018\u2019\u2032\u201c\u201d]*$/;
const NO_TRICKS: ReadonlySet<Trick> = new Set();

/**
 * Undoes what an application, a framework or a browser may undo: percent (also `%uXXXX` and overlong UTF-8), HTML
 * entities, `\x`, `\u` and octal escapes, full-width letters, nulls and invisible characters; up to four times, for
 * what was encoded twice. Linear in the text.
 */
export function decode(text: string): Decoded {
  if (PLAIN.test(text)) return { text, tricks: NO_TRICKS };
  const tricks = new Set<Trick>();
  let current = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = once(current, tricks);
    if (next === current) break;
    if (round > 0 && /%[0-9a-f]{2}|&#|&[a-z]{2,6};|\\[ux]/i.test(current)) tricks.add('layers');
    current = next;
  }
  return { text: current, tricks };
}

function once(text: string, tricks: Set<Trick>): string {
  let out = text;
  if (out.includes('%')) out = percent(out, tricks);
  if (out.includes('&')) out = entities(out);
  if (out.includes('\\')) out = escapes(out);
  return folded(out, tricks);
}

const PERCENT_RUN = /(?:%[0-9a-fA-F]{2})+/g;
/** `%%32%%65` for `%2e`: each digit in an escape of its own. */
const SPLIT_PERCENT = /%%(3[0-9]|[46][1-6])%%(3[0-9]|[46][1-6])/g;
const PERCENT_U = /%u([0-9a-fA-F]{4})/g;

function percent(text: string, tricks: Set<Trick>): string {
  const wide = text.replace(PERCENT_U, (_all, hex: string) => {
    tricks.add('percent-u');
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  const whole = wide.replace(SPLIT_PERCENT, (_all, one: string, other: string) => {
    tricks.add('overlong');
    return `%${String.fromCharCode(Number.parseInt(one, 16), Number.parseInt(other, 16))}`;
  });
  return whole.replace(PERCENT_RUN, (run) => bytesOf(Buffer.from(run.replaceAll('%', ''), 'hex'), tricks));
}

/** UTF-8 where it is; else each overlong form as the character it hides, and the rest byte by byte. */
function bytesOf(bytes: Buffer, tricks: Set<Trick>): string {
  if (isUtf8(bytes)) return bytes.toString('utf8', startOf(bytes));
  let out = '';
  for (let at = 0; at < bytes.length; at++) {
    const hidden = overlongAt(bytes, at);
    if (hidden === undefined) out += String.fromCharCode(bytes[at] ?? 0);
    else {
      noteOverlong(bytes[at + 1] ?? 0, tricks);
      out += String.fromCharCode(hidden.code);
      at += hidden.length - 1;
    }
  }
  return out;
}

/** Behind a mark of byte order. */
const startOf = (bytes: Buffer): number => (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);

/** One may be two letters of Latin-1 that stand together by chance; three well-formed ones are not. */
function noteOverlong(second: number, tricks: Set<Trick>): void {
  if ((second & 0xc0) !== 0x80) tricks.add('overlong');
  else tricks.add(tricks.has('overlong-twice') ? 'overlongs' : tricks.has('overlong') ? 'overlong-twice' : 'overlong');
}

/** An ASCII character in two, three or four bytes. @see RFC 3629 §3, "decoding of overlong sequences" */
function overlongAt(bytes: Buffer, at: number): { readonly code: number; readonly length: number } | undefined {
  const a = bytes[at] ?? 0;
  if (a < 0xc0) return undefined;
  const [b = 0, c = 0, d = 0] = bytes.subarray(at + 1, at + 4);
  if ((a === 0xc0 || a === 0xc1) && at + 1 < bytes.length) return { code: ((a & 1) << 6) | (b & 0x3f), length: 2 }; // also with a second byte that is no continuation: %c0%2f
  if (a === 0xe0 && (b & 0xe0) === 0x80) return { code: ((b & 0x3f) << 6) | (c & 0x3f), length: 3 };
  if (a === 0xf0 && b === 0x80 && (c & 0xe0) === 0x80) return { code: ((c & 0x3f) << 6) | (d & 0x3f), length: 4 };
  const long = a === 0xf8 ? 5 : a === 0xfc ? 6 : 0; // RFC 2279 had them
  if (long > 0 && b === 0x80 && at + long <= bytes.length)
    return { code: (((bytes[at + long - 2] ?? 0) & 1) << 6) | ((bytes[at + long - 1] ?? 0) & 0x3f), length: long };
  return undefined;
}

const ENTITY = /&(?:#[xX]0{0,8}([0-9a-fA-F]{1,6})|#0{0,8}([0-9]{1,7})|([A-Za-z]{2,8})(?=;));?/g;
const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  tab: '\t',
  newline: '\n',
  colon: ':',
  semi: ';',
  lpar: '(',
  rpar: ')',
  sol: '/',
  bsol: '\\',
  equals: '=',
  excl: '!',
  num: '#',
  dollar: '$',
  percnt: '%',
  ast: '*',
  plus: '+',
  comma: ',',
  period: '.',
  quest: '?',
  commat: '@',
  lsqb: '[',
  lbrack: '[',
  rsqb: ']',
  rbrack: ']',
  lcub: '{',
  lbrace: '{',
  rcub: '}',
  rbrace: '}',
  verbar: '|',
  vert: '|',
  grave: '`',
  hat: '^',
  lowbar: '_',
}; // prettier-ignore

function entities(text: string): string {
  return text.replace(ENTITY, (all, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|[uU]\{([0-9a-fA-F]{1,6})\}|[uU]([0-9a-fA-F]{4})|([0-3]?[0-7]{2}))/g;

function escapes(text: string): string {
  return text.replace(ESCAPE, (all, x?: string, braced?: string, u?: string, octal?: string) => {
    const code = octal === undefined ? Number.parseInt(x ?? braced ?? u ?? '', 16) : Number.parseInt(octal, 8);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

/** Small forms, and the letters of mathematics. */
const LOOKALIKES = /[\ufe50-\ufe6f]|\ud835[\udc00-\udfff]/g;
const FULL_WIDTH = /[\uff01-\uff5e]/g;
// biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands for itself
const INVISIBLE = /[\0\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]/g;
const QUOTES = /[\u02b9\u02bc\u2018\u2019\u2032]/g;
const DOUBLE_QUOTES = /[\u201c\u201d]/g;

function folded(text: string, tricks: Set<Trick>): string {
  if (PLAIN.test(text)) return text;
  let out = text;
  if (out.includes('\0')) tricks.add('null');
  out = out.replace(INVISIBLE, '');
  out = out.replace(FULL_WIDTH, (one) => {
    tricks.add('full-width');
    return String.fromCharCode(one.charCodeAt(0) - 0xfee0);
  });
  out = out.replace(LOOKALIKES, (one) => {
    tricks.add('full-width');
    return one.normalize('NFKC');
  });
  return out.replace(QUOTES, "'").replace(DOUBLE_QUOTES, '"');
}
