import type { KeyObject } from 'node:crypto';
import { open, seal } from './aead.ts';
import { decodeAnyBase64 } from './base64.ts';

const NO_AAD = Buffer.alloc(0);

/**
 * Opens the base64 of nonce | ciphertext | tag that was sealed by AES-256-GCM without additional data. Both alphabets
 * are read, with padding and without; of each the one spelling that an encoder gives, and no mixture.
 *
 * @returns undefined, whatever is wrong.
 * @throws RangeError for a key that has not 256 bits
 */
export function openBareGcm(key: KeyObject, text: string): Buffer | undefined {
  const bytes = decodeAnyBase64(text);
  return bytes && open(key, bytes, NO_AAD);
}

/**
 * Seals as programs that know no envelope can read. Nothing binds the value to its place: whoever can write to the
 * database can move it elsewhere.
 *
 * @param nonce 12 bytes that this key never sees again.
 * @returns base64 with padding of nonce | ciphertext | tag.
 * @throws RangeError for a nonce or a key of another length
 */
export function sealBareGcm(key: KeyObject, nonce: Uint8Array, plaintext: Uint8Array): string {
  return seal(key, nonce, plaintext, NO_AAD).toString('base64');
}
