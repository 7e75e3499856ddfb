/** Base64url without padding. @see RFC 4648 §5 */
export function encodeBase64url(bytes: Uint8Array): string {
  return viewOf(bytes).toString('base64url');
}

/**
 * Decodes the one spelling that `encodeBase64url` gives; undefined for any other. Node's own decoder skips junk,
 * takes padding and the other alphabet, and ignores the last character's spare bits, so that one token would have
 * many spellings and slip past a list of revoked ones.
 *
 * @see RFC 4648 §3.5 and §5
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
