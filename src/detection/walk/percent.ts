const PERCENT = 0x25;
const PLUS = 0x2b;
const NON_ASCII = /[^\0-\x7f]/;
const BEYOND_BYTES = /[^\0-\xff]/;

/**
 * Undoes one round of percent encoding as a server does. What is no UTF-8 (`%C0%AF`, `%E9`) or no encoding at all
 * (`%zz`, `%u0041`) stays as it was sent, for whoever decodes further.
 *
 * @param plusIsSpace as in a query or form
 * @see RFC 3629 §4 (overlong forms and surrogates are no UTF-8)
 */
export function decodePercent(text: string, plusIsSpace: boolean): string {
  return decodeWith(text, plusIsSpace, pointAt);
}

/** The same where each `%XX` is a character of its own, as servers do that read Latin-1. */
export function decodePercentLatin1(text: string, plusIsSpace: boolean): string {
  return decodeWith(text, plusIsSpace, latin1At);
}

function decodeWith(text: string, plusIsSpace: boolean, read: (text: string, at: number) => number): string {
  let at = text.indexOf('%');
  if (plusIsSpace) {
    const plus = text.indexOf('+');
    if (plus !== -1 && (at === -1 || plus < at)) at = plus;
  }
  if (at === -1) return text;
  let decoded = '';
  let from = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === PLUS && plusIsSpace) {
      decoded += `${text.slice(from, at)} `;
      from = ++at;
    } else if (code === PERCENT) {
      const point = read(text, at);
      if (point === -1) at++;
      else {
        decoded += text.slice(from, at) + String.fromCodePoint(point);
        at += read === latin1At ? 3 : sizeOf(point);
        from = at;
      }
    } else at++;
  }
  return from === 0 ? text : decoded + text.slice(from);
}

/** Characters that a code point takes in percent encoding. */
const sizeOf = (point: number): number => (point < 0x80 ? 3 : point < 0x800 ? 6 : point < 0x10000 ? 9 : 12);

const latin1At = (text: string, at: number): number => byteAt(text, at);

/** @returns the code point that begins at a `%`, or -1 for none */
function pointAt(text: string, at: number): number {
  const first = byteAt(text, at);
  if (first < 0x80) return first;
  if (first < 0xc2 || first > 0xf4) return -1;
  const more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  let point = first & (0x3f >> more);
  for (let count = 1; count <= more; count++) {
    const next = byteAt(text, at + 3 * count);
    if (next < 0x80 || next > 0xbf) return -1;
    point = (point << 6) | (next & 0x3f);
  }
  const isOverlong = (more === 2 && point < 0x800) || (more === 3 && (point < 0x10000 || point > 0x10ffff));
  return isOverlong || (point >= 0xd800 && point <= 0xdfff) ? -1 : point;
}

/** @returns the byte of a `%XX`, or -1 */
function byteAt(text: string, at: number): number {
  if (text.charCodeAt(at) !== PERCENT) return -1;
  const high = hexDigit(text.charCodeAt(at + 1));
  const low = hexDigit(text.charCodeAt(at + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

/** @returns the value of a hex digit, or -1; the end of a text is none */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Node reads each byte of a head as a character. @returns what the bytes are as UTF-8, or `undefined` where that is the same or none */
export function utf8Of(text: string): string | undefined {
  if (!NON_ASCII.test(text) || BEYOND_BYTES.test(text)) return undefined;
  const read = Buffer.from(text, 'latin1').toString('utf8');
  return read.includes('\ufffd') ? undefined : read;
}
