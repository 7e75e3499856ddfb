/** A body that is no Snappy, or grows past its bound. Its code is that of zlib for the latter. */
class SnappyError extends Error {
  readonly code: string;
  constructor(code: string) {
    super('The body is not compressed with Snappy, or is too large');
    this.code = code;
  }
}

const malformed = (): SnappyError => new SnappyError('ERR_SNAPPY');

/**
 * Undoes Snappy in its block format, as Prometheus sends it.
 *
 * @param most bytes of output; more is a fault
 * @param isWhole false for the beginning of a body: what it gives is returned
 * @throws SnappyError where it is none
 * @see github.com/google/snappy, format_description.txt
 */
export function unsnap(bytes: Uint8Array, most: number, isWhole: boolean): Buffer {
  const { value: size, next } = readLength(bytes);
  if (size > most && isWhole) throw new SnappyError('ERR_BUFFER_TOO_LARGE');
  const output = Buffer.allocUnsafe(Math.min(size, most));
  let end = 0;
  let at = next;
  while (at < bytes.length && end < output.length) {
    const { from, length, next } = readElement(bytes, at, end);
    if (length > output.length - end || from > end || (from === 0 && next + length > bytes.length)) {
      if (isWhole) throw malformed();
      break;
    }
    if (from === 0) output.set(bytes.subarray(next, next + length), end);
    else for (let count = 0; count < length; count++) output[end + count] = output[end + count - from] ?? 0;
    end += length;
    at = from === 0 ? next + length : next;
  }
  if (isWhole && (at !== bytes.length || end !== size)) throw malformed();
  return output.subarray(0, end);
}

/** A varint of at most 32 bits. */
function readLength(bytes: Uint8Array): { value: number; next: number } {
  let value = 0;
  for (let at = 0; at < 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { value, next: at + 1 };
  }
  throw malformed();
}

/** One element. `from` is how far back a copy begins, 0 for a literal that begins at `next`. */
interface Element {
  readonly from: number;
  readonly length: number;
  readonly next: number;
}

function readElement(bytes: Uint8Array, at: number, end: number): Element {
  const tag = bytes[at] ?? 0;
  const kind = tag & 3;
  if (kind === 0) {
    const short = tag >> 2;
    const more = short < 60 ? 0 : short - 59;
    return { from: 0, length: more === 0 ? short + 1 : readNumber(bytes, at + 1, more) + 1, next: at + 1 + more };
  }
  const size = kind === 3 ? 4 : kind;
  const low = readNumber(bytes, at + 1, size);
  const from = kind === 1 ? ((tag >> 5) << 8) | low : low;
  const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
  return { from: from === 0 ? end + 1 : from, length, next: at + 1 + size }; // no copy begins nowhere
}

function readNumber(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let count = 0; count < size; count++) value += (bytes[at + count] ?? 0) * 256 ** count;
  return value;
}
