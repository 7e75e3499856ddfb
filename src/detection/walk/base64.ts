import { isBinary } from './charset.ts';

export const SHORTEST_BASE64 = 16;
/** What is longer is a file: its text would be judged as if it were a value. */
export const LONGEST_BASE64 = 8_192;

const BASE64 = /^[\w+/-]+={0,2}$/;
/** So many letters at the beginning tell names and numbers from Base64: 12 bytes of them are text by chance only. */
const TASTE = 16;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Uint8Array(128);
for (let value = 0; value < 64; value++) VALUES[LETTERS.charCodeAt(value)] = value;
VALUES['-'.charCodeAt(0)] = 62;
VALUES['_'.charCodeAt(0)] = 63;

/** @returns the text that a whole value is in Base64, of either alphabet; undefined where it is none */
export function textInBase64(value: string): string | undefined {
  if (!(beginsAsText(value) || beginsAsObject(value)) || !BASE64.test(value)) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (beginsAsObject(value)) return bytes.toString('latin1');
  return isBinary(bytes) ? undefined : bytes.toString('utf8');
}

/** As objects of Python (`80 02`), Java (`ac ed`) and Ruby (`04 08`) do, which their readers run: binary, and a payload. */
const beginsAsObject = (value: string): boolean => /^(?:gA[I-Z]|rO0|BAh)/.test(value);

/** Whether the first bytes are UTF-8 without control characters; nothing is made for it, since most values are asked. */
function beginsAsText(value: string): boolean {
  let due = 0;
  for (let at = 0; at < TASTE; at += 4) {
    const bits =
      (valueAt(value, at) << 18) |
      (valueAt(value, at + 1) << 12) |
      (valueAt(value, at + 2) << 6) |
      valueAt(value, at + 3);
    for (let shift = 16; shift >= 0; shift -= 8) {
      const byte = (bits >> shift) & 0xff;
      if (at + 4 >= value.length && byte === 0) continue; // what fills up the last four letters
      if (due > 0 ? byte < 0x80 || byte > 0xbf : byte > 0x7f && (byte < 0xc2 || byte > 0xf4)) return false;
      if (byte < 9 || (byte > 13 && byte < 32) || byte === 127) return false;
      due = due > 0 ? due - 1 : byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
  }
  return true;
}

const valueAt = (value: string, at: number): number => VALUES[value.charCodeAt(at) & 127] ?? 0;
