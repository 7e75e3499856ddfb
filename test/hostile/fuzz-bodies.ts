import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Dice } from '../faults/dice.ts';

/** A body and the header lines that say what it is. */
export interface Dressed {
  readonly lines: readonly string[];
  readonly body: Buffer;
}

type Members = readonly (readonly [name: string, value: string])[];

export const BOUNDARY = 'twinkeep-fuzz';
const BOMB_BYTES = 4_194_304;
const QUICK = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** Each by the name that `Content-Encoding` has for it. */
const CODINGS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  deflate: (bytes) => deflateSync(bytes, { level: 1 }),
  br: (bytes) => brotliCompressSync(bytes, QUICK),
  zstd: (bytes) => zstdCompressSync(bytes),
  'x-gzip': (bytes) => gzipSync(bytes, { level: 1 }),
};
/** Said of bytes that are something else, or unknown, or several on top of each other. */
const LIES = ['gzip', 'br', 'zstd', 'deflate', 'compress', 'snappy', 'aws-chunked', 'gzip, br', 'rot13', 'identity'];
const CHARSETS = ['utf-16', 'utf-16le', 'utf-7', 'ibm037', 'latin1', 'shift_jis', 'x'];

let bomb: Buffer | undefined; // made when it is first thrown

/** The same members as a form, parts, XML or JSON, compressed in whatever way, or only called so. */
export function dressBody(dice: Dice, body: Buffer, naughty: readonly string[]): Dressed {
  const members = membersOf(body, dice, naughty);
  const [type, plain] = dice.pick([
    () => ['application/x-www-form-urlencoded', Buffer.from(formOf(members))] as const,
    () => [`multipart/form-data; boundary=${BOUNDARY}`, partsOf(members, dice.pick(naughty))] as const,
    () => ['application/xml', Buffer.from(xmlOf(members))] as const,
    () => ['application/json', body] as const,
  ])();
  const charset = dice.chance(0.1) ? `; charset=${dice.pick(CHARSETS)}` : '';
  const { lines, body: coded } = coatOf(dice, plain);
  return { lines: [`Content-Type: ${type}${charset}`, ...lines], body: coded };
}

function coatOf(dice: Dice, plain: Buffer): Dressed {
  const kind = dice.between(0, 9);
  if (kind < 5) return { lines: [], body: plain };
  if (kind === 5) return { lines: [`Content-Encoding: ${dice.pick(LIES)}`], body: plain };
  if (kind === 6 && dice.chance(0.1)) return { lines: ['Content-Encoding: gzip'], body: bombOf() };
  const name = dice.pick(Object.keys(CODINGS));
  const whole = CODINGS[name]?.(plain) ?? plain;
  const twice = kind === 7 ? gzipSync(whole, { level: 1 }) : whole;
  const body = kind === 8 ? twice.subarray(0, dice.between(0, twice.length)) : twice;
  return { lines: [`Content-Encoding: ${name}${kind === 7 ? ', gzip' : ''}`], body };
}

function bombOf(): Buffer {
  bomb ??= gzipSync(Buffer.alloc(BOMB_BYTES, 0x61));
  return bomb;
}

function membersOf(body: Buffer, dice: Dice, naughty: readonly string[]): Members {
  const read: unknown = JSON.parse(body.toString());
  const own = Object.entries(Object(read)).map(([name, value]): [string, string] => [name, String(value)]);
  return [...own, [dice.pick(naughty), dice.pick(naughty)]];
}

export const formOf = (members: Members): string =>
  members
    .map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+')).join('='))
    .join('&');

/** Names and values as they are, whatever is in them: the last part is a file of that name. */
export function partsOf(members: Members, fileName: string): Buffer {
  const parts = members.map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\nContent-Type: text/plain\r\n\r\n${fileName}\r\n`;
  return Buffer.from(`${parts.join('')}${file}--${BOUNDARY}--\r\n`);
}

export const xmlOf = (members: Members): string =>
  `<?xml version="1.0"?><all>${members.map(([name, value]) => `<one a="${name}">${value}</one>`).join('')}</all>`;
