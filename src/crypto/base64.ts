/**
 * Decodes the one spelling of base64 with padding that an encoder gives; undefined for any other.
 *
 * @see RFC 4648 §3.5 and §4
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/**
 * Decodes base64 in either alphabet, with padding or without: for what other programs wrote. Each of the four has one
 * spelling, and no mixture of them is taken.
 *
 * @see RFC 4648 §3.5, §4 and §5
 */
export function decodeAnyBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64'); // node reads both alphabets by this name
  const padded = bytes.toString('base64');
  if (padded === text) return bytes;
  const urlSafe = bytes.toString('base64url');
  const padding = padded.slice(urlSafe.length);
  const isOne = urlSafe === text || urlSafe + padding === text || padded === text + padding;
  return isOne ? bytes : undefined;
}
