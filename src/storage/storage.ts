import type { EpochMs } from '../kernel/brand.ts';
import type { Scope, Tx } from '../kernel/tx.ts';
import type { Migration } from './schema.ts';

export type Dialect = 'sqlite' | 'postgres';

/**
 * The storage contract, the same on both databases (one contract suite holds both to it).
 *
 * Every text is well-formed Unicode without NUL, every `int` a safe integer: anything else is refused with
 * STORAGE_TEXT_REFUSED or STORAGE_NUMBER_REFUSED before it reaches a database.
 */
export interface Storage {
  readonly dialect: Dialect;

  /** Runs `work` on one consistent state; it may not write. @throws STORAGE_UNAVAILABLE, STORAGE_BUSY */
  read<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;

  /**
   * Runs `work` as one all-or-nothing write; the promise resolves when it is durable, and only then.
   * `work` may await nothing but its `tx`, and may run twice (a serialization conflict is tried again).
   *
   * @throws STORAGE_UNAVAILABLE, STORAGE_BUSY, STORAGE_FULL, STORAGE_WAITED, STORAGE_CONFLICT
   */
  write<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;

  /** Brings the schema up to date. @throws STORAGE_NEWER when the database has migrations this program lacks */
  migrate(migrations: readonly Migration[]): Promise<readonly string[]>;

  /** Takes a lease if it is free or run out. The fence grows with every holder. */
  lease(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>;

  /** Lets go early, so that the next holder need not wait for the end. */
  release(lease: Lease): Promise<void>;

  /** Resolves when the database answers. @throws STORAGE_UNAVAILABLE */
  probe(): Promise<void>;

  /** What the database finds wrong with its own files, a sentence each; empty when nothing is, or it can't tell. */
  integrity(): Promise<readonly string[]>;

  /**
   * Takes off the disk what was deleted from tables or overwritten in them: a database keeps such bytes in its files for a
   * while. Others wait for it as for a long write, so it is for what must not stay, and for tables of a moderate size.
   *
   * @param tables plain names
   * @returns false where somebody still reads a state from before: then some of it is left, to be tried again later
   * @throws STORAGE_UNAVAILABLE
   */
  scrub(tables: readonly string[]): Promise<boolean>;

  close(): Promise<void>;
}

/** The right to do a background job alone until `until`; `fence` tells a late holder's writes from the present one's. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly fence: number;
  readonly until: EpochMs;
}
