import type { Columns, Reach } from '../kernel/tx.ts';
import { leaseMigration } from './lease-table.ts';
import { inOrder, type Migration } from './schema.ts';

/** A table as the migrations have made it. */
export interface TableShape {
  readonly name: string;
  readonly rows: Reach;
  readonly columns: Columns;
  readonly key: readonly string[];
}

/** Every table that the migrations make, the storage's own too, in the order of the names. */
export function tablesOf(migrations: readonly Migration[]): readonly TableShape[] {
  const tables = new Map<string, TableShape>();
  for (const { changes } of inOrder([leaseMigration, ...migrations])) {
    for (const change of changes) {
      if (change.kind === 'table') {
        const { name, rows, columns, key } = change;
        tables.set(name, { name, rows, columns, key });
      } else if (change.kind === 'column') {
        const table = tables.get(change.table);
        if (table === undefined) throw new TypeError(`${change.name} is added to ${change.table}, which is not there`);
        tables.set(table.name, { ...table, columns: { ...table.columns, [change.name]: change.type } });
      }
    }
  }
  return [...tables.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Those of the migrations that a database has had. */
export function amongMigrations(migrations: readonly Migration[], names: Iterable<string>): readonly Migration[] {
  const had = new Set(names);
  return migrations.filter(({ name }) => had.has(name));
}
