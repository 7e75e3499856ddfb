import { existsSync, realpathSync } from 'node:fs';
import { backup, DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import {
  applyInHalves,
  type Cell,
  type Change,
  ChangeRefused,
  type FieldSet,
  type ForeignDatabase,
  keyId,
  MAX_VALUE_BYTES,
  type Outcome,
  quoted,
  type Row,
} from './database.ts';
import { migrationFault, saysOf } from './errors.ts';
import { checkSqlite } from './sqlite-check.ts';

const BUSY = 5;
const LOCKED = 6;
const TOO_BIG = 18;
const CONSTRAINT = 19;
/** SQLite waits this long for a lock in one go, and stops this process meanwhile. */
const BUSY_MS = 1_000;
const BUSY_TRIES = 60;
const BUSY_PAUSE_MS = 50;
/** Pages copied in one go where a copy keeps writers out: 20 MB of the usual pages. */
const COPY_PAGES = 5_000;
const ALL_PAGES = 2_147_483_647;

/**
 * Somebody's SQLite file, in whatever journal mode it is.
 *
 * @throws MIGRATION_DATABASE where there is no such file; it is never made
 */
export function openSqlite(path: string, fields: FieldSet): ForeignDatabase {
  if (!existsSync(path)) throw migrationFault('MIGRATION_DATABASE', { reason: `There is no file ${path}.` });
  const name = realpathSync(path);
  const db = guarded(() => {
    // Foreign keys are held: a value that another table refers to must not lose what refers to it.
    const opened = new DatabaseSync(name, { timeout: BUSY_MS, enableForeignKeyConstraints: true });
    opened.exec('pragma trusted_schema = off');
    opened.prepare('select count(*) from sqlite_schema').get(); // a file that is no database shows here
    return opened;
  });
  const sql = statementsOf(fields);
  const prepared = new Map<string, StatementSync>();
  /** A change of the schema by somebody else is noticed by SQLite, which compiles anew by itself. */
  const prepare = (text: string): StatementSync => {
    const known = prepared.get(text) ?? db.prepare(text);
    known.setReadBigInts(true);
    known.setReturnArrays(true);
    prepared.set(text, known);
    return known;
  };
  const all = (text: string, ...values: readonly (string | bigint | number)[]) =>
    patiently(() => rowsOf(prepare(text), values));
  return {
    kind: 'sqlite',
    name,
    check: () => patiently(() => checkSqlite(db, fields)),
    count: async () => Number((await all(sql.count))[0]?.[0] ?? 0),
    page: async (after, limit) => {
      const rows = await (after === undefined ? all(sql.first, limit) : all(sql.next, ...after, limit));
      return rows.map((row) => rowOf(row, fields));
    },
    find: async (keys) => {
      const rows = await patiently(() => keys.flatMap((key) => rowsOf(prepare(sql.find), key)));
      return new Map(rows.map((row) => rowOf(row, fields)).map((row) => [keyId(row.key), row]));
    },
    apply: (changes) => applyInHalves(changes, (some) => patiently(() => applyAll({ db, prepare, sql }, some))),
    copyTo: async (file) => {
      const isWal = db.prepare('pragma journal_mode').get()?.['journal_mode'] === 'wal';
      await backup(db, file, { rate: isWal ? ALL_PAGES : COPY_PAGES }); // under WAL a copy in one go is in nobody's way
    },
    close: async () => db.close(),
  };
}

interface Statements {
  readonly count: string;
  readonly first: string;
  readonly next: string;
  readonly find: string;
  readonly update: (column: string) => string;
  readonly stored: (column: string) => string;
}

function statementsOf({ table, key, columns }: FieldSet): Statements {
  const from = `main.${quoted(table)}`;
  const keys = key.map(quoted).join(', ');
  const marks = key.map(() => '?').join(', ');
  const cells = columns
    .map(quoted)
    .map((column) => `typeof(${column}), case when octet_length(${column}) <= ${MAX_VALUE_BYTES} then ${column} end`);
  const select = `select ${keys}, ${cells.join(', ')} from ${from}`;
  const isRow = key.map((column) => `${quoted(column)} = ?`).join(' and ');
  return {
    count: `select count(*) from ${from}`,
    first: `${select} order by ${keys} limit ?`,
    next: `${select} where (${keys}) > (${marks}) order by ${keys} limit ?`,
    find: `${select} where ${isRow}`,
    update: (column) =>
      `update ${from} set ${quoted(column)} = ? where ${isRow} and ${quoted(column)} = ? collate binary`,
    stored: (column) => `select ${quoted(column)} from ${from} where ${isRow}`,
  };
}

interface Open {
  readonly db: DatabaseSync;
  readonly prepare: (sql: string) => StatementSync;
  readonly sql: Statements;
}

function applyAll({ db, prepare, sql }: Open, changes: readonly Change[]): readonly Outcome[] {
  db.exec('begin immediate'); // a lock that was taken later could be refused half-way
  try {
    const outcomes = changes.map(({ key, column, from, to }): Outcome => {
      const { changes: count } = prepare(sql.update(column)).run(to, ...key, from);
      if (Number(count) === 0) return { kind: 'overtaken' };
      const stored = rowsOf(prepare(sql.stored(column)), key);
      if (stored.length !== 1 || stored[0]?.[0] !== to) throw new ChangeRefused('STORED_OTHERWISE');
      return { kind: 'done' };
    });
    db.exec('commit');
    return outcomes;
  } catch (error) {
    if (db.isTransaction) db.exec('rollback');
    const code = codeOf(error);
    if (code === CONSTRAINT) throw new ChangeRefused('SQLITE_CONSTRAINT', { cause: error });
    if (code === TOO_BIG) throw new ChangeRefused('SQLITE_TOOBIG', { cause: error });
    throw error;
  }
}

/** Rows as arrays: a table may have two columns whose names differ in nothing that an object could hold. */
function rowsOf(statement: StatementSync, values: readonly (string | bigint | number)[]): readonly SQLOutputValue[][] {
  const rows: unknown = statement.all(...values);
  if (!isRows(rows)) throw new TypeError('the statement does not return arrays');
  return rows;
}

const isRows = (rows: unknown): rows is SQLOutputValue[][] => Array.isArray(rows) && rows.every(Array.isArray);

function rowOf(values: readonly SQLOutputValue[], { key, columns }: FieldSet): Row {
  return {
    key: key.map((column, at) => keyPart(values[at], column)),
    cells: columns.map((_, at) => cellOf(values[key.length + 2 * at], values[key.length + 2 * at + 1])),
  };
}

function keyPart(value: SQLOutputValue | undefined, column: string): string | bigint {
  if (typeof value === 'string' || typeof value === 'bigint') return value;
  throw migrationFault('MIGRATION_TABLE', {
    reason: `The key ${column} holds something that is no number and no text.`,
  });
}

function cellOf(type: SQLOutputValue | undefined, value: SQLOutputValue | undefined): Cell {
  if (type === 'null') return { kind: 'empty' };
  if (type !== 'text') return { kind: 'other' };
  if (typeof value !== 'string') return { kind: 'huge' };
  return value === '' ? { kind: 'empty' } : { kind: 'text', text: value };
}

/** Another program may hold the file for a while: that is waited for, in turns that leave this process alive. */
async function patiently<Result>(work: () => Result): Promise<Result> {
  for (let left = BUSY_TRIES; ; left--) {
    try {
      return guarded(work);
    } catch (error) {
      const code = codeOf(error instanceof Error ? error.cause : undefined);
      if ((code !== BUSY && code !== LOCKED) || left === 1) throw error;
      await wait(BUSY_PAUSE_MS);
    }
  }
}

/** @throws MIGRATION_DATABASE for what SQLite throws; the rest as it is */
function guarded<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw migrationFault('MIGRATION_DATABASE', { reason: `SQLite says: ${saysOf(error)}.` }, error);
  }
}

/** The primary result code of an error of SQLite's. */
function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}
