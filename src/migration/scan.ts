import type { Cell, FieldSet, ForeignDatabase, Key, Row } from './database.ts';
import { rowTextOf } from './database.ts';
import type { LegacyKeys } from './legacy-keys.ts';
import { type ColumnTally, createTally, type Reason, type Tally } from './report.ts';

/** Where an outside value stands. The vault sees to it that it is no place of its own. */
export interface OutsidePlace {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** What became of one item; `code` is the vault's. */
export type Answer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'refused'; readonly code: string };

/** The vault, wherever it runs. Answers come in the order of the items; a vault that is away throws. */
export interface Envelopes {
  seal(items: readonly (OutsidePlace & { readonly text: string })[]): Promise<readonly Answer[]>;
  open(items: readonly (OutsidePlace & { readonly sealed: string })[]): Promise<readonly Answer[]>;
}

/** What every pass over a table needs. */
export interface Ground {
  readonly database: ForeignDatabase;
  readonly fields: FieldSet;
  readonly envelopes: Envelopes;
  readonly legacy: LegacyKeys;
  /** Rows read and changed at once. */
  readonly batch: number;
  /** Asked between batches. */
  readonly stopped: () => boolean;
}

/** An old value that opens, and what the vault will take in its place. */
export interface LegacyRow {
  readonly key: Key;
  /** By column; null where there is nothing to migrate. */
  readonly values: readonly (string | null)[];
}

const MAX_TEXT_BYTES = 65_536;
const MAX_ROW_NAME = 200;
/** An envelope as the vault takes it; a longer one, or one with other characters, was never sealed. */
const POSSIBLE = /^tk1\.[\x21-\x7e]{1,90000}$/;

export const isEnvelope = (text: string): boolean => text.startsWith('tk1.');

export const placeOf = ({ table }: FieldSet, key: Key, column: string): OutsidePlace => ({
  table,
  column,
  row: rowTextOf(key),
});

/** What a scan tells of on the way. */
export interface ScanVisitor {
  onProgress(rows: number): void;
  /** Each row that has something to migrate. */
  onLegacy?(row: LegacyRow): Promise<void>;
  /** True lists envelopes that open, too: after an undo they are what was not put back. */
  readonly listsEnvelopes?: boolean;
}

/**
 * Looks at every value once: envelopes are opened by the vault at their place, legacy values here.
 *
 * @returns undefined where it was asked to stop
 */
export async function scan(ground: Ground, visitor: ScanVisitor): Promise<Tally | undefined> {
  const { database, fields, batch, stopped } = ground;
  const tally = createTally(fields.columns);
  let after: Key | undefined;
  for (;;) {
    if (stopped()) return undefined;
    const rows = await database.page(after, batch);
    const last = rows.at(-1);
    if (last === undefined) return tally;
    for (const row of await look(ground, rows, tally, visitor)) await visitor.onLegacy?.(row);
    after = last.key;
    tally.rows += rows.length;
    visitor.onProgress(tally.rows);
    if (rows.length < batch) return tally;
  }
}

async function look(
  ground: Ground,
  rows: readonly Row[],
  tally: Tally,
  { listsEnvelopes }: ScanVisitor,
): Promise<readonly LegacyRow[]> {
  const { fields } = ground;
  const sealed: { readonly key: Key; readonly column: string; readonly sealed: string }[] = [];
  const legacy: LegacyRow[] = [];
  for (const { key, cells } of rows) {
    const values = fields.columns.map((column, at): string | null => {
      const cell = cells[at] ?? { kind: 'empty' };
      if (cell.kind === 'text' && isEnvelope(cell.text)) {
        if (!canBeNamed(rowTextOf(key))) count(tally, key, column, 'row cannot be named');
        else if (POSSIBLE.test(cell.text)) sealed.push({ key, column, sealed: cell.text });
        else count(tally, key, column, 'envelope does not open here');
        return null;
      }
      const found = judge(ground.legacy, key, cell);
      count(tally, key, column, found);
      return found === 'legacy' && cell.kind === 'text' ? cell.text : null;
    });
    if (values.some((value) => value !== null)) legacy.push({ key, values });
  }
  const answers = await ground.envelopes.open(
    sealed.map(({ key, column, sealed: text }) => ({ ...placeOf(fields, key, column), sealed: text })),
  );
  for (const [at, { key, column }] of sealed.entries()) {
    const isOpen = answers[at]?.kind === 'text';
    count(tally, key, column, isOpen ? 'envelope' : 'envelope does not open here');
    if (isOpen && listsEnvelopes) tally.left.add({ row: rowTextOf(key), column, reason: 'written since' });
  }
  return legacy;
}

/** What a value is that is no envelope. */
function judge(legacy: LegacyKeys, key: Key, cell: Cell): 'empty' | 'legacy' | Reason {
  if (cell.kind === 'empty') return 'empty';
  if (cell.kind === 'other') return 'not a text';
  if (cell.kind === 'huge') return 'longer than 65,536 bytes';
  const opened = legacy.open(cell.text);
  if (opened === undefined) return legacy.looksSealed(cell.text) ? 'no key opens it' : 'looks plain';
  if (opened.kind === 'bytes') return 'not UTF-8 inside';
  if (Buffer.byteLength(opened.text) > MAX_TEXT_BYTES) return 'longer than 65,536 bytes';
  return canBeNamed(rowTextOf(key)) ? 'legacy' : 'row cannot be named';
}

const canBeNamed = (row: string): boolean =>
  row.length > 0 && row.length <= MAX_ROW_NAME && !row.includes('\0') && row.isWellFormed();

function count(tally: Tally, key: Key, column: string, found: 'empty' | 'legacy' | 'envelope' | Reason): void {
  const own = tally.columns.get(column);
  if (own === undefined) return;
  if (found === 'empty' || found === 'legacy' || found === 'envelope') own[found] += 1;
  else {
    own[kindOf(found)] += 1;
    tally.left.add({ row: rowTextOf(key), column, reason: found });
  }
}

const kindOf = (reason: Reason): keyof ColumnTally => (reason === 'looks plain' ? 'plain' : 'unreadable');
