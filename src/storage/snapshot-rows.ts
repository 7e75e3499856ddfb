import type { Columns, Insertion, Json, RowOf, Statement, Tx } from '../kernel/tx.ts';
import { platform } from '../kernel/tx.ts';
import { isNullable, type Migration, typeOf } from './schema.ts';
import { snapshotFault } from './snapshot-errors.ts';
import { type TableShape, tablesOf } from './snapshot-tables.ts';
import { insertion, statement } from './statement.ts';
import type { Storage } from './storage.ts';

/** The rows of a small table as JSON can carry them: bytes are base64, all else is as it is. */
export interface TableRows {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, Json>>[];
}

/** Reads and fills a few platform tables whole, on either database and between the two. */
export interface TableCopy {
  /** All rows, of one moment, each table in the order of its key. @param only some of the tables */
  read(storage: Storage, only?: readonly string[]): Promise<readonly TableRows[]>;
  /**
   * Empties the given tables and fills them, in one write. A column that the rows lack must admit null and becomes it.
   *
   * @throws STORAGE_FOREIGN for a table, a column or a value that does not fit; nothing is changed then
   */
  write(storage: Storage, tables: readonly TableRows[]): Promise<void>;
}

const PAGE = 500;

/** To be made once, for its statements are prepared once. @throws TypeError for a table that is none of the platform's */
export function createTableCopy(parts: {
  readonly migrations: readonly Migration[];
  readonly names: readonly string[];
}): TableCopy {
  const known = new Map(tablesOf(parts.migrations).map((shape) => [shape.name, shape]));
  const tables = new Map(parts.names.map((name) => [name, statementsOf(name, known.get(name))]));

  return {
    read: (storage, only = parts.names) =>
      storage.read(platform, async (tx) => {
        const all: TableRows[] = [];
        for (const [name, table] of tables) if (only.includes(name)) all.push({ name, rows: await readAll(tx, table) });
        return all;
      }),
    write: async (storage, given) => {
      const filled = given.map(({ name, rows }) => {
        const table = tables.get(name);
        if (table === undefined) throw snapshotFault('STORAGE_FOREIGN', { table: name });
        return { table, rows: rows.map((row) => decodeJson(table.shape, row)) };
      });
      await storage.write(platform, async (tx) => {
        for (const { table, rows } of filled) {
          await tx.run(table.clear, {});
          for (let at = 0; at < rows.length; at += PAGE) await tx.insert(table.put, rows.slice(at, at + PAGE));
        }
      });
    },
  };
}

interface TableStatements {
  readonly shape: TableShape;
  readonly first: Statement;
  /** The page that follows a key. */
  readonly next: Statement;
  readonly clear: Statement;
  readonly put: Insertion;
}

function statementsOf(name: string, shape: TableShape | undefined): TableStatements {
  if (shape?.rows !== 'platform') throw new TypeError(`${name} is not a table of the platform`);
  const { columns, key } = shape;
  const reach = 'platform';
  const list = Object.keys(columns).join(', ');
  const keys = key.join(', ');
  const params: Columns = Object.fromEntries(key.map((column) => [column, columns[column] ?? 'text']));
  const after = `(${keys}) > (${key.map((column) => `:${column}`).join(', ')})`;
  const end = `order by ${keys} limit ${PAGE}`;
  return {
    shape,
    first: statement({ reach, sql: `select ${list} from ${name} ${end}`, returns: columns }),
    next: statement({ reach, sql: `select ${list} from ${name} where ${after} ${end}`, params, returns: columns }),
    clear: statement({ reach, sql: `delete from ${name}` }),
    put: insertion({ reach, table: name, columns }),
  };
}

/** By pages, for one statement that returned a million rows would stop the event loop. */
async function readAll(tx: Tx, { shape, first, next }: TableStatements): Promise<TableRows['rows']> {
  const rows: Readonly<Record<string, Json>>[] = [];
  let page = await tx.all(first, {});
  while (page.length > 0) {
    for (const row of page) rows.push(encodeJson(shape, row));
    const last = page.at(-1) ?? {};
    page = page.length < PAGE ? [] : await tx.all(next, last);
  }
  return rows;
}

function encodeJson({ columns }: TableShape, row: RowOf<Columns>): Readonly<Record<string, Json>> {
  const entries = Object.keys(columns).map((name): [string, Json] => {
    const value = row[name] ?? null;
    return [name, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value];
  });
  return Object.fromEntries(entries);
}

function decodeJson({ name, columns }: TableShape, row: Readonly<Record<string, Json>>): RowOf<Columns> {
  const unknown = Object.keys(row).find((column) => !Object.hasOwn(columns, column));
  if (unknown !== undefined) throw snapshotFault('STORAGE_FOREIGN', { table: name, column: unknown });
  const entries = Object.entries(columns).map(([column, type]): [string, Json | Uint8Array] => {
    const value = row[column] ?? null;
    if (!fits(type, value)) throw snapshotFault('STORAGE_FOREIGN', { table: name, column });
    return [column, typeOf(type) === 'bytes' && typeof value === 'string' ? Buffer.from(value, 'base64') : value];
  });
  return Object.fromEntries(entries);
}

function fits(type: Columns[string], value: Json): boolean {
  if (value === null) return isNullable(type);
  switch (typeOf(type)) {
    case 'text':
      return typeof value === 'string';
    case 'bytes':
      return typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value;
    case 'int':
      return Number.isSafeInteger(value);
    case 'real':
      return Number.isFinite(value);
    case 'bool':
      return typeof value === 'boolean';
    case 'json':
      return true;
  }
}
