import { encodeBase64url, equalBytes, hmacSha256 } from '../../crypto/index.ts';
import { createSystemRandom, type Random } from '../../kernel/random.ts';

const KEY_BYTES = 32;
const SESSION_BYTES = 16;

/** A new API key as the EMS agent's `token_urlsafe(32)` made them: 43 characters of base64url (E34). */
export const generateApiKey = (random: Random = createSystemRandom()): string =>
  encodeBase64url(random.bytes(KEY_BYTES));

/** A new session id as its `token_hex(16)` made them: 32 hexadecimal digits, like the `sid` of our own sessions (E34). */
export const generateSessionId = (random: Random = createSystemRandom()): string =>
  random.bytes(SESSION_BYTES).toString('hex');

/**
 * What a message is signed with: HMAC-SHA256 over its UTF-8 bytes, in 64 lower-case hexadecimal digits (E34).
 *
 * @throws TypeError for an empty secret, and for text with lone surrogates, of which several would have one signature
 */
export function signMessage(message: string | Uint8Array, secret: string): string {
  if (secret === '') throw new TypeError('signatures need a secret'); // without one everybody could sign
  const isWhole = secret.isWellFormed() && (typeof message !== 'string' || message.isWellFormed());
  if (!isWhole) throw new TypeError('text with lone surrogates has no bytes of its own');
  return hmacSha256(Buffer.from(secret), message).toString('hex');
}

/**
 * Whether a signature is that of the message, as the EMS agent's `verify_signature(message, signature, secret)` told
 * (E34). Takes the same time wherever the two differ.
 *
 * @param signature As it came from outside: whatever is not exactly the 64 digits of `signMessage` is false.
 * @throws TypeError as `signMessage` does
 */
export function verifySignature(message: string | Uint8Array, signature: string, secret: string): boolean {
  const expected = Buffer.from(signMessage(message, secret));
  return equalBytes(expected, Buffer.from(signature));
}
