import type { Column, Columns, ColumnType, Reach } from '../kernel/tx.ts';
import type { Dialect } from './storage.ts';

/** One step of a migration, as data: each database gets its own words for it. */
export type Change =
  | {
      readonly kind: 'table';
      readonly name: string;
      /** Whose rows these are. A `tenant` table has `tenant_id` first in its key and is under row-level security. */
      readonly rows: Reach;
      readonly columns: Columns;
      readonly key: readonly string[];
      readonly unique?: readonly (readonly string[])[];
    }
  | {
      readonly kind: 'index';
      readonly name: string;
      readonly table: string;
      readonly columns: readonly string[];
      readonly unique?: boolean;
      /** A condition that both databases read alike. */
      readonly where?: string;
    }
  | { readonly kind: 'column'; readonly table: string; readonly name: string; readonly type: `${ColumnType}?` }
  | {
      /**
       * How full pages are filled by new rows. PostgreSQL writes a changed row anew: where its page has room, and no
       * indexed column changed, the indexes needn't hear of it. SQLite changes rows in place.
       */
      readonly kind: 'fill';
      readonly table: string;
      readonly percent: number;
    };

/** Forward only. The name `YYYYMMDDHHMM_room_what` gives the order over all rooms; once released it is never edited. */
export interface Migration {
  readonly name: string;
  readonly changes: readonly Change[];
}

const MIGRATION_NAME = /^20\d{10}_[a-z]+_[a-z0-9_]+$/;
const IDENTIFIER = /^[a-z][a-z0-9_]{0,62}$/;

const TYPES: Readonly<Record<Dialect, Readonly<Record<ColumnType, string>>>> = {
  sqlite: { text: 'text', int: 'integer', real: 'real', bool: 'integer', json: 'text', bytes: 'blob' },
  postgres: {
    text: 'text collate "C"', // SQLite compares bytes; any other collation would order pages differently
    int: 'bigint',
    real: 'double precision',
    bool: 'boolean',
    json: 'json',
    bytes: 'bytea',
  },
};

export const typeOf = (column: Column): ColumnType => column.replace('?', '') as ColumnType; // the grammar of Column
export const isNullable = (column: Column): boolean => column.endsWith('?');

/** Roles that PostgreSQL knows and SQLite does without: the program's own, and one that sees look-up rows only. */
export const ROLES = { app: 'twinkeep_app', lookup: 'twinkeep_lookup' } as const;

/** The setting that carries the tenant of a PostgreSQL transaction. */
export const TENANT_SETTING = 'twinkeep.tenant';

/** All migrations in the order of their names. @throws TypeError for a malformed or repeated name */
export function inOrder(migrations: readonly Migration[]): readonly Migration[] {
  const sorted = [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [index, { name }] of sorted.entries()) {
    if (!MIGRATION_NAME.test(name)) throw new TypeError(`migration ${name} is not named YYYYMMDDHHMM_room_what`);
    if (sorted[index + 1]?.name === name) throw new TypeError(`two migrations are named ${name}`);
  }
  return sorted;
}

/** The SQL of one change, a statement an item. */
export function ddlOf(change: Change, dialect: Dialect): readonly string[] {
  switch (change.kind) {
    case 'table':
      return tableDdl(change, dialect);
    case 'index': {
      const unique = change.unique ? 'unique ' : '';
      const where = change.where === undefined ? '' : ` where ${change.where}`;
      const columns = change.columns.map(identifier).join(', ');
      return [`create ${unique}index ${identifier(change.name)} on ${identifier(change.table)} (${columns})${where}`];
    }
    case 'column':
      return [
        `alter table ${identifier(change.table)} add column ${identifier(change.name)} ${TYPES[dialect][typeOf(change.type)]}`,
      ];
    case 'fill':
      if (!Number.isInteger(change.percent) || change.percent < 10 || change.percent > 100)
        throw new TypeError(`${change.table} can not be filled to ${change.percent} %`);
      return dialect === 'sqlite'
        ? []
        : [`alter table ${identifier(change.table)} set (fillfactor = ${change.percent})`];
  }
}

function tableDdl(change: Extract<Change, { kind: 'table' }>, dialect: Dialect): readonly string[] {
  const name = identifier(change.name);
  if (change.rows === 'tenant' && (change.key[0] !== 'tenant_id' || change.columns['tenant_id'] !== 'text')) {
    throw new TypeError(`tenant table ${name} must have tenant_id first in its key`);
  }
  const lines = Object.entries(change.columns).map(([column, type]) => {
    const check = dialect === 'sqlite' && typeOf(type) === 'bool' ? ` check (${identifier(column)} in (0, 1))` : '';
    return `${identifier(column)} ${TYPES[dialect][typeOf(type)]}${isNullable(type) ? '' : ' not null'}${check}`;
  });
  lines.push(`primary key (${change.key.map(identifier).join(', ')})`);
  for (const columns of change.unique ?? []) lines.push(`unique (${columns.map(identifier).join(', ')})`);
  const body = `create table ${name} (\n  ${lines.join(',\n  ')}\n)`;
  if (dialect === 'sqlite') return [`${body} strict, without rowid`];
  return [body, ...grantsOf(name, change.rows)];
}

function grantsOf(table: string, rows: Reach): readonly string[] {
  const grants = [`grant select, insert, update, delete on ${table} to ${ROLES.app}`];
  if (rows === 'lookup') grants.push(`grant select on ${table} to ${ROLES.lookup}`);
  if (rows === 'tenant') {
    const mine = `tenant_id = current_setting('${TENANT_SETTING}', true)`;
    grants.push(
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      `create policy own_tenant on ${table} using (${mine}) with check (${mine})`,
    );
  }
  return grants;
}

function identifier(name: string): string {
  if (!IDENTIFIER.test(name)) throw new TypeError(`${name} is not a plain SQL name`);
  return name;
}
