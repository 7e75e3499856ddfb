import { type FieldSet, quoted } from './database.ts';
import { migrationFault } from './errors.ts';
import { assertNames, indexAdvice } from './table-check.ts';

/** Runs one statement. @returns rows as arrays. @throws MIGRATION_DATABASE */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly (readonly unknown[])[]>;

/** A table that was found fit. */
export interface PostgresTable {
  /** With its schema, quoted. */
  readonly relation: string;
  /** The same without quotes, to be told. */
  readonly name: string;
  /** A type for each column of the key, as PostgreSQL writes it. */
  readonly keyTypes: readonly string[];
  /** @throws MIGRATION_TABLE naming the `ALTER` for a column that is too narrow */
  assertWidth(growth: number): Promise<void>;
}

interface Column {
  readonly name: string;
  readonly type: string;
  /** The type below a domain. */
  readonly base: string;
  /** Characters that it takes; undefined for any number. */
  readonly width: number | undefined;
  readonly generated: boolean;
}

const KEY_TYPES = new Set(['int2', 'int4', 'int8', 'text', 'varchar', 'uuid']);
const TEXT_TYPES = new Set(['text', 'varchar', 'citext']);
/** The shortest envelope of a text that is not empty: what the column must take when the program goes on writing. */
const SHORTEST_ENVELOPE = 66;

const EVERY_ROW =
  'Connect as a role that sees every row: the owner of the table, a superuser or one with BYPASSRLS; ' +
  'of a table under FORCE ROW LEVEL SECURITY the owner sees every row after ALTER TABLE … NO FORCE ROW LEVEL SECURITY.';

/** @throws MIGRATION_TABLE where the table, its key or a column is not what a migration needs */
export async function checkPostgres(query: Query, fields: FieldSet): Promise<PostgresTable> {
  const { oid, schema, table, relation } = await findTable(query, fields.table);
  await assertAllRows(query, oid, relation);
  const columns = await columnsOf(query, oid);
  const generated = columns.filter((column) => column.generated).map(({ name }) => name);
  assertNames(
    fields,
    columns.map(({ name }) => name),
    generated,
  );
  const of = (name: string): Column | undefined => columns.find((column) => column.name === name);
  const keys = fields.key.map(of).filter((column) => column !== undefined);
  const texts = fields.columns.map(of).filter((column) => column !== undefined);
  assertTypes(keys, texts);
  if (!(await isUnique(query, oid, fields.key))) throw refusal(indexAdvice(fields));
  await assertKeys(query, relation, fields);
  return {
    relation,
    name: `${schema}.${table}`,
    keyTypes: keys.map(({ type }) => type),
    assertWidth: async (growth) => {
      for (const column of texts) await assertWidth(query, relation, column, growth);
    },
  };
}

/** The name as it is typed first; one with a dot may also name its schema. */
async function findTable(query: Query, name: string) {
  const dot = name.indexOf('.');
  const spellings = [
    quoted(name),
    ...(dot < 0 ? [] : [`${quoted(name.slice(0, dot))}.${quoted(name.slice(dot + 1))}`]),
  ];
  for (const spelling of spellings) {
    const [found] = await query(
      `select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`,
      [spelling],
    );
    if (found === undefined) continue;
    const [oid, schema, table, kind] = found.map(String);
    if (kind !== 'r' && kind !== 'p') throw refusal(`${name} is no table; name the table behind it.`);
    return { oid: Number(oid), schema, table, relation: `${quoted(schema ?? '')}.${quoted(table ?? '')}` };
  }
  throw refusal(`There is no table ${name} on the search path; another schema is named as schema.table.`);
}

/** Asked besides `row_security = off`, which a pooler between us may have set on another connection. */
async function assertAllRows(query: Query, oid: number, relation: string): Promise<void> {
  const [found] = await query('select row_security_active($1::oid)', [oid]);
  if (found?.[0] !== false) throw hiddenRowsFault(`Row-level security hides rows of ${relation} from this user`);
}

/** @param says ends without a full stop */
export const hiddenRowsFault = (says: string, cause?: unknown): Error =>
  migrationFault('MIGRATION_TABLE', { reason: `${says}. ${EVERY_ROW}` }, cause);

async function columnsOf(query: Query, oid: number): Promise<readonly Column[]> {
  const rows = await query(
    `select a.attname, format_type(coalesce(b.oid, t.oid), null), coalesce(b.typname, t.typname),
        case when a.atttypmod > 0 then a.atttypmod else t.typtypmod end, a.attgenerated <> ''
      from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
      left join pg_catalog.pg_type b on b.oid = t.typbasetype and t.typtype = 'd'
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [oid],
  );
  return rows.map(([name, type, base, modifier, generated]) => ({
    name: String(name),
    type: String(type),
    base: String(base),
    width: base === 'varchar' && Number(modifier) > 4 ? Number(modifier) - 4 : undefined,
    generated: generated === true,
  }));
}

function assertTypes(keys: readonly Column[], texts: readonly Column[]): void {
  const odd = keys.find(({ base }) => !KEY_TYPES.has(base));
  if (odd !== undefined) {
    throw refusal(`The key ${odd.name} is of type ${odd.type}; integers, texts and UUIDs can be keys.`);
  }
  const untext = texts.find(({ base }) => !TEXT_TYPES.has(base));
  if (untext === undefined) return;
  throw refusal(`The column ${untext.name} is of type ${untext.type}; sealed values are text or varchar.`);
}

async function isUnique(query: Query, oid: number, key: readonly string[]): Promise<boolean> {
  const rows = await query(
    `select array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = i.indrelid
        and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
      from pg_catalog.pg_index i where i.indrelid = $1 and i.indisunique and i.indisvalid and i.indimmediate
        and i.indpred is null and i.indexprs is null`,
    [oid],
  );
  return rows.some(([names]) => Array.isArray(names) && names.length > 0 && names.every((name) => key.includes(name)));
}

async function assertKeys(query: Query, relation: string, { key }: FieldSet): Promise<void> {
  for (const column of key) {
    const [found] = await query(`select 1 from ${relation} where ${quoted(column)} is null limit 1`);
    if (found !== undefined) throw refusal(`The key ${column} is NULL in some rows.`);
  }
}

async function assertWidth(query: Query, relation: string, column: Column, growth: number): Promise<void> {
  const { name, width } = column;
  if (width === undefined) return;
  const own = quoted(name);
  const [found] = await query(
    `select max(char_length(${own}::text)) from ${relation} where not starts_with(${own}::text, 'tk1.')`,
  );
  const needed = Math.max(Number(found?.[0] ?? 0) + growth, SHORTEST_ENVELOPE);
  if (needed <= width) return;
  throw refusal(
    `The column ${name} takes ${width} characters and an envelope needs ${needed}; ` +
      `run: ALTER TABLE ${relation} ALTER COLUMN ${own} TYPE text;`,
  );
}

const refusal = (reason: string): Error => migrationFault('MIGRATION_TABLE', { reason });
