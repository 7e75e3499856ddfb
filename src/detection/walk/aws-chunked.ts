const LINE = /([0-9a-f]{1,8})(?:;[^\r\n]{0,512})?\r\n/iy;

/**
 * Undoes the chunks in which clients of S3 sign a body as they send it; trailers behind the last are headers.
 *
 * @param most bytes of output; its input is longer, and that is bounded already
 * @param isWhole false for the beginning of a body: what it gives is returned
 * @throws RangeError where the body is not made of chunks
 * @see docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
export function unchunk(bytes: Uint8Array, most: number, isWhole: boolean): Buffer {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = body.toString('latin1');
  const chunks: Buffer[] = [];
  for (let at = 0, left = most; ; ) {
    LINE.lastIndex = at;
    const size = Number.parseInt(LINE.exec(text)?.[1] ?? '', 16);
    if (size === 0) return Buffer.concat(chunks);
    const start = LINE.lastIndex;
    if (!(size <= left) || !text.startsWith('\r\n', start + size)) {
      if (isWhole || chunks.length === 0) throw new RangeError('The body is not made of chunks as it says');
      return Buffer.concat(chunks);
    }
    chunks.push(body.subarray(start, start + size));
    left -= size;
    at = start + size + 2;
  }
}
