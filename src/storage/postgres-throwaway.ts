import { storageFault } from './errors.ts';
import { postgresFault } from './postgres-errors.ts';
import type { Migration } from './schema.ts';
import { tablesOf } from './snapshot-tables.ts';

/** A database that lives for as long as something is tried in it. */
export interface Throwaway {
  readonly url: string;
  drop(): Promise<void>;
}

const NAME = /^[a-z][a-z0-9_]{0,62}$/;
const NO_RIGHT = '42501';

/**
 * Makes an empty database on the server of `url`; one of the same name that was left there goes first.
 *
 * @throws STORAGE_SCOPE where the user may not make databases (CREATEDB), STORAGE_UNAVAILABLE
 */
export async function createThrowaway(url: string, name: string): Promise<Throwaway> {
  if (!NAME.test(name)) throw new TypeError(`${name} is not a plain name of a database`);
  const drop = `drop database if exists "${name}" with (force)`;
  await ask(url, [drop, `create database "${name}" template template0`]);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: async () => void (await ask(url, [drop])) };
}

/** Names of those on the server of `url` that begin so: a process that was killed may have left them there. */
export async function findThrowaways(url: string, prefix: string): Promise<readonly string[]> {
  if (!NAME.test(prefix)) throw new TypeError(`${prefix} is not the beginning of a plain name of a database`);
  const find = `select datname as name from pg_database where starts_with(datname::text, '${prefix}') order by 1`;
  return (await ask(url, [find])).map(({ name }) => String(name)).filter((name) => NAME.test(name));
}

/** Drops them, whoever is connected. */
export async function dropThrowaways(url: string, prefix: string): Promise<void> {
  const names = await findThrowaways(url, prefix);
  const drops = names.map((name) => `drop database if exists "${name}" with (force)`);
  await ask(url, drops);
}

/** Drops every table that the migrations make, rows and all: what a restore that failed late has left. */
export async function wipePostgres(url: string, migrations: readonly Migration[]): Promise<void> {
  const names = ['twinkeep_migration', ...tablesOf(migrations).map(({ name }) => name)];
  await ask(url, [`drop table if exists ${names.map((name) => `"${name}"`).join(', ')}`]);
}

/** @returns the rows of the last statement */
async function ask(url: string, statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  if (statements.length === 0) return [];
  const { connectTo } = await import('./postgres-snapshot.ts'); // the driver is there only where it is needed
  const client = await connectTo(url);
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const text of statements) rows = (await client.query<Record<string, unknown>>(text)).rows;
    return rows;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NO_RIGHT) {
      throw storageFault('STORAGE_SCOPE', { reason: 'the user of the database may not do this' }, error);
    }
    throw postgresFault(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
