/**
 * Decodes the one spelling of base64 with padding that an encoder gives; undefined for any other.
 *
 * @see RFC 4648 §3.5 and §4
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
