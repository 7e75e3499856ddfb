import type { Columns, Insertion, RowOf } from '../kernel/tx.ts';
import { columnsOf } from './postgres-statements.ts';
import { typeOf } from './schema.ts';
import { decode, encode, type Stored } from './statement.ts';

/** Rows on their way into one table: an array literal per column. */
export interface Chunk {
  /** Position of the first row among all that are inserted. */
  readonly from: number;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly arrays: readonly string[];
}

const MAX_ROWS = 5_000;
const MAX_CHARS = 4_194_304;

/**
 * Cuts rows into chunks of bounded size, each made only when the one before it is stored.
 *
 * @throws STORAGE_TEXT_REFUSED, STORAGE_NUMBER_REFUSED
 */
export function* chunksOf<C extends Columns>(
  source: Insertion<C>,
  rows: readonly RowOf<C>[],
  tenant: { readonly tenant_id?: string },
): Generator<Chunk> {
  const order = columnsOf(source);
  let items: string[][] = order.map(() => []);
  let chars = 0;
  let from = 0;
  for (const [position, row] of rows.entries()) {
    const values: Readonly<Record<string, unknown>> = { ...row, ...tenant };
    for (const [index, { name, column }] of order.entries()) {
      const item = itemOf(encode(name, column, values[name]));
      items[index]?.push(item);
      chars += item.length;
    }
    const next = position + 1;
    if (next < rows.length && next - from < MAX_ROWS && chars < MAX_CHARS) continue;
    yield { from, rows: rows.slice(from, next), arrays: items.map((column) => `{${column.join(',')}}`) };
    items = order.map(() => []);
    chars = 0;
    from = next;
  }
}

/** An element of an array literal. @see PostgreSQL manual §8.15.6 */
function itemOf(value: Stored): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`;
  return `"\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}"`;
}

/**
 * The positions of the rows that the database left out, told from the keys that it did insert. Where two rows of a
 * chunk have the same key the first one went in. A null in a key never conflicts, so such keys are counted.
 */
export function leftOutOf(
  source: Insertion,
  chunk: Chunk,
  inserted: readonly Readonly<Record<string, unknown>>[],
): number[] {
  const stored = new Map<string, number>();
  for (const raw of inserted) {
    const key = keyOf(source, (name) => decode(name, source.columns[name] ?? 'text', raw[name]));
    stored.set(key, (stored.get(key) ?? 0) + 1);
  }
  const leftOut: number[] = [];
  for (const [index, row] of chunk.rows.entries()) {
    const key = keyOf(source, (name) => row[name] ?? null);
    const count = stored.get(key) ?? 0;
    if (count === 0) leftOut.push(chunk.from + index);
    else stored.set(key, count - 1);
  }
  return leftOut;
}

function keyOf(source: Insertion, partOf: (name: string) => unknown): string {
  const parts = source.unless.map((name) => {
    const value = partOf(name);
    if (value === null) return null;
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return typeOf(source.columns[name] ?? 'text') === 'bool' ? value === true : value;
  });
  return JSON.stringify(parts); // a -0 prints as the 0 that is stored
}
