import { createCipheriv, createDecipheriv } from 'node:crypto';
import { equalBytes, hmacSha256 } from './digest.ts';

/** The two moments that a token is judged by. */
export interface FernetReading {
  /** Milliseconds since 1970; tokens count in whole seconds. */
  readonly now: number;
  /** Seconds that a token is good for. Without it its time is not looked at, neither past nor to come. */
  readonly ttlS?: number | undefined;
}

export interface FernetWriting {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** 16 random bytes, never the same twice. */
  readonly iv: Uint8Array;
}

const KEY_BYTES = 32; // half for the HMAC, half for AES
const HALF = 16;
const VERSION = 0x80;
const IV_AT = 9; // version and 64-bit time
const TEXT_AT = 25;
const TAG_BYTES = 32;
const BLOCK_BYTES = 16;
const MIN_BYTES = TEXT_AT + BLOCK_BYTES + TAG_BYTES;
const MAX_SKEW_S = 60;
const CIPHER = 'aes-128-cbc';
const KEY = /^(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9+/]{43})=?$/;

/**
 * A Fernet key as text: base64url of 32 bytes, also without padding or in the standard alphabet. Spare bits of its last
 * character may be set, as in keys that were made up by hand: Python takes them, and values are sealed under them.
 *
 * @returns 32 bytes, or undefined for anything else.
 */
export function parseFernetKey(text: string): Buffer | undefined {
  return KEY.test(text) && !text.endsWith('\n') ? Buffer.from(text, 'base64') : undefined;
}

/**
 * Opens a token. Whatever is wrong (spelling, version, tag, padding, time) has the same answer; nothing is decrypted
 * before the tag was found right, so that the padding tells nobody anything.
 *
 * @param key 32 bytes.
 * @param token base64url with padding, in its one spelling.
 * @throws RangeError for a key of another length
 * @see https://github.com/fernet/spec/blob/master/Spec.md#verifying
 */
export function openFernet(key: Uint8Array, token: string, reading: FernetReading): Buffer | undefined {
  return openFernetWithAny([key], token, reading);
}

/**
 * Opens a token under the first of several keys that opens it, as `MultiFernet` does.
 *
 * @throws RangeError for a key of another length
 */
export function openFernetWithAny(
  keys: readonly Uint8Array[],
  token: string,
  { now, ttlS }: FernetReading,
): Buffer | undefined {
  const bytes = decode(token);
  if (bytes === undefined || !isTimely(bytes, Math.floor(now / 1_000), ttlS)) return undefined;
  for (const key of keys) {
    const plain = openUnder(key, bytes);
    if (plain !== undefined) return plain;
  }
  return undefined;
}

/**
 * Seals as programs that know only Fernet can read.
 *
 * @param key 32 bytes.
 * @param text In UTF-8, or bytes.
 * @throws RangeError for a key or an IV of another length
 * @see https://github.com/fernet/spec/blob/master/Spec.md#generating
 */
export function sealFernet(key: Uint8Array, text: string | Uint8Array, { now, iv }: FernetWriting): string {
  if (iv.length !== BLOCK_BYTES) throw new RangeError('an IV has 16 bytes');
  const signing = signingHalf(key);
  const head = Buffer.alloc(IV_AT);
  head.writeUInt8(VERSION);
  head.writeBigUInt64BE(BigInt(Math.floor(now / 1_000)), 1);
  const cipher = createCipheriv(CIPHER, key.subarray(HALF), iv);
  const plain = typeof text === 'string' ? Buffer.from(text) : text;
  const signed = Buffer.concat([head, iv, cipher.update(plain), cipher.final()]);
  const token = Buffer.concat([signed, hmacSha256(signing, signed)]).toString('base64url');
  return token + '='.repeat(-token.length & 3);
}

function openUnder(key: Uint8Array, bytes: Buffer): Buffer | undefined {
  const signed = bytes.subarray(0, -TAG_BYTES);
  if (!equalBytes(hmacSha256(signingHalf(key), signed), bytes.subarray(-TAG_BYTES))) return undefined;
  const decipher = createDecipheriv(CIPHER, key.subarray(HALF), signed.subarray(IV_AT, TEXT_AT));
  try {
    return Buffer.concat([decipher.update(signed.subarray(TEXT_AT)), decipher.final()]);
  } catch {
    return undefined; // rightly signed and wrongly padded: made by a faulty program, or of a key with the same first half
  }
}

/** The bytes of a token in its one spelling, of a length that a token can have. */
function decode(token: string): Buffer | undefined {
  if (token.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length < MIN_BYTES || (bytes.length - MIN_BYTES) % BLOCK_BYTES !== 0 || bytes[0] !== VERSION) {
    return undefined;
  }
  const spelling = bytes.toString('base64url');
  return spelling + '='.repeat(-spelling.length & 3) === token ? bytes : undefined;
}

function isTimely(bytes: Buffer, nowS: number, ttlS: number | undefined): boolean {
  if (ttlS === undefined) return true;
  const madeS = Number(bytes.readBigUInt64BE(1));
  return madeS + ttlS >= nowS && madeS <= nowS + MAX_SKEW_S;
}

function signingHalf(key: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new RangeError('a Fernet key has 32 bytes');
  return key.subarray(0, HALF);
}
