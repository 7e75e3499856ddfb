import type { DatabaseSync } from 'node:sqlite';
import { type FieldSet, quoted } from './database.ts';
import { migrationFault } from './errors.ts';
import { assertNames, indexAdvice } from './table-check.ts';

/** Values of `hidden` in `table_xinfo` for generated columns. */
const GENERATED = new Set([2, 3]);

/** @throws MIGRATION_TABLE where the table, its key or a column is not what a migration needs */
export function checkSqlite(db: DatabaseSync, fields: FieldSet): void {
  const { table, key } = fields;
  assertTable(db, table);
  const columns = db.prepare('select name, hidden, pk from pragma_table_xinfo(?)').all(table);
  const generated = columns.filter(({ hidden }) => GENERATED.has(Number(hidden))).map(({ name }) => String(name));
  assertNames(
    fields,
    columns.map(({ name }) => String(name)),
    generated,
  );
  const primary = columns.filter(({ pk }) => Number(pk) > 0).map(({ name }) => String(name));
  const isUnique = [primary, ...uniqueOf(db, table)].some(
    (names) => names.length > 0 && names.every((name) => key.includes(name)),
  );
  if (!isUnique) throw refusal(indexAdvice(fields));
  assertKeys(db, fields);
}

function assertTable(db: DatabaseSync, table: string): void {
  const found = db.prepare("select name, type, sql from sqlite_schema where type in ('table', 'view')").all();
  const exact = found.find(({ name }) => name === table);
  if (exact === undefined) {
    const near = found.find(({ name }) => String(name).toLowerCase() === table.toLowerCase());
    throw refusal(
      near === undefined
        ? `There is no table ${table}.`
        : `The table is spelled ${near['name']}: its name becomes part of what is sealed.`,
    );
  }
  if (exact['type'] === 'view') throw refusal(`${table} is a view; name the table behind it.`);
  if (/^\s*create\s+virtual/i.test(String(exact['sql']))) throw refusal(`${table} is a virtual table.`);
}

/** The columns of each index that holds every row once. */
function uniqueOf(db: DatabaseSync, table: string): readonly (readonly string[])[] {
  const indexes = db.prepare('select name from pragma_index_list(?) where "unique" = 1 and partial = 0').all(table);
  const info = db.prepare('select name from pragma_index_info(?)');
  return indexes
    .map(({ name }) => info.all(String(name)).map((column) => column['name']))
    .filter((names): names is string[] => names.every((name) => typeof name === 'string'));
}

/** What the schema allows in SQLite and a key can't be: NULL, blobs, `1` beside `'1'`, two that compare as one. */
function assertKeys(db: DatabaseSync, { table, key }: FieldSet): void {
  const from = `main.${quoted(table)}`;
  for (const column of key) {
    const types = db.prepare(`select distinct typeof(${quoted(column)}) as type from ${from}`).all();
    const names = types.map(({ type }) => String(type));
    if (names.includes('null')) throw refusal(`The key ${column} is NULL in some rows.`);
    const odd = names.find((name) => name !== 'integer' && name !== 'text');
    if (odd !== undefined)
      throw refusal(`The key ${column} is ${odd} in some rows; only integers and texts can be keys.`);
    if (names.length > 1) throw refusal(`The key ${column} is a number in some rows and a text in others.`);
  }
  const keys = key.map(quoted).join(', ');
  const twice = db.prepare(`select 1 from ${from} group by ${keys} having count(*) > 1 limit 1`).get();
  if (twice !== undefined) throw refusal(`The key ${key.join(', ')} stands for several rows.`);
}

const refusal = (reason: string): Error => migrationFault('MIGRATION_TABLE', { reason });
