/** Why a value was left as it is. */
export type Reason =
  /** Neither an envelope nor a value of the legacy form. */
  | 'looks plain'
  | 'no key opens it'
  /** An envelope that does not open at its place. */
  | 'envelope does not open here'
  | 'not UTF-8 inside'
  | 'longer than 65,536 bytes'
  | 'not a text'
  /** The row's key is empty, or longer than the 200 characters of a place. */
  | 'row cannot be named'
  /** After an undo: an envelope of another text than the undo file has, or of a row that it has not. */
  | 'written since'
  | `refused by the database (${string})`
  | `refused by the vault (${string})`;

/** A value that was left as it is, by its place; never what it says. */
export interface LeftValue {
  readonly row: string;
  readonly column: string;
  readonly reason: Reason;
}

/** What stands in one column. */
export interface ColumnTally {
  envelope: number;
  legacy: number;
  empty: number;
  plain: number;
  unreadable: number;
}

/** What a look at every row found. */
export interface Tally {
  rows: number;
  readonly columns: ReadonlyMap<string, ColumnTally>;
  readonly left: LeftList;
}

/** The first hundred of what was left, and how many there are. */
export interface LeftList {
  readonly shown: readonly LeftValue[];
  readonly total: number;
  add(value: LeftValue): void;
}

const MAX_SHOWN = 100;

export function createLeftList(): LeftList {
  const shown: LeftValue[] = [];
  let total = 0;
  return {
    shown,
    get total() {
      return total;
    },
    add: (value) => {
      total += 1;
      if (shown.length < MAX_SHOWN) shown.push(value);
    },
  };
}

export const createTally = (columns: readonly string[]): Tally => ({
  rows: 0,
  columns: new Map(columns.map((name) => [name, { envelope: 0, legacy: 0, empty: 0, plain: 0, unreadable: 0 }])),
  left: createLeftList(),
});

/** One count over all columns. */
export function sumOf({ columns }: Tally, what: keyof ColumnTally): number {
  return [...columns.values()].reduce((sum, column) => sum + column[what], 0);
}

/** The end of a migration, a look or an undo. */
export interface MigrationReport {
  /** False where it was asked to stop: the same command goes on. */
  readonly finished: boolean;
  readonly rows: number;
  /** Values that it changed, with those of earlier runs that were cut off. */
  readonly migrated: number;
  /** Values that it put back. */
  readonly restored: number;
  /** Envelopes that stood there already. */
  readonly already: number;
  readonly columns: readonly (ColumnTally & { readonly column: string })[];
  readonly notOpened: readonly LeftValue[];
  readonly notOpenedTotal: number;
  /** Undo files, newest last. */
  readonly undo: readonly string[];
  /** Copy of the whole database. */
  readonly copy: string | undefined;
}
