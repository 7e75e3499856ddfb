import { isAscii, isUtf8 } from 'node:buffer';

/**
 * Charsets in which the letters of ASCII are others (EBCDIC, UTF-7): no client that runs today sends them, but who wants
 * to be read otherwise by the next server than by this. @param charset in lower case
 */
export const isForeignCharset = (charset: string): boolean => EBCDIC.test(charset) || UTF_7.test(charset);

/** What bytes say as text. More than one reading where servers differ in how they read. */
export interface Readings {
  readonly texts: readonly [string, ...string[]];
  /** A charset that was named and is not known. */
  readonly unknown: string | undefined;
}

const BINARY_SHARE = 10;
const SHORTEST_RUN = 8;
/** Latin, Greek, Cyrillic, Hebrew and Arabic stand before it; UTF-16 of noise is mostly beyond. */
const LAST_COMMON = 0x6ff;
/** With the names that databases have for it. */
const UTF_8 = /^(?:utf-?8(?:mb[34])?|us-ascii|ascii|)$/;
/** Code pages of DOS and the like, whose first half is ASCII: of the other half letters alone are mistaken. */
const CODE_PAGE = /^(?:cs)?(?:ibm|cp|oem|dos)[-_]?(?:437|7(?:20|37|75)|8(?:5[0257-8]|6[0-69])|1125|125[0-8])$/;
const EBCDIC = new RegExp(
  '^(?:(?:cs|x-)?(?:ibm|cp)[-_]?)?0?(?:3[79]|2(?:56|7[3-8]|8[0-5]|9[07])|42[0-4]|500|8(?:3[3-9]|7[015]|80)|905|' +
    String.raw`918|924|93[013579]|10(?:2[5-7]|47)|11(?:12|2[23]|3[0-2]|37|4\d|5[3-8]|6[04])|13(?:64|71|88|9[09])|` +
    String.raw`20(?:2[789]\d|42[034]|8(?:3[38]|71|80)|905|924)|21025)(?!\d)|ebcdic`,
);
const UTF_7 = /utf-?_?7\b|^(?:u7|cp65000|unicode-1-1|unicode11utf7)$/;
const EITHER_UTF_16 = /^(?:utf-?16|ucs-?2)$/;
/** In these, ASCII bytes are no ASCII text. */
const OWN_ALPHABET = /^(?:(?:utf-?(?:16|32)|ucs-?[24]|iso-10646)|iso-2022|hz|utf-?7|unicode)/;
const XML_ENCODING = /^.{0,8}<\?xml[^>]{0,200}\bencoding\s{0,8}=\s{0,8}["']([\w.:-]{1,40})["']/s;

/**
 * Reads bytes as text: as they are said to be, as they look (a byte order mark, UTF-16 and UTF-32 without one), as an XML
 * text says inside, and in Latin-1 where they are not the UTF-8 they should be. The first reading is the likeliest.
 */
export function readingsOf(bytes: Buffer, charset: string | undefined): Readings {
  if (charset === undefined || UTF_8.test(charset)) {
    if (
      !hasNulEarly(bytes) &&
      !((bytes[0] === 0x3c || bytes[0] === 0xef) && XML_ENCODING.test(bytes.toString('latin1', 0, 256)))
    ) {
      const text = withoutMark(bytes.toString('utf8'));
      // A one-byte text cannot hold the mark of bad bytes, so that this search costs nothing for ASCII.
      if (!text.includes('\ufffd') && !isMarked(bytes)) return { texts: [text], unknown: undefined };
    }
  } else if (!OWN_ALPHABET.test(charset) && !hasNulEarly(bytes) && isAscii(bytes) && isReadable(charset)) {
    return { texts: [bytes.toString('latin1')], unknown: undefined };
  }
  return allReadings(bytes, charset);
}

function allReadings(bytes: Buffer, charset: string | undefined): Readings {
  const texts = new Set<string>();
  const seen = charsetSeen(bytes);
  const inside = XML_ENCODING.exec(bytes.toString('latin1', 0, 256))?.[1];
  let unknown: string | undefined;
  for (const label of [charset, seen, inside?.toLowerCase()]) {
    if (label === undefined) continue;
    const text = decode(bytes, label);
    if (text !== undefined) texts.add(withoutMark(text));
    else if (unknown === undefined || isForeignCharset(label)) unknown = label;
  }
  texts.add(withoutMark(bytes.toString('utf8')));
  if (!isUtf8(bytes)) texts.add(bytes.toString('latin1'));
  const [first = '', ...others] = texts;
  return { texts: [first, ...others], unknown };
}

const withoutMark = (text: string): string => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
const isMarked = ([first, second]: Uint8Array): boolean =>
  (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
const hasNulEarly = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 || bytes[1] === 0 || bytes[2] === 0 || bytes[3] === 0;

/** As RFC 4627 §3 tells the encodings of JSON apart, by where the NULs are; with a byte order mark by that. */
function charsetSeen(bytes: Uint8Array): string | undefined {
  const [a = 1, b = 1, c = 1, d = 1] = bytes;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'utf-32le' : 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0 && b === 0) return d === 0 ? undefined : 'utf-32be';
  if (a !== 0 && b === 0) return c === 0 && d === 0 ? 'utf-32le' : 'utf-16le';
  return a === 0 ? 'utf-16be' : undefined;
}

/** @returns `undefined` where the charset is not known */
function decode(bytes: Buffer, label: string): string | undefined {
  if (UTF_8.test(label)) return bytes.toString('utf8');
  if (isForeignCharset(label)) return undefined;
  if (CODE_PAGE.test(label) && !isLabel(label)) return bytes.toString('latin1');
  if (/^utf-?32/.test(label)) return fromUtf32(bytes, label.endsWith('be') || bytes[0] === 0);
  if (EITHER_UTF_16.test(label)) label = bytes[0] === 0 || bytes[0] === 0xfe ? 'utf-16be' : 'utf-16le';
  try {
    return new TextDecoder(label, { ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function fromUtf32(bytes: Buffer, isBigEndian: boolean): string {
  const units = new Uint16Array((bytes.length >> 2) * 2);
  let count = 0;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    if (point < 0x10000) units[count++] = point;
    else if (point > 0x10ffff) units[count++] = 0xfffd;
    else {
      units[count++] = 0xd7c0 + (point >> 10);
      units[count++] = 0xdc00 + (point & 0x3ff);
    }
  }
  return Buffer.from(units.buffer, 0, count * 2).toString('utf16le');
}

const isReadable = (charset: string): boolean =>
  !isForeignCharset(charset) && (CODE_PAGE.test(charset) || isLabel(charset));

function isLabel(charset: string): boolean {
  try {
    return new TextDecoder(charset) !== undefined;
  } catch {
    return false;
  }
}

/** Holds more than a tenth of what no text holds. */
export function isBinary(bytes: Uint8Array): boolean {
  const isText = isUtf8(bytes);
  const most = bytes.length / BINARY_SHARE;
  let strange = 0;
  for (let at = 0; at < bytes.length && strange <= most; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127 || (byte > 127 && !isText)) strange++;
  }
  return strange > most;
}

/** A text that bytes were read as is none of a text: more than a tenth of it are signs that nobody writes. */
export function isNoise(text: string): boolean {
  const most = text.length / BINARY_SHARE;
  let strange = 0;
  for (let at = 0; at < text.length && strange <= most; at++) {
    const code = text.charCodeAt(at);
    if (code < 9 || (code > 13 && code < 32 && code !== 27) || (code > 126 && code < 160) || code > LAST_COMMON)
      strange++;
  }
  return strange > most;
}

/** The runs of text within bytes, one by one, lines and all; NULs within one are left out, so that UTF-16 shows too. */
export function* textRunsOf(bytes: Uint8Array): Generator<string> {
  const run = Buffer.allocUnsafe(bytes.length);
  let end = 0;
  for (let at = 0; at <= bytes.length; at++) {
    const byte = bytes[at] ?? 1;
    if ((byte >= 32 && byte < 127) || (byte >= 9 && byte <= 13)) run[end++] = byte;
    else if (byte !== 0) {
      const text = end >= SHORTEST_RUN ? run.toString('latin1', 0, end).trim() : '';
      if (text.length >= SHORTEST_RUN) yield text;
      end = 0;
    }
  }
}
