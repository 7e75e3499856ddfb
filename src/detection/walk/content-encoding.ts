import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';
import { z } from 'zod';
import { unchunk } from './aws-chunked.ts';
import type { Oddity } from './leaf.ts';
import { unsnap } from './snappy.ts';

/** A walk looks at no more. */
const MAX_OUTPUT = 4_194_304;
/** A body may grow to this, and a longer one a hundredfold: even readings that never change do so 80 times at most. */
const FREE_OUTPUT = 262_144;
const MAX_GROWTH = 100;
const MAX_CODINGS = 2;
/** Streams of one coding, one behind another: each costs some 20 us, however little is in it. */
const MAX_STREAMS = 64;
const FIRST_PREFIX = 64;
/** Brotli fills its whole window, up to 16 MiB, before it gives anything: of a small bomb no beginning is tried. */
const FIRST_BROTLI_PREFIX = 4_096;

/** A body after its content codings were undone. */
export interface Plain {
  readonly bytes: Buffer;
  /** What could not be undone, and how the rest came about. */
  readonly oddities: readonly Flaw[];
  /** They are other bytes than were sent. */
  readonly isUndone: boolean;
}

type Flaw = Pick<Oddity, 'code' | 'kind'>;
/** Node's own, of an output that grows past what was allowed. */
const OUTGROWN = 'ERR_BUFFER_TOO_LARGE';
const UNKNOWN: Flaw = { code: 'content-encoding', kind: 'unsupported' };
const TOO_LARGE: Flaw = { code: 'cut', kind: 'too-large' };
/** A reader that forgives a wrong checksum reads what is hidden in front of it, so that no such body is let by. */
const MALFORMED: Flaw = { code: 'malformed', kind: 'unsupported' };
const UNREAD: Flaw = { code: 'unread' };

/** @param most bytes of output; more is a fault @param isWhole false for the beginning of a body */
type Inflate = (bytes: Uint8Array, most: number, isWhole: boolean) => Inflated;

/** What a stream gave, and how many of the bytes it took: what stands behind its end is another, or is hidden there. */
interface Inflated {
  readonly output: Buffer;
  readonly used: number;
}

interface Told {
  readonly info: true;
  readonly maxOutputLength: number;
  readonly finishFlush: number;
}

/** As Node's functions answer where they are asked for `info`, of which their types say nothing. */
const told = z.object({ buffer: z.instanceof(Buffer), engine: z.object({ bytesWritten: z.number() }) });

const engineWith =
  (inflate: (bytes: Uint8Array, options: Told) => unknown, end: number, flush: number): Inflate =>
  (bytes, maxOutputLength, isWhole) => {
    const { buffer, engine } = told.parse(
      inflate(bytes, { info: true, maxOutputLength, finishFlush: isWhole ? end : flush }),
    );
    return { output: buffer, used: engine.bytesWritten };
  };
const zlibWith = (inflate: (bytes: Uint8Array, options: Told) => unknown): Inflate =>
  engineWith(inflate, constants.Z_FINISH, constants.Z_SYNC_FLUSH);
const gunzip = zlibWith(gunzipSync);
const zlib = zlibWith(inflateSync);
const raw = zlibWith(inflateRawSync);
const { BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH } = constants;
const anyBrotli = engineWith(brotliDecompressSync, BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH);
const brotli: Inflate = (bytes, most, isWhole) => {
  if (hasWideWindow(bytes)) throw Object.assign(new RangeError('its window is too wide'), { code: OUTGROWN });
  return anyBrotli(bytes, most, isWhole);
};
/**
 * Windows of 8 and 16 MiB, or longer still: fifty bytes would fill them for 30 ms before anything came out. Encoders take
 * 4 MiB unless told.
 *
 * @see RFC 7932 §9.1
 */
const hasWideWindow = ([first = 0]: Uint8Array): boolean => (first & 0x0d) === 0x0d || (first & 0x7f) === 0x11;
const zstd = engineWith(zstdDecompressSync, constants.ZSTD_e_end, constants.ZSTD_e_flush);
/** What is read to its end or not at all. */
const wholeWith =
  (undo: (bytes: Uint8Array, most: number, isWhole: boolean) => Buffer): Inflate =>
  (bytes, most, isWhole) => ({ output: undo(bytes, most, isWhole), used: bytes.length });
/** `deflate` is zlib by the standard and raw by habit; servers take both. */
const deflate: Inflate = (bytes, most, isWhole) => (isZlib(bytes) ? zlib : raw)(bytes, most, isWhole);
const isZlib = ([first = 0, second = 0]: Uint8Array): boolean =>
  (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;

const INFLATES: ReadonlyMap<string, Inflate> = new Map([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', deflate],
  ['br', brotli],
  ['zstd', zstd],
  ['snappy', wholeWith(unsnap)],
  ['aws-chunked', wholeWith(unchunk)],
]);

/**
 * Undoes what `content-encoding` names, at most two codings. A body that is larger is looked at as far as it goes; one
 * that is not what it is said to be is looked at as it is.
 *
 * @param most bytes of each, at most 4 MiB, and a hundred for each byte of the body
 */
export function undoContentEncoding(header: string, body: Buffer, most: number): Plain {
  const codings = header
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const oddities: Flaw[] = [];
  const allowed = Math.min(most, MAX_OUTPUT, Math.max(FREE_OUTPUT, body.length * MAX_GROWTH));
  let bytes = body;
  for (const [index, coding] of codings.reverse().entries()) {
    const inflate = INFLATES.get(coding);
    const isKnown = inflate !== undefined && index < MAX_CODINGS;
    const undone = isKnown ? undoOne(inflate, bytes, allowed, oddities) : undefined;
    if (undone === undefined) {
      oddities.push(isKnown ? MALFORMED : UNKNOWN);
      break;
    }
    bytes = undone;
  }
  return { bytes, oddities, isUndone: bytes !== body };
}

/**
 * Undoes a coding, all its streams one behind another: servers read several gzip members, between which zeros may stand,
 * and frames of Zstandard.
 *
 * @returns `undefined` where it is not compressed like that at all
 * @see RFC 1952 §2.2, RFC 8878 §3.1
 */
function undoOne(inflate: Inflate, bytes: Buffer, most: number, oddities: Flaw[]): Buffer | undefined {
  const first = undoFirst(inflate, bytes, most, oddities);
  if (first === undefined) return undefined;
  let rest = withoutZeros(bytes.subarray(first.used));
  if (rest.length === 0) return first.output;
  const outputs = [first.output];
  for (let left = most - first.output.length; rest.length > 0; ) {
    const next = outputs.length < MAX_STREAMS ? undoNext(inflate, rest, left) : UNREAD;
    if ('code' in next) {
      oddities.push(next);
      break;
    }
    outputs.push(next.output);
    left -= next.output.length;
    rest = withoutZeros(rest.subarray(next.used));
  }
  return Buffer.concat(outputs);
}

function withoutZeros(bytes: Buffer): Buffer {
  let zeros = 0;
  while (bytes[zeros] === 0) zeros++;
  return zeros === 0 ? bytes : bytes.subarray(zeros);
}

/** No honest client lets something else stand behind the end of a stream, so that nothing is done to read it. */
function undoNext(inflate: Inflate, bytes: Buffer, most: number): Inflated | Flaw {
  try {
    const next = inflate(bytes, Math.max(1, most), true);
    return next.used > 0 ? next : UNREAD;
  } catch (error) {
    return isFault(error, OUTGROWN) ? TOO_LARGE : UNREAD;
  }
}

function undoFirst(inflate: Inflate, bytes: Buffer, most: number, oddities: Flaw[]): Inflated | undefined {
  try {
    return inflate(bytes, most, true);
  } catch (error) {
    const isTooLarge = isFault(error, OUTGROWN);
    const begun = isTooLarge ? undefined : attempt(inflate, bytes, most);
    const prefix = begun ?? longestPrefix(inflate, bytes, most);
    if (isTooLarge) oddities.push(TOO_LARGE);
    else if (prefix !== undefined) oddities.push(MALFORMED);
    const output = prefix ?? (isTooLarge ? Buffer.alloc(0) : undefined);
    return output && { output, used: bytes.length };
  }
}

const isFault = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

function attempt(inflate: Inflate, bytes: Uint8Array, most: number): Buffer | undefined {
  try {
    const { output } = inflate(bytes, most, false);
    return output.length === 0 ? undefined : output;
  } catch {
    return undefined;
  }
}

/** Node gives nothing of a body that grows too large or breaks off in the middle, so ever longer beginnings are tried. */
function longestPrefix(inflate: Inflate, bytes: Buffer, most: number): Buffer | undefined {
  let longest: Buffer | undefined;
  for (let length = inflate === brotli ? FIRST_BROTLI_PREFIX : FIRST_PREFIX; length < bytes.length; length *= 2) {
    const output = attempt(inflate, bytes.subarray(0, length), most);
    if (output === undefined) {
      if (longest !== undefined) break;
      continue;
    }
    longest = output;
  }
  return longest;
}
