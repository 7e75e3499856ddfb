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
import { checkPostgres, hiddenRowsFault, type PostgresTable, type Query } from './postgres-check.ts';
import { connectPostgres } from './postgres-connect.ts';

/** So long a lock is waited for: whoever queues behind us waits no longer for us. */
const LOCK_MS = 500;
const TRIES = 3;
const PAUSE_MS = 100;

/** Data that does not fit, constraints, what a trigger raises, views' check options. */
const REFUSAL = /^(22|23|44|P0001)/;
/** Serialization, deadlock, lock not available. */
const PASSING = new Set(['40001', '40P01', '55P03']);

/**
 * Somebody's PostgreSQL table, in short transactions of its own connection.
 *
 * @param url `postgres://…`; what it leaves out comes from `PGPASSWORD`, `~/.pgpass` and their like
 * @throws MIGRATION_DATABASE where it cannot be reached, MIGRATION_TABLE
 */
export async function openPostgres(url: string, fields: FieldSet): Promise<ForeignDatabase> {
  const client = await connectPostgres(url);
  const query: Query = async (text, values = []) => {
    try {
      return (await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' })).rows;
    } catch (error) {
      throw asFault(error);
    }
  };
  const close = (): Promise<void> => client.end();
  try {
    await query(`set lock_timeout = ${LOCK_MS}`);
    await query("set default_transaction_isolation = 'read committed'");
    await query('set row_security = off'); // rows that a policy hides would be left legacy, and nobody told
    const table = await checkPostgres(query, fields);
    const sql = statementsOf(fields, table);
    return {
      kind: 'postgres',
      name: `${client.host}:${client.port}/${client.database}/${table.name}`,
      check: (growth) => table.assertWidth(growth),
      count: async () => Number((await query(sql.count))[0]?.[0] ?? 0),
      page: async (after, limit) => {
        const rows = await (after === undefined ? query(sql.first, [limit]) : query(sql.next, [limit, ...after]));
        return rows.map((row) => rowOf(row, fields));
      },
      find: async (keys) => {
        const rows = await query(sql.find, partsByColumn(fields, keys));
        return new Map(rows.map((row) => rowOf(row, fields)).map((row) => [keyId(row.key), row]));
      },
      apply: (changes) => applyInHalves(changes, (some) => attempt(query, fields, sql, some)),
      copyTo: undefined,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Statements {
  readonly count: string;
  readonly first: string;
  readonly next: string;
  readonly find: string;
  readonly update: (column: string) => string;
  readonly stored: (column: string) => string;
}

/** Keys travel as text and are compared as what they are, so that their index serves. */
function statementsOf({ key, columns }: FieldSet, { relation, keyTypes }: PostgresTable): Statements {
  const keys = key.map((column) => `t.${quoted(column)}`);
  const texts = keys.map((column) => `${column}::text`).join(', ');
  const marks = keyTypes.map((type, at) => `$${at + 2}::text::${type}`);
  const cells = columns
    .map((column) => `t.${quoted(column)}`)
    .map(
      (c) => `octet_length(${c}::text), case when octet_length(${c}::text) <= ${MAX_VALUE_BYTES} then ${c}::text end`,
    );
  const select = `select ${texts}, ${cells.join(', ')} from ${relation} as t`;
  const order = `order by ${keys.join(', ')} limit $1`;
  const arrays = key.map((_, at) => `$${at + 1}::text[]`).join(', ');
  const names = key.map((_, at) => `k${at}`).join(', ');
  const isRow = keys.map((column, at) => `${column} = d.k${at}::${keyTypes[at]}`).join(' and ');
  const [from, to] = [key.length + 1, key.length + 2];
  return {
    count: `select count(*) from ${relation}`,
    first: `${select} ${order}`,
    next: `${select} where (${keys.join(', ')}) > (${marks.join(', ')}) ${order}`,
    find: `${select} join unnest(${arrays}) as d(${names}) on ${isRow}`,
    // Compared byte by byte: the column's own collation may hold two values for one.
    update: (column) => `update ${relation} as t set ${quoted(column)} = d.too
      from unnest(${arrays}, $${from}::text[], $${to}::text[]) as d(${names}, old, too)
      where ${isRow} and t.${quoted(column)}::text collate "C" = d.old returning ${texts}`,
    stored: (column) => `select ${texts}, t.${quoted(column)}::text from ${relation} as t
      join unnest(${arrays}) as d(${names}) on ${isRow}`,
  };
}

async function attempt(
  query: Query,
  fields: FieldSet,
  sql: Statements,
  changes: readonly Change[],
): Promise<readonly Outcome[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await applyAll(query, fields, sql, changes);
    } catch (error) {
      const code = codeOf(error instanceof Error ? error.cause : undefined);
      if (REFUSAL.test(code)) throw new ChangeRefused(code, { cause: error });
      if (!PASSING.has(code)) throw error;
      if (tries === TRIES) throw new ChangeRefused(code, { cause: error }); // halved, the others go on without it
      await wait(PAUSE_MS * tries);
    }
  }
}

async function applyAll(
  query: Query,
  fields: FieldSet,
  sql: Statements,
  changes: readonly Change[],
): Promise<readonly Outcome[]> {
  await query('begin');
  try {
    const done = new Set<string>();
    for (const column of fields.columns) {
      const own = changes.filter((change) => change.column === column);
      if (own.length === 0) continue;
      for (const key of await updateColumn(query, fields, sql, own)) done.add(`${column}\0${key}`);
    }
    await query('commit');
    return changes.map(({ key, column }) => ({
      kind: done.has(`${column}\0${keyId(key)}`) ? 'done' : 'overtaken',
    }));
  } catch (error) {
    await query('rollback').catch(() => undefined); // a lost connection has rolled back by itself
    throw error;
  }
}

/** @returns the keys of those that took effect, each read back */
async function updateColumn(
  query: Query,
  fields: FieldSet,
  sql: Statements,
  changes: readonly Change[],
): Promise<readonly string[]> {
  const column = changes[0]?.column ?? '';
  const keys = partsByColumn(
    fields,
    changes.map(({ key }) => key),
  );
  const values = [...keys, changes.map(({ from }) => from), changes.map(({ to }) => to)];
  const updated = (await query(sql.update(column), values)).map((row) => keyId(row.map(String)));
  const stored = new Map(
    (await query(sql.stored(column), keys)).map((row) => [keyId(row.slice(0, -1).map(String)), row.at(-1)]),
  );
  const wanted = new Map(changes.map(({ key, to }) => [keyId(key), to]));
  for (const key of updated) if (stored.get(key) !== wanted.get(key)) throw new ChangeRefused('STORED_OTHERWISE');
  return updated;
}

const partsByColumn = ({ key }: FieldSet, keys: readonly (readonly unknown[])[]): readonly (readonly string[])[] =>
  key.map((_, at) => keys.map((parts) => String(parts[at])));

function rowOf(values: readonly unknown[], { key, columns }: FieldSet): Row {
  return {
    key: key.map((_, at) => String(values[at])),
    cells: columns.map((_, at) => cellOf(values[key.length + 2 * at], values[key.length + 2 * at + 1])),
  };
}

function cellOf(length: unknown, value: unknown): Cell {
  if (length === null) return { kind: 'empty' };
  if (typeof value !== 'string') return { kind: 'huge' };
  return value === '' ? { kind: 'empty' } : { kind: 'text', text: value };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** PostgreSQL names the function that refuses; its words are in the server's language. */
const isHidden = (error: unknown): boolean =>
  error instanceof Error && 'routine' in error && error.routine === 'check_enable_rls';

/** The words of data errors quote data, so of those only the code is passed on. */
function asFault(error: unknown): Error {
  const code = codeOf(error);
  if (isHidden(error)) return hiddenRowsFault(`PostgreSQL says: ${saysOf(error)}`, error);
  const says = REFUSAL.test(code) ? code : saysOf(error);
  return migrationFault('MIGRATION_DATABASE', { reason: `PostgreSQL says: ${says}.` }, error);
}
