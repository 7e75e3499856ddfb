import { createHmac, createSecretKey, hash, KeyObject, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { encodeUint32 } from './base62.ts';

/** Bytes of a SHA-256 digest or HMAC. */
export const SHA256_BYTES = 32;

/** SHA-256 of bytes, or of text in UTF-8. @see FIPS 180-4 §6.2 */
export function sha256(data: Uint8Array | string): Buffer {
  return hash('sha256', data, 'buffer');
}

/**
 * HMAC-SHA-256 of bytes, or of text in UTF-8. A `KeyObject` spares its making at every call.
 *
 * @see RFC 2104, FIPS 198-1
 */
export function hmacSha256(key: KeyObject | Uint8Array, data: Uint8Array | string): Buffer {
  return createHmac('sha256', secretKeyOf(key)).update(data).digest();
}

/** Whether two byte strings are the same, in a time that tells their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Six characters that tell a mistyped or made-up API key from a real one without a look at the database, and let
 * scanners of leaked secrets be sure of what they found. It authenticates nothing.
 *
 * @param text The key without its checksum, in UTF-8.
 * @returns CRC-32 (that of zip and PNG) in base 62.
 * @see https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
 */
export function checksum6(text: string): string {
  return encodeUint32(crc32(text));
}

/** Node takes 9 us for an HMAC under a raw key, and 2 us when the key is made into an object first. */
export function secretKeyOf(key: KeyObject | Uint8Array): KeyObject {
  return key instanceof KeyObject ? key : createSecretKey(key);
}
