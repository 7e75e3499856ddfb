import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';
import { constants, zstdDecompress } from 'node:zlib';
import { decryptAge } from './age.ts';
import { type ByteReader, createByteReader, mapAhead } from './archive-bytes.ts';
import {
  type ArchiveHeader,
  type ArchivePart,
  type ArchiveTrailer,
  BLOCK_BYTES,
  FRAME,
  FRAME_HEAD_BYTES,
  MAGIC,
  MAX_LINE_BYTES,
  MAX_PARTS,
  misshapen,
  mostBytes,
  type PartFacts,
  readHeader,
  readPartName,
  readTrailer,
} from './archive-format.ts';
import { backupFault } from './errors.ts';

export interface Archive {
  readonly header: ArchiveHeader;
  /**
   * To be gone through once. A part is read to its end before the next one is asked for; one that wasn't begun is
   * passed over. The end is reached only where the whole archive was found to be in order.
   */
  readonly parts: AsyncIterable<ArchivePart>;
  /** What stands at the end; reads on to there. @throws BACKUP_UNREADABLE */
  trailer(): Promise<ArchiveTrailer>;
  /** Lets the file go; needed only where it was not read to its end. */
  close(): Promise<void>;
}

const READ_BYTES = 262_144;

/**
 * Opens an archive for reading. Whatever comes out of it has been authenticated chunk by chunk; that nothing is missing
 * shows only at its end.
 *
 * @param given.identities `AGE-SECRET-KEY-1…`, any of which may open it
 * @throws BACKUP_UNREADABLE with the reason, BACKUP_NEWER; the system's own errors where the file can't be read
 */
export async function readArchive(given: {
  readonly file: string;
  readonly identities: readonly string[];
}): Promise<Archive> {
  const source = createReadStream(given.file, { highWaterMark: READ_BYTES });
  const reader = createByteReader(decryptAge(given.identities, source));
  try {
    const header = await openLines(reader);
    const state: ReadState = { reader, facts: [], trailer: undefined };
    const parts = partsOf(state);
    return {
      header,
      parts,
      trailer: async () => {
        for await (const _ of parts); // does nothing where they were gone through
        if (state.trailer === undefined) throw misshapen('it was not read to its end');
        return state.trailer;
      },
      close: reader.close,
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Reads an archive from its beginning to its end and writes nothing. @throws BACKUP_UNREADABLE, BACKUP_NEWER */
export async function verifyArchive(
  file: string,
  identities: readonly string[],
): Promise<{ readonly header: ArchiveHeader; readonly trailer: ArchiveTrailer }> {
  const archive = await readArchive({ file, identities });
  return { header: archive.header, trailer: await archive.trailer() };
}

const MAX_COLLECTED_BYTES = 1_073_741_824;

/**
 * Reads an archive into memory; for small ones (a keystore).
 *
 * @throws BACKUP_UNREADABLE, also for more than a gigabyte
 */
export async function collectArchive(
  file: string,
  identities: readonly string[],
): Promise<{
  readonly header: ArchiveHeader;
  readonly trailer: ArchiveTrailer;
  readonly parts: ReadonlyMap<string, Buffer>;
}> {
  const archive = await readArchive({ file, identities });
  const parts = new Map<string, Buffer>();
  let left = MAX_COLLECTED_BYTES;
  for await (const { name, content } of archive.parts) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) {
      left -= piece.length;
      if (left < 0) throw misshapen('it is too large to be read into memory');
      pieces.push(piece);
    }
    parts.set(name, Buffer.concat(pieces));
  }
  return { header: archive.header, trailer: await archive.trailer(), parts };
}

interface ReadState {
  readonly reader: ByteReader;
  readonly facts: PartFacts[];
  trailer: ArchiveTrailer | undefined;
}

async function openLines(reader: ByteReader): Promise<ArchiveHeader> {
  const magic = (await reader.line(MAGIC.length + 10))?.toString('latin1');
  if (magic !== MAGIC) {
    if (magic !== undefined && /^twinkeep-backup \d+$/.test(magic))
      throw backupFault('BACKUP_NEWER', { format: magic });
    throw misshapen('it is no backup of Twinkeep');
  }
  const line = await reader.line(MAX_LINE_BYTES);
  if (line === undefined) throw misshapen('its header is cut off');
  return readHeader(line);
}

async function* partsOf(state: ReadState): AsyncGenerator<ArchivePart> {
  const { reader, facts } = state;
  try {
    for (;;) {
      const { kind, payload } = await nextFrame(reader);
      if (kind === FRAME.trailer) {
        const trailer = readTrailer(payload);
        if (!(await reader.ended())) throw misshapen('something comes after its end');
        assertSame(trailer.parts, facts);
        state.trailer = trailer;
        return;
      }
      if (kind !== FRAME.part || facts.length === MAX_PARTS) throw misshapen('its frames are out of order');
      const name = readPartName(payload);
      if (facts.some((part) => part.name === name)) throw misshapen(`it has two parts ${name}`);
      const before = facts.length;
      const content = contentOf(state, name);
      yield { name, content };
      for await (const _ of content); // passes over what was not begun
      if (facts.length === before) throw new TypeError(`part ${name} was left before its end`);
    }
  } finally {
    await reader.close();
  }
}

const UNPACKERS = 3;

async function* contentOf({ reader, facts }: ReadState, name: string): AsyncGenerator<Uint8Array> {
  const hash: Hash = createHash('sha256');
  let size = 0;
  for await (const block of mapAhead(blocksOf(reader), UNPACKERS, unpack)) {
    hash.update(block);
    size += block.length;
    yield block;
  }
  facts.push({ name, size, sha256: hash.digest('hex') });
}

async function* blocksOf(reader: ByteReader): AsyncGenerator<Frame> {
  for (;;) {
    const frame = await nextFrame(reader);
    if (frame.kind === FRAME.end) return;
    if (frame.kind !== FRAME.plain && frame.kind !== FRAME.packed) throw misshapen('its frames are out of order');
    yield frame;
  }
}

interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
}

async function nextFrame(reader: ByteReader): Promise<Frame> {
  const head = await reader.take(FRAME_HEAD_BYTES);
  if (head.length < FRAME_HEAD_BYTES) throw misshapen('it ends before its trailer');
  const [kind, length] = [head.readUInt8(0), head.readUInt32BE(1)];
  if (length > mostBytes(kind)) throw misshapen('a frame is larger than any may be');
  const payload = await reader.take(length);
  if (payload.length < length) throw misshapen('it ends within a frame');
  return { kind, payload };
}

const WINDOW = { [constants.ZSTD_d_windowLogMax]: 19 }; // what level 1 needs for a block; a frame may ask for gigabytes
const MIN_CHUNK_BYTES = 64; // Node's least
const inflate = promisify<Buffer, object, Buffer>(zstdDecompress);

/** In the thread pool. */
async function unpack({ kind, payload }: Frame): Promise<Buffer> {
  if (kind === FRAME.plain) {
    if (payload.length > BLOCK_BYTES) throw misshapen('a block is larger than any may be');
    return payload;
  }
  const size = payload.length < 4 ? 0 : payload.readUInt32BE(0);
  if (size === 0 || size > BLOCK_BYTES) throw misshapen('a block is larger than any may be');
  const options = { params: WINDOW, maxOutputLength: size, chunkSize: Math.max(size, MIN_CHUNK_BYTES) };
  const block = await inflate(payload.subarray(4), options).catch((error: unknown) => {
    throw misshapen('a block does not unpack', error);
  });
  if (block.length !== size) throw misshapen('a block does not unpack to its size');
  return block;
}

function assertSame(said: readonly PartFacts[], found: readonly PartFacts[]): void {
  const same =
    said.length === found.length &&
    said.every(({ name, size, sha256 }, index) => {
      const part = found[index];
      return part?.name === name && part.size === size && part.sha256 === sha256;
    });
  if (!same) throw misshapen('its parts are not those that its end tells of');
}
