import type { Insertion, Statement } from '../kernel/tx.ts';
import { type Compiled, castOf, compile, conflictTarget } from './statement.ts';

/** SQL with the name under which each connection keeps it prepared. */
export interface Named extends Compiled {
  readonly name: { readonly name?: string };
}

/** Compiles each statement once and names it, so that a connection parses and plans it once. */
export interface Catalog {
  statement(source: Statement): Named;
  insertion(source: Insertion): Named;
}

const MAX_NAMES = 1_000;

export function createCatalog(): Catalog {
  const known = new WeakMap<object, Named>();
  const names = new Map<string, string>();

  const nameOf = (text: string): { readonly name?: string } => {
    const present = names.get(text);
    if (present !== undefined) return { name: present };
    if (names.size >= MAX_NAMES) return {}; // a prepared statement lives on the server until the connection ends
    const name = `tk${names.size}`;
    names.set(text, name);
    return { name };
  };

  const keep = (source: object, compiled: () => Compiled): Named => {
    const present = known.get(source);
    if (present !== undefined) return present;
    const { text, order } = compiled();
    const named = { text, order, name: nameOf(text) };
    known.set(source, named);
    return named;
  };

  return {
    statement: (source) => keep(source, () => compile(source, 'postgres')),
    insertion: (source) => keep(source, () => compileBulk(source)),
  };
}

/** One array per column, so that the number of parameters doesn't grow with the rows (65,535 is PostgreSQL's end). */
function compileBulk(source: Insertion): Compiled {
  const order = columnsOf(source);
  const names = order.map(({ name }) => name).join(', ');
  const arrays = order.map(({ column }, index) => `$${index + 1}::${castOf(column)}[]`).join(', ');
  const returning = source.unless.length === 0 ? '' : ` returning ${source.unless.join(', ')}`;
  const into = `insert into ${source.table} (${names}) select * from unnest(${arrays})`;
  return { text: `${into}${conflictTarget(source)}${returning}`, order };
}

/** The columns of an insertion as they are sent: with the tenant in reach `tenant`. */
export function columnsOf(source: Insertion): Compiled['order'] {
  const columns = Object.entries(source.columns).map(([name, column]) => ({ name, column }));
  return source.reach === 'tenant' ? [{ name: 'tenant_id', column: 'text' }, ...columns] : columns;
}
