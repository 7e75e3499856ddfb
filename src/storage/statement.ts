import type { Column, Columns, ColumnType, Insertion, Json, Reach, RowOf, Statement } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { isNullable, typeOf } from './schema.ts';
import type { Dialect } from './storage.ts';

type StatementParts<P extends Columns, R extends Columns> = {
  readonly reach: Reach;
  readonly sql: string;
  readonly params?: P;
  readonly returns?: R;
};

/**
 * SQL in the words that both databases share, with `:name` for each parameter. In reach `tenant` the text must name
 * `:tenant_id`, which the transaction fills from its scope.
 *
 * @throws TypeError for a parameter that is not declared, or declared and not used
 */
export function statement<const P extends Columns = {}, const R extends Columns = {}>(
  parts: StatementParts<P, R>,
): Statement<P, R> {
  const params = parts.params ?? ({} as P); // an absent P is inferred as {}
  const returns = parts.returns ?? ({} as R);
  const known = new Set(Object.keys(params));
  if (parts.reach === 'tenant') known.add('tenant_id');
  const used = new Set([...parts.sql.matchAll(NAMED)].map((match) => match[1] ?? ''));
  for (const name of used) if (!known.has(name)) throw new TypeError(`:${name} is not declared in ${parts.sql}`);
  for (const name of known) if (!used.has(name)) throw new TypeError(`:${name} is not used in ${parts.sql}`);
  return { reach: parts.reach, sql: parts.sql, params, returns };
}

/** Rows into one table; in reach `tenant` the column `tenant_id` is added from the scope. */
export function insertion<const C extends Columns>(parts: {
  readonly reach: Reach;
  readonly table: string;
  readonly columns: C;
  readonly unless?: readonly (keyof C & string)[];
}): Insertion<C> {
  return { ...parts, unless: parts.unless ?? [] };
}

/** SQL for one database and the parameters in the order in which it wants them. */
export interface Compiled {
  readonly text: string;
  readonly order: readonly { readonly name: string; readonly column: Column }[];
}

const NAMED = /(?<![:\w]):([a-z_][a-z0-9_]*)/g; // `::` is PostgreSQL's cast, which shared SQL doesn't use

const CASTS: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  int: 'bigint',
  real: 'double precision',
  bool: 'boolean',
  json: 'json',
  bytes: 'bytea',
};

export function compile(source: Statement, dialect: Dialect): Compiled {
  const columns: Columns = source.reach === 'tenant' ? { ...source.params, tenant_id: 'text' } : source.params;
  const order: { name: string; column: Column }[] = [];
  const text = source.sql.replaceAll(NAMED, (_, name: string) => {
    const column = columns[name] ?? 'text';
    let at = order.findIndex((slot) => slot.name === name);
    // node:sqlite takes `?1` for a name and skips it, so there a parameter used twice is handed over twice.
    if (at === -1 || dialect === 'sqlite') at = order.push({ name, column }) - 1;
    return dialect === 'sqlite' ? '?' : `$${at + 1}::${castOf(column)}`; // uncast, `$1 is null` has no type
  });
  return { text, order };
}

/** An insertion as SQLite takes it, a row at a time. */
export function compileInsertion(source: Insertion): Compiled {
  const columns: Columns = source.reach === 'tenant' ? { tenant_id: 'text', ...source.columns } : source.columns;
  const order = Object.entries(columns).map(([name, column]) => ({ name, column }));
  const names = order.map(({ name }) => name).join(', ');
  const values = order.map(() => '?').join(', ');
  const unless = conflictTarget(source);
  return { text: `insert into ${source.table} (${names}) values (${values})${unless}`, order };
}

/** The clause that leaves out rows whose unique key is held; empty where a duplicate is an error. */
export function conflictTarget(source: Insertion): string {
  if (source.unless.length === 0) return '';
  const key = source.reach === 'tenant' ? ['tenant_id', ...source.unless] : source.unless;
  return ` on conflict (${key.join(', ')}) do nothing`;
}

/** The type that a parameter is cast to on PostgreSQL. */
export const castOf = (column: Column): string => CASTS[typeOf(column)];

/** A value as the drivers take it. */
export type Stored = null | number | string | Uint8Array;

/**
 * Turns a value into what is stored, refusing what one of the databases would change or reject.
 *
 * @throws STORAGE_TEXT_REFUSED, STORAGE_NUMBER_REFUSED
 */
export function encode(name: string, column: Column, value: unknown): Stored {
  if (value === null || value === undefined) {
    if (!isNullable(column)) throw new TypeError(`${name} must not be null`);
    return null;
  }
  switch (typeOf(column)) {
    case 'text':
      return storable(name, value);
    case 'int':
      if (!Number.isSafeInteger(value)) throw storageFault('STORAGE_NUMBER_REFUSED', { column: name });
      return Number(value) + 0; // -0 becomes 0: the databases disagree about it
    case 'real':
      if (!Number.isFinite(value)) throw storageFault('STORAGE_NUMBER_REFUSED', { column: name });
      return Number(value) + 0;
    case 'bool':
      return value === true ? 1 : 0;
    case 'json':
      return storable(name, JSON.stringify(value));
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be bytes`);
      return value;
  }
}

function storable(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${name} must be text`);
  if (!isStorableText(value)) throw storageFault('STORAGE_TEXT_REFUSED', { column: name });
  return value;
}

/** Neither NUL (PostgreSQL refuses it) nor a lone surrogate (both would store U+FFFD instead). */
export const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** The inverse of `encode`, for what either driver hands back. @throws STORAGE_NUMBER_REFUSED past 2^53 */
export function decode(name: string, column: Column, raw: unknown): Json | Uint8Array {
  if (raw === null || raw === undefined) return null;
  switch (typeOf(column)) {
    case 'text':
      return String(raw);
    case 'int': {
      const number = Number(raw);
      if (!Number.isSafeInteger(number)) throw storageFault('STORAGE_NUMBER_REFUSED', { column: name });
      return number;
    }
    case 'real':
      return Number(raw);
    case 'bool':
      return raw === 1 || raw === true || raw === 't';
    case 'json':
      return JSON.parse(String(raw)) as Json; // JSON.parse returns JSON
    case 'bytes':
      if (raw instanceof Uint8Array) return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
      return Buffer.from(String(raw).slice(2), 'hex'); // PostgreSQL's text form: \x6869
  }
}

export function decodeRow<R extends Columns>(returns: R, raw: Readonly<Record<string, unknown>>): RowOf<R> {
  const row: Record<string, unknown> = {};
  for (const name in returns) {
    const column = returns[name];
    if (column !== undefined) row[name] = decode(name, column, raw[name]);
  }
  return row as RowOf<R>; // each member was decoded by its column's type
}
