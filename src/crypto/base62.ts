const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BITS_PER_DIGIT = Math.log2(DIGITS.length);

/**
 * Bytes as one big-endian number in base 62, padded with zeros to the width of the largest of that length: 16 bytes
 * give 22 characters, 32 give 43. Letters and digits only, so that a double click selects all of a key.
 *
 * @param bytes At most 1 024: the work grows with the square of the length.
 * @throws RangeError for more
 */
export function encodeBase62(bytes: Uint8Array): string {
  if (bytes.length > 1_024) throw new RangeError('at most 1024 bytes');
  const width = Math.ceil((bytes.length * 8) / BITS_PER_DIGIT);
  let rest = BigInt(`0x00${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  while (text.length < width) {
    text = DIGITS.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

/**
 * Fixed width of 6, enough for every 32-bit number.
 *
 * @throws RangeError for anything but an integer of 0 to 2^32 - 1
 */
export function encodeUint32(value: number): string {
  if (value >>> 0 !== value) throw new RangeError('not a 32-bit number');
  let rest = value;
  let text = '';
  while (text.length < 6) {
    text = DIGITS.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
