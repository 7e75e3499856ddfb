import { z } from 'zod';
import { backupFault } from './errors.ts';

/**
 * What is inside the age encryption of a backup, in this order:
 *
 *     twinkeep-backup 1\n
 *     the header, JSON, and \n
 *     frames: a byte that says what, four bytes of length (big-endian), and as many bytes
 *       1  a part begins: JSON {"name"}
 *       2  a block of it as it is, 3 a block by zstd behind four bytes of its length unpacked
 *       4  the part ends
 *       5  the trailer, JSON; nothing comes after it
 *
 * Blocks are packed one by one, so that neither side needs more memory than a few of them.
 */
export const MAGIC = 'twinkeep-backup 1';
export const FRAME = { part: 1, plain: 2, packed: 3, end: 4, trailer: 5 } as const;
export const BLOCK_BYTES = 262_144;
export const FRAME_HEAD_BYTES = 5;

export const MAX_LINE_BYTES = 1_048_576;
export const MAX_PARTS = 10_000;
const MAX_NAME_BYTES = 1_024;
const MAX_TRAILER_BYTES = 67_108_864;

/** What an archive says of itself before its content. */
export interface ArchiveHeader {
  /** RFC 3339 */
  readonly createdAt: string;
  readonly dialect: 'sqlite' | 'postgres';
  /** Of the Twinkeep that made it. */
  readonly version: string;
  readonly kind: 'main' | 'keystore';
  readonly migrations: readonly string[];
  /** Grows with every archive of a database, whatever its clock says: a backup needs a keystore that is not below it. */
  readonly sequence?: number | undefined;
}

export interface ArchivePart {
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
}

export interface PartFacts {
  readonly name: string;
  readonly size: number;
  /** Of the content, in hex. */
  readonly sha256: string;
}

/** What an archive says of itself after its content. */
export interface ArchiveTrailer {
  readonly parts: readonly PartFacts[];
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** What the maker wanted to have told; JSON. */
  readonly extras: unknown;
}

const name = z
  .string()
  .regex(/^[a-z0-9_]+(\/[a-z0-9_.-]+)*$/)
  .max(200);
const count = z.int().min(0);

const header = z.strictObject({
  created_at: z.iso.datetime(),
  dialect: z.enum(['sqlite', 'postgres']),
  twinkeep: z.string().max(100),
  kind: z.enum(['main', 'keystore']),
  migrations: z.array(z.string().max(100)).max(MAX_PARTS),
  sequence: z.int().min(0).optional(),
});

const trailer = z.strictObject({
  parts: z.array(z.strictObject({ name, size: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) })).max(MAX_PARTS),
  tables: z.array(z.strictObject({ name: z.string().max(100), rows: count })).max(MAX_PARTS),
  extras: z.json(),
});

export function headerText({ createdAt, version, ...rest }: ArchiveHeader): string {
  return JSON.stringify({ created_at: createdAt, twinkeep: version, ...rest });
}

/** @throws BACKUP_UNREADABLE */
export function readHeader(line: Buffer): ArchiveHeader {
  const { created_at: createdAt, twinkeep: version, ...rest } = parse(header, line, 'header');
  return { createdAt, version, ...rest };
}

/** @throws BACKUP_UNREADABLE */
export const readPartName = (payload: Buffer): string => parse(z.strictObject({ name }), payload, 'part').name;

/** @throws BACKUP_UNREADABLE */
export const readTrailer = (payload: Buffer): ArchiveTrailer => parse(trailer, payload, 'trailer');

/** The most bytes that a frame of this kind may have. @throws BACKUP_UNREADABLE for a kind that there isn't */
export function mostBytes(kind: number): number {
  switch (kind) {
    case FRAME.part:
      return MAX_NAME_BYTES;
    case FRAME.plain:
    case FRAME.packed:
      return BLOCK_BYTES + 4;
    case FRAME.end:
      return 0;
    case FRAME.trailer:
      return MAX_TRAILER_BYTES;
    default:
      throw misshapen('a frame is of an unknown kind');
  }
}

export const misshapen = (reason: string, cause?: unknown) => backupFault('BACKUP_UNREADABLE', { reason }, cause);

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, what: string): T {
  try {
    return schema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw misshapen(`its ${what} is not of the form it should be`, error);
  }
}
