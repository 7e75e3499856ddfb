/** Takes bytes off a stream in pieces of the size that is wanted, whatever the pieces they come in. */
export interface ByteReader {
  /** `size` bytes; fewer only where the stream ends. */
  take(size: number): Promise<Buffer>;
  /** Up to and without the next `\n`. @returns undefined where none comes within `max` bytes */
  line(max: number): Promise<Buffer | undefined>;
  /** True where nothing is left. */
  ended(): Promise<boolean>;
  /** Lets the source go before its end. */
  close(): Promise<void>;
}

const NEWLINE = 0x0a;

export function createByteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const pieces = source[Symbol.asyncIterator]();
  let held: Buffer[] = [];
  let size = 0;
  let done = false;

  async function fill(wanted: number): Promise<void> {
    while (size < wanted && !done) {
      const next = await pieces.next();
      if (next.done === true) done = true;
      else if (next.value.length > 0) {
        held.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length));
        size += next.value.length;
      }
    }
  }

  function joined(): Buffer {
    const all = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
    held = [all];
    return all;
  }

  function cut(length: number): Buffer {
    const taken: Buffer[] = [];
    for (let left = Math.min(length, size); left > 0; ) {
      const piece = held.shift();
      if (piece === undefined) break;
      if (piece.length > left) held.unshift(piece.subarray(left));
      const part = piece.subarray(0, left);
      taken.push(part);
      left -= part.length;
      size -= part.length;
    }
    return taken.length === 1 && taken[0] !== undefined ? taken[0] : Buffer.concat(taken);
  }

  return {
    async take(length) {
      await fill(length);
      return cut(length);
    },
    async line(max) {
      for (;;) {
        const end = joined().indexOf(NEWLINE);
        if (end > max || (end === -1 && size > max)) return undefined;
        if (end !== -1) return cut(end + 1).subarray(0, end);
        const before = size;
        await fill(size + 1);
        if (size === before) return undefined;
      }
    },
    async ended() {
      await fill(1);
      return size === 0;
    },
    async close() {
      done = true;
      await pieces.return?.();
    },
  };
}

/** `work` on each item in the order of the source, with up to `depth` of them on their way at a time. */
export async function* mapAhead<A, B>(
  source: AsyncIterable<A>,
  depth: number,
  work: (item: A) => Promise<B>,
): AsyncGenerator<B> {
  const waiting: Promise<B>[] = [];
  for await (const item of source) {
    const begun = work(item);
    begun.catch(() => undefined); // heard of when its turn comes
    waiting.push(begun);
    const first = waiting.length < depth ? undefined : waiting.shift();
    if (first !== undefined) yield await first;
  }
  for (const begun of waiting) yield await begun;
}

/** Pieces of `size` bytes, and what is left at the end; none is empty. */
export async function* inBlocks(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  const reader = createByteReader(source);
  for (let block = await reader.take(size); block.length > 0; block = await reader.take(size)) yield block;
}
