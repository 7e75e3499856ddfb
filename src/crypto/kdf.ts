import { hkdfSync, type KeyObject } from 'node:crypto';
import { SHA256_BYTES, secretKeyOf } from './digest.ts';

const MAX_BYTES = 255 * SHA256_BYTES;

/** What makes one derived key differ from the others of the same input key. */
export interface HkdfContext {
  /** Random or empty; it need not be secret. */
  readonly salt: Uint8Array | string;
  /** What the key is for; at most 1 024 bytes. */
  readonly info: Uint8Array | string;
  /** Bytes of the result, 1 to 8 160. */
  readonly length: number;
}

/**
 * Derives a key from one that is already uniformly random; it makes no password stronger.
 *
 * @throws RangeError for a length out of bounds or a longer info
 * @see RFC 5869 §2
 */
export function hkdfSha256(inputKey: KeyObject | Uint8Array, { salt, info, length }: HkdfContext): Buffer {
  if (!Number.isInteger(length) || length < 1 || length > MAX_BYTES) {
    throw new RangeError('a derived key has 1 to 8160 bytes');
  }
  return Buffer.from(hkdfSync('sha256', secretKeyOf(inputKey), salt, info, length));
}
