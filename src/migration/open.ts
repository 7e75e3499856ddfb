import type { FieldSet, ForeignDatabase } from './database.ts';
import { migrationFault } from './errors.ts';
import { openPostgres } from './postgres.ts';
import { openSqlite } from './sqlite.ts';
import { assertFieldSet } from './table-check.ts';

const SQLITE = /^sqlite(?:\+[a-z0-9_]+)?:(.+)$/s;
const POSTGRES = /^postgres(?:ql)?(?:\+[a-z0-9_]+)?:\/\//;

/**
 * Opens somebody's database by its URL, also as SQLAlchemy writes it (`sqlite:///app.db`, `postgresql+psycopg://…`).
 *
 * @throws MIGRATION_TABLE for names that no migration can have, MIGRATION_DATABASE
 */
export async function openForeign(url: string, fields: FieldSet): Promise<ForeignDatabase> {
  assertFieldSet(fields);
  const path = SQLITE.exec(url)?.[1];
  if (path !== undefined) return openSqlite(path.startsWith('///') ? path.slice(3) : path, fields);
  if (POSTGRES.test(url)) return openPostgres(url.replace(POSTGRES, 'postgres://'), fields);
  throw migrationFault('MIGRATION_DATABASE', { reason: 'Only sqlite:FILE and postgres://… are databases here.' });
}
