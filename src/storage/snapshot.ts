import { createHash } from 'node:crypto';
import type { Dialect } from './storage.ts';

/** How many rows a table holds. */
export interface TableCount {
  readonly name: string;
  readonly rows: number;
}

/** One stretch of a snapshot; its content is read once, to its end, before the next part is asked for. */
export interface SnapshotPart {
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** One consistent state of a database, as it was when the snapshot was opened, whatever is written since. */
export interface Snapshot {
  readonly dialect: Dialect;
  /** Names of the migrations that the database has had. */
  readonly migrations: readonly string[];
  /** Complete once every part was read. */
  readonly tables: readonly TableCount[];
  /** SQLite: `database`, the file. PostgreSQL: `table/<name>`, a binary COPY. */
  parts(): AsyncIterable<SnapshotPart>;
  /** Gives back whatever the snapshot holds; to be called in every case. */
  close(): Promise<void>;
}

/** What stands after a restore. */
export interface Restored {
  readonly migrations: readonly string[];
  readonly tables: readonly TableCount[];
  /** Of the parts as they were read back from what stands, in the order in which they came. */
  readonly digests: readonly PartDigest[];
}

export interface PartDigest {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** A part's content as it passes by, and its digest once it has. */
function digesting({ name, content }: SnapshotPart): {
  readonly content: AsyncIterable<Uint8Array>;
  digest(): PartDigest;
} {
  const hash = createHash('sha256');
  let size = 0;
  async function* passing(): AsyncGenerator<Uint8Array> {
    for await (const bytes of content) {
      hash.update(bytes);
      size += bytes.length;
      yield bytes;
    }
  }
  return { content: passing(), digest: () => ({ name, size, sha256: hash.copy().digest('hex') }) };
}

/** Reads a whole snapshot for the digests of its parts: of two databases with the same rows they are the same. */
export async function partDigests(parts: AsyncIterable<SnapshotPart>): Promise<readonly PartDigest[]> {
  const digests: PartDigest[] = [];
  for await (const part of parts) {
    const { content, digest } = digesting(part);
    for await (const _ of content);
    digests.push(digest());
  }
  return digests;
}
