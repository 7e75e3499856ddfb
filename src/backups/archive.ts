import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { encryptAge } from './age.ts';
import { inBlocks, mapAhead } from './archive-bytes.ts';
import {
  type ArchiveHeader,
  type ArchivePart,
  type ArchiveTrailer,
  BLOCK_BYTES,
  FRAME,
  FRAME_HEAD_BYTES,
  headerText,
  MAGIC,
  type PartFacts,
} from './archive-format.ts';

export interface ArchiveOptions {
  /** A file that bears the name already is replaced, and by a whole one only. */
  readonly file: string;
  /** What is written first, in the same folder; `<file>.partial` where nobody else can be writing the same file. */
  readonly partial?: string | undefined;
  /** age recipients; each of them alone opens it. */
  readonly recipients: readonly string[];
  readonly header: ArchiveHeader;
  /** Read one after the other, each to its end. */
  readonly parts: AsyncIterable<ArchivePart>;
  /** Asked once all parts were read. */
  readonly trailer: () => Pick<ArchiveTrailer, 'tables' | 'extras'>;
  /** Hears how many bytes of content have gone in so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface Archived {
  /** Of the file as it lies there. */
  readonly size: number;
  readonly sha256: string;
  readonly parts: readonly PartFacts[];
}

/**
 * Writes an archive: packed, sealed, durable, readable by its owner alone. On any failure (the disk full, a part that
 * throws) what was begun is removed, and what lay there before is as it was.
 *
 * @throws what the parts throw, and the system's own errors (ENOSPC)
 */
export async function writeArchive(options: ArchiveOptions): Promise<Archived> {
  const { partial = `${options.file}.partial` } = options;
  await rm(partial, { force: true }); // of a process that was killed
  const facts: PartFacts[] = [];
  try {
    const handle = await open(partial, 'wx', 0o600);
    const written = await writeAll(handle, encryptAge(options.recipients, plainOf(options, facts))).finally(() =>
      handle.close(),
    );
    await rename(partial, options.file);
    await syncFolder(dirname(options.file));
    return { ...written, parts: facts };
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

const BATCH_BYTES = 1_048_576;

/** One write is on its way while the bytes of the next are being made. */
async function writeAll(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array>,
): Promise<Pick<Archived, 'size' | 'sha256'>> {
  const hash = createHash('sha256');
  let size = 0;
  let batch: Uint8Array[] = [];
  let batched = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = writeWhole(handle, batch, batched);
    writing.catch(() => undefined); // heard of at the next turn
    batch = [];
    batched = 0;
  };
  try {
    for await (const bytes of source) {
      hash.update(bytes);
      size += bytes.length;
      batched += bytes.length;
      batch.push(bytes);
      if (batched >= BATCH_BYTES) await flush();
    }
    await flush();
  } finally {
    await writing; // the file may not be closed before
  }
  await handle.sync();
  return { size, sha256: hash.digest('hex') };
}

async function writeWhole(handle: FileHandle, pieces: readonly Uint8Array[], total: number): Promise<void> {
  const { bytesWritten } = await handle.writev(pieces);
  if (bytesWritten === total) return;
  await handle.writeFile(Buffer.concat(pieces).subarray(bytesWritten)); // the rest, or the reason why it can't be
}

/** A file whose name is lost with the power is lost itself. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** The archive before it is sealed. Adds each part's facts as it is through. */
async function* plainOf(
  { header, parts, trailer, onProgress = () => undefined }: ArchiveOptions,
  facts: PartFacts[],
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${MAGIC}\n${headerText(header)}\n`);
  let total = 0;
  for await (const { name, content } of parts) {
    yield* frame(FRAME.part, Buffer.from(JSON.stringify({ name })));
    const hash = createHash('sha256');
    let size = 0;
    const hashed = async function* (): AsyncGenerator<Buffer> {
      for await (const block of inBlocks(content, BLOCK_BYTES)) {
        hash.update(block);
        size += block.length;
        yield block;
      }
    };
    for await (const packed of mapAhead(hashed(), PACKERS, pack)) {
      yield* packed;
      onProgress(total + size);
    }
    total += size;
    facts.push({ name, size, sha256: hash.digest('hex') });
    yield* frame(FRAME.end);
  }
  yield* frame(FRAME.trailer, Buffer.from(JSON.stringify({ parts: facts, ...trailer() })));
}

/** In pieces, for a copy of every block would be work for the collector. */
function frame(kind: number, ...payload: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUInt8(kind, 0);
  head.writeUInt32BE(
    payload.reduce((size, piece) => size + piece.length, 0),
    1,
  );
  return [head, ...payload];
}

const PACKERS = 3;
const squeeze = promisify<Buffer, object, Buffer>(zstdCompress);
const LEVEL = {
  params: { [constants.ZSTD_c_compressionLevel]: 1 },
  chunkSize: BLOCK_BYTES + 2_048, // at Node's 16 KiB a block would come out in seventeen turns of the thread pool
};

/** In the thread pool. What doesn't shrink is kept as it is. */
async function pack(block: Buffer): Promise<readonly Uint8Array[]> {
  const packed = await squeeze(block, LEVEL);
  if (packed.length + 4 >= block.length) return frame(FRAME.plain, block);
  const size = Buffer.allocUnsafe(4);
  size.writeUInt32BE(block.length);
  return frame(FRAME.packed, size, packed);
}
