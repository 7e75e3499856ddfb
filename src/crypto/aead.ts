import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

/** Bytes of a nonce; the only length for which GCM uses it as it is. */
export const NONCE_BYTES = 12;

/** Bytes that `seal` adds to a plaintext: nonce and tag. */
export const SEAL_OVERHEAD_BYTES = 28;

const ALGORITHM = 'aes-256-gcm';
const TAG_BYTES = 16;
// Without this node takes tags of 4 bytes too, which are guessed in minutes.
const OPTIONS = { authTagLength: TAG_BYTES };

/**
 * Encrypts and authenticates with AES-256-GCM.
 *
 * @param key 256-bit secret key.
 * @param nonce 12 bytes that this key never sees again; a repeated nonce gives the authentication key away.
 * @param plaintext Bytes, or text that is sealed in UTF-8.
 * @param aad Authenticated but not contained in the result; `open` needs the same bytes.
 * @returns nonce | ciphertext | 16-byte tag: 28 bytes longer than the plaintext.
 * @throws RangeError for a nonce or a key of another length
 * @see NIST SP 800-38D §7.1, and §8.3: random nonces allow 2^32 seals under one key
 */
export function seal(key: KeyObject, nonce: Uint8Array, plaintext: Uint8Array | string, aad: Uint8Array): Buffer {
  if (nonce.length !== NONCE_BYTES) throw new RangeError('a nonce has 12 bytes');
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS).setAAD(aad);
  const ciphertext = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  cipher.final();
  const sealed = Buffer.allocUnsafe(ciphertext.length + SEAL_OVERHEAD_BYTES);
  sealed.set(nonce);
  sealed.set(ciphertext, NONCE_BYTES);
  sealed.set(cipher.getAuthTag(), NONCE_BYTES + ciphertext.length);
  return sealed;
}

/**
 * Opens what `seal` made. Whatever is wrong (short, altered, another key, another aad) has the same answer, and no
 * part of an unauthenticated plaintext leaves this function.
 *
 * @param sealed nonce | ciphertext | tag.
 * @throws RangeError for a key that has not 256 bits
 * @see NIST SP 800-38D §7.2
 */
export function open(key: KeyObject, sealed: Uint8Array, aad: Uint8Array): Buffer | undefined {
  if (sealed.length < SEAL_OVERHEAD_BYTES) return undefined;
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), OPTIONS)
    .setAAD(aad)
    .setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, tagAt));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0); // it was decrypted before it was found forged
    return undefined;
  }
  return plaintext;
}
