/** What is migrated: names as the database spells them, taken literally. */
export interface FieldSet {
  readonly table: string;
  /** One column or several; their values tell each row from every other. */
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

/** A row's key, a part for each column of it. PostgreSQL's are all text. */
export type Key = readonly (string | bigint)[];

/** One value of a row: `huge` is longer than any that could be sealed, `other` is no text. */
export type Cell =
  | { readonly kind: 'empty' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'huge' }
  | { readonly kind: 'other' };

/** A cell for each column of the field set, in its order. */
export interface Row {
  readonly key: Key;
  readonly cells: readonly Cell[];
}

/** Takes effect only where the value is still `from`. */
export interface Change {
  readonly key: Key;
  readonly column: string;
  readonly from: string;
  readonly to: string;
}

/** What became of a change: `overtaken` where another program had written the value, or removed the row. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'overtaken' }
  /** By a constraint, a trigger or a lock of the database; `code` is the database's own. */
  | { readonly kind: 'refused'; readonly code: string };

/** A database of somebody else, which other programs go on reading and writing meanwhile. */
export interface ForeignDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** The file, or host and database: tells what belongs to this one. Without user and password. */
  readonly name: string;
  /**
   * Makes sure before anything else that the table, its key and its columns are what a migration needs.
   *
   * @param growth by how many characters an envelope may be longer than the legacy value
   * @throws MIGRATION_TABLE with what to do
   */
  check(growth: number): Promise<void>;
  /** Rows of the table now. */
  count(): Promise<number>;
  /** Up to `limit` rows behind a key, in the order of keys; from the first where none is given. */
  page(after: Key | undefined, limit: number): Promise<readonly Row[]>;
  /** Rows by their keys, under `keyId`; those that are gone are missing. */
  find(keys: readonly Key[]): Promise<ReadonlyMap<string, Row>>;
  /** Changes in one short transaction; one that the database refuses costs the others nothing. */
  apply(changes: readonly Change[]): Promise<readonly Outcome[]>;
  /** Copies the whole database into an empty file while it is in use; undefined where that is not ours to do. */
  readonly copyTo: ((file: string) => Promise<void>) | undefined;
  close(): Promise<void>;
}

/** Longest legacy value or envelope that is read, in bytes: a sealed text has at most 65,536. */
export const MAX_VALUE_BYTES = 131_072;

/** Quotes a name for either database, whatever it contains. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** One text per key, whatever it contains: to look rows up by. */
export const keyId = (key: Key): string => JSON.stringify(partsOf(key));

/** `i42` for a number, `tabc` for a text: what JSON can carry of a key. */
export const partsOf = (key: Key): readonly string[] =>
  key.map((part) => (typeof part === 'bigint' ? `i${part}` : `t${part}`));

/** The key that `partsOf` wrote. @throws SyntaxError for a number that is none */
export const keyOf = (parts: readonly string[]): Key =>
  parts.map((part) => (part.startsWith('i') ? BigInt(part.slice(1)) : part.slice(1)));

/**
 * The row of an envelope's place: the key as text. Of a key of several columns the parts stand in order with a comma
 * between; a comma or backslash inside a part has a backslash before it.
 */
export const rowTextOf = (key: Key): string =>
  key.length === 1
    ? String(key[0])
    : key.map((part) => String(part).replaceAll('\\', '\\\\').replaceAll(',', '\\,')).join(',');

/** Thrown by a driver when one of the changes of an attempt does not fit: the attempt was rolled back. */
export class ChangeRefused extends Error {
  readonly code: string;

  constructor(code: string, options?: ErrorOptions) {
    super(`the database refused a change (${code})`, options);
    this.code = code;
  }
}

/**
 * Makes changes together; where that is refused, in halves, until only what the database does not take is left out.
 *
 * @param attempt all of them in one transaction, or none. @throws ChangeRefused
 */
export async function applyInHalves(
  changes: readonly Change[],
  attempt: (changes: readonly Change[]) => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  try {
    return changes.length === 0 ? [] : await attempt(changes);
  } catch (error) {
    if (!(error instanceof ChangeRefused)) throw error;
    if (changes.length === 1) return [{ kind: 'refused', code: error.code }];
    const middle = Math.ceil(changes.length / 2);
    const first = await applyInHalves(changes.slice(0, middle), attempt);
    return [...first, ...(await applyInHalves(changes.slice(middle), attempt))];
  }
}
