import { type FieldSet, quoted } from './database.ts';
import { migrationFault } from './errors.ts';

const MAX_NAME = 200;
const MAX_KEY = 8;
const MAX_COLUMNS = 32;
const MAX_SHOWN = 20;

/**
 * Makes sure of what was typed, before any database is asked.
 *
 * @throws MIGRATION_TABLE
 */
export function assertFieldSet({ table, key, columns }: FieldSet): void {
  if (key.length === 0 || key.length > MAX_KEY) throw refusal(`A key has 1 to ${MAX_KEY} columns.`);
  if (columns.length === 0 || columns.length > MAX_COLUMNS)
    throw refusal(`1 to ${MAX_COLUMNS} columns are migrated at once.`);
  for (const name of [table, ...key, ...columns]) {
    // The names become the place of an envelope, which takes so many.
    if (name === '' || name.length > MAX_NAME || name.includes('\0') || !name.isWellFormed()) {
      throw refusal(`Names of tables and columns have 1 to ${MAX_NAME} characters, and no NUL.`);
    }
  }
  const all = [...key, ...columns];
  const twice = all.find((name, at) => all.indexOf(name) !== at);
  if (twice !== undefined) throw refusal(`The column ${twice} is named twice; a key cannot be sealed.`);
}

/** @param present columns of the table, @param generated those that cannot be written */
export function assertNames(
  { table, key, columns }: FieldSet,
  present: readonly string[],
  generated: readonly string[],
): void {
  for (const name of [...key, ...columns]) {
    if (present.includes(name)) continue;
    const shown = present.slice(0, MAX_SHOWN).join(', ');
    const more = present.length > MAX_SHOWN ? ' …' : '';
    throw refusal(`${table} has no column ${name}; it has ${shown}${more}.`);
  }
  const fixed = columns.find((name) => generated.includes(name));
  if (fixed !== undefined) throw refusal(`The column ${fixed} is computed by the database and cannot be written.`);
}

/** What to do where nothing in the schema says that the key tells rows apart. */
export const indexAdvice = ({ table, key }: FieldSet): string =>
  `Nothing holds ${key.join(', ')} unique; run: CREATE UNIQUE INDEX twinkeep_key ON ${quoted(table)} (${key.map(quoted).join(', ')});`;

const refusal = (reason: string): Error => migrationFault('MIGRATION_TABLE', { reason });
