import { createSecretKey } from 'node:crypto';
import { decodeBase64url, encodeBase64url, hkdfSha256, NONCE_BYTES, open, seal, sha256 } from '../crypto/index.ts';
import type { Random } from '../kernel/random.ts';

const PREFIX = 'tkr_';
const SECRET_BYTES = 32;

/** A refresh token or a device secret: 256 random bits. */
export const newRefreshToken = (random: Random): string => PREFIX + encodeBase64url(random.bytes(SECRET_BYTES));
export const newDeviceSecret = (random: Random): string => encodeBase64url(random.bytes(SECRET_BYTES));

export const digestOf = (secret: string): Buffer => sha256(secret);

/** True for text of the form of our tokens; anything else needs no look-up. */
export function isRefreshToken(text: string): boolean {
  return text.startsWith(PREFIX) && decodeBase64url(text.slice(PREFIX.length))?.length === SECRET_BYTES;
}

/**
 * Seals the successor under a key that is derived from the presented token: whoever reads the database can't open it,
 * and only the holder of that token can be given the same successor again.
 */
export function sealSuccessor(presented: string, successor: string, random: Random): string {
  return encodeBase64url(seal(keyOf(presented), random.bytes(NONCE_BYTES), Buffer.from(successor), AAD));
}

export function openSuccessor(presented: string, sealed: string): string | undefined {
  const bytes = decodeBase64url(sealed);
  return bytes && open(keyOf(presented), bytes, AAD)?.toString();
}

const AAD = Buffer.from('refresh_token.successor');
const keyOf = (presented: string) =>
  createSecretKey(hkdfSha256(Buffer.from(presented), { salt: Buffer.alloc(0), info: AAD, length: 32 }));
