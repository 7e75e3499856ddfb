import type pg from 'pg';
import { postgresFault } from './postgres-errors.ts';
import type { Migration } from './schema.ts';
import { snapshotFault } from './snapshot-errors.ts';
import { tablesOf } from './snapshot-tables.ts';

/**
 * A table of this name says that rows were put in by a restore that has not come to its end: keys may be missing, and
 * whoever was erased since may be there. It is made in the one transaction with the rows, so it is there whenever they
 * are, and that they are all of that restore, which may be thrown away, is as certain.
 */
const MARK = 'twinkeep_restoring';
const LOCK = 0x74776e72; // "twnr": a restore holds it alone, servers that start hold it together

/** The right to be the only one who restores into a database, or who starts on it. */
export interface Hold {
  release(): Promise<void>;
}

/**
 * Keeps other restores, and servers that would start, out of a database for as long as a restore takes. What a restore
 * has left that was killed is thrown away.
 *
 * @throws STORAGE_OCCUPIED where another restore runs or a server is starting, STORAGE_UNAVAILABLE
 */
export async function holdForRestore(url: string, migrations: readonly Migration[]): Promise<Hold> {
  return hold(url, async (client) => {
    const { rows } = await client.query<{ held: boolean }>(`select pg_try_advisory_lock(${LOCK}) as held`);
    if (rows[0]?.held !== true) {
      throw snapshotFault('STORAGE_OCCUPIED', { reason: 'another restore is running, or a server is starting' });
    }
    if (!(await isMarked(client))) return;
    const names = ['twinkeep_migration', ...tablesOf(migrations).map(({ name }) => name), MARK];
    await client.query(`drop table if exists ${names.map((name) => `"${name}"`).join(', ')}`); // one statement: all or none
  });
}

/**
 * Keeps restores out of a database while a server starts on it.
 *
 * @throws STORAGE_UNFINISHED where one is running, or was cut off and has left what must not be served
 */
export async function holdOffRestores(url: string): Promise<Hold> {
  return hold(url, async (client) => {
    const { rows } = await client.query<{ held: boolean }>(`select pg_try_advisory_lock_shared(${LOCK}) as held`);
    if (rows[0]?.held !== true) throw snapshotFault('STORAGE_UNFINISHED', { reason: 'it is running now' });
    if (!(await isMarked(client))) return;
    // Its people may be such as were erased since, and keys that are missing would be made anew.
    const reason = 'it was cut off; the next restore throws away what it left, or name an empty database';
    throw snapshotFault('STORAGE_UNFINISHED', { reason });
  });
}

/** Says that a restore has come to its end, well or after it removed its rows. */
export async function unmarkRestoring(url: string): Promise<void> {
  const { release } = await hold(url, async (client) => void (await client.query(`drop table if exists ${MARK}`)));
  await release();
}

/** For the transaction that puts the rows in. */
export const markRestoring = async (client: pg.Client): Promise<void> =>
  void (await client.query(`create table ${MARK} (begun_at timestamptz not null default now())`));

async function isMarked(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `select exists (select from pg_class where relname = '${MARK}'
       and relnamespace = current_schema()::regnamespace) as found`,
  );
  return rows[0]?.found === true;
}

/** A connection of its own, with which whatever it holds ends, also after `kill -9`. */
async function hold(url: string, take: (client: pg.Client) => Promise<void>): Promise<Hold> {
  const { connectTo } = await import('./postgres-snapshot.ts'); // the driver is there only where it is needed
  const client = await connectTo(url);
  const release = async (): Promise<void> => void (await client.end().catch(() => undefined));
  try {
    await take(client);
    return { release };
  } catch (error) {
    await release();
    throw error instanceof Error && 'severity' in error ? postgresFault(error) : error;
  }
}
