import type { Columns } from './tx.ts';

/**
 * A column whose values are envelopes of the vault, as the room that owns it says. Rotation rewraps by it, a key is
 * destroyed only when no column that is named so needs it, and backups know by it what they hold.
 */
export interface SealedField {
  readonly table: string;
  readonly column: string;
  /** Whose rows they are, as in the migration of the table. */
  readonly rows: 'platform' | 'tenant';
  /** The primary key in its order, without `tenant_id`; `text` and `int` columns only. */
  readonly key: Columns;
  /** The row part of the place that the value is bound to. */
  readonly row: (key: RowKey) => string;
  /**
   * Whose keys it is sealed under: the row's tenant, the platform, or a person, whose key is never rotated, only
   * destroyed; then the blind indexes alone are made anew.
   */
  readonly under: 'tenant' | 'platform' | { readonly subject: string };
  /** Columns beside it that are searched in its place. */
  readonly indexes?: readonly BlindIndex[];
}

/** The values of a row's key columns. */
export type RowKey = Readonly<Record<string, string | number>>;

/** A keyed digest of a sealed value in a column of its own, by which the value is found without being opened. */
export interface BlindIndex {
  readonly column: string;
  /** What of the value is looked for: normalised, perhaps its beginning alone; `undefined` leaves the column empty. */
  readonly of: (text: string) => string | undefined;
}
