import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
  zstdDecompressSync,
} from 'node:zlib';
import { unchunk } from './aws-chunked.ts';
import type { Oddity } from './leaf.ts';
import { unsnap } from './snappy.ts';

/** A walk looks at no more. */
const MAX_OUTPUT = 4_194_304;
const MAX_CODINGS = 2;
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
const UNKNOWN: Flaw = { code: 'content-encoding', kind: 'unsupported' };
const TOO_LARGE: Flaw = { code: 'cut', kind: 'too-large' };
const MALFORMED: Flaw = { code: 'malformed' };

/** @param most bytes of output; more is a fault @param isWhole false for the beginning of a body */
type Inflate = (bytes: Uint8Array, most: number, isWhole: boolean) => Buffer;

const zlibWith =
  (inflate: (bytes: Uint8Array, options: ZlibOptions) => Buffer): Inflate =>
  (bytes, maxOutputLength, isWhole) =>
    inflate(bytes, isWhole ? { maxOutputLength } : { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH });
const gunzip = zlibWith(gunzipSync);
const zlib = zlibWith(inflateSync);
const raw = zlibWith(inflateRawSync);
const brotli: Inflate = (bytes, maxOutputLength, isWhole) => {
  const finishFlush = isWhole ? constants.BROTLI_OPERATION_FINISH : constants.BROTLI_OPERATION_FLUSH;
  return brotliDecompressSync(bytes, { maxOutputLength, finishFlush });
};
const zstd: Inflate = (bytes, maxOutputLength, isWhole) => {
  const finishFlush = isWhole ? constants.ZSTD_e_end : constants.ZSTD_e_flush;
  return zstdDecompressSync(bytes, { maxOutputLength, finishFlush });
};
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
  ['snappy', unsnap],
  ['aws-chunked', unchunk],
]);

/**
 * Undoes what `content-encoding` names, at most two codings. A body that is larger is looked at as far as it goes; one
 * that is not what it is said to be is looked at as it is.
 *
 * @param most bytes of each, at most 4 MiB
 */
export function undoContentEncoding(header: string, body: Buffer, most: number): Plain {
  const codings = header
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const oddities: Flaw[] = [];
  let bytes = body;
  for (const [index, coding] of codings.reverse().entries()) {
    const inflate = INFLATES.get(coding);
    const isKnown = inflate !== undefined && index < MAX_CODINGS;
    const undone = isKnown ? undoOne(inflate, bytes, Math.min(most, MAX_OUTPUT), oddities) : undefined;
    if (undone === undefined) {
      oddities.push(isKnown ? MALFORMED : UNKNOWN);
      break;
    }
    bytes = undone;
  }
  return { bytes, oddities, isUndone: bytes !== body };
}

/** @returns `undefined` where it is not compressed like that at all */
function undoOne(inflate: Inflate, bytes: Buffer, most: number, oddities: Flaw[]): Buffer | undefined {
  try {
    return inflate(bytes, most, true);
  } catch (error) {
    const isTooLarge = isFault(error, 'ERR_BUFFER_TOO_LARGE');
    const begun = isTooLarge ? undefined : attempt(inflate, bytes, most);
    const prefix = begun ?? longestPrefix(inflate, bytes, most);
    if (isTooLarge) oddities.push(TOO_LARGE);
    else if (prefix !== undefined) oddities.push(MALFORMED);
    return prefix ?? (isTooLarge ? Buffer.alloc(0) : undefined);
  }
}

const isFault = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

function attempt(inflate: Inflate, bytes: Uint8Array, most: number): Buffer | undefined {
  try {
    const output = inflate(bytes, most, false);
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
