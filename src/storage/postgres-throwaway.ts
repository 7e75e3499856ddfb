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
  return { url: own.href, drop: () => ask(url, [drop]) };
}

/** Drops every table that the migrations make, rows and all: what a restore that failed late has left. */
export async function wipePostgres(url: string, migrations: readonly Migration[]): Promise<void> {
  const names = ['twinkeep_migration', ...tablesOf(migrations).map(({ name }) => name)];
  await ask(url, [`drop table if exists ${names.map((name) => `"${name}"`).join(', ')}`]);
}

async function ask(url: string, statements: readonly string[]): Promise<void> {
  const { connectTo } = await import('./postgres-snapshot.ts'); // the driver is there only where it is needed
  const client = await connectTo(url);
  try {
    for (const text of statements) await client.query(text);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NO_RIGHT) {
      throw storageFault('STORAGE_SCOPE', { reason: 'the user of the database may not do this' }, error);
    }
    throw postgresFault(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
