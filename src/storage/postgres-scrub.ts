import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { postgresFault } from './postgres-errors.ts';

const LOCK_MS = 1_000;
const LOOKS = 20;
const LOOK_MS = 50;
const LOCK_NOT_AVAILABLE = '55P03';
const IDENTIFIER = /^[a-z][a-z0-9_]{0,62}$/;

/** Sessions whose snapshot may be from before `horizon`: what they may see is kept by every rewrite of a table. */
const OLDER = `select 1 from pg_stat_activity
  where pid <> pg_backend_pid() and datname = current_database() and backend_xmin is not null
    and age(backend_xmin) >= age($1::xid) limit 1`;

/** New readers come all the time, and see nothing of before: those that were there at first are waited for. */
async function untilNoneOlder(client: Client, horizon: string): Promise<boolean> {
  for (let look = 1; ; look++) {
    if ((await client.query(OLDER, [horizon])).rows.length === 0) return true;
    if (look === LOOKS) return false;
    await pause(LOOK_MS);
  }
}

/**
 * Writes tables anew without what was deleted, and gives the old files back. A plain `vacuum` would not do: it marks the
 * room as free and leaves the bytes in the page. What the server's own log and its archive hold is not touched.
 *
 * @returns false where somebody reads an older state, or has a table for himself
 */
export async function scrubPostgres(open: () => Promise<Client>, tables: readonly string[]): Promise<boolean> {
  for (const table of tables) if (!IDENTIFIER.test(table)) throw new TypeError(`${table} is not a plain SQL name`);
  const client = await open();
  try {
    await client.query(`set lock_timeout = ${LOCK_MS}`); // behind a waiting rewrite everybody else would wait too
    const { rows } = await client.query<{ horizon: string }>('select pg_current_xact_id()::xid::text as horizon');
    if (!(await untilNoneOlder(client, rows[0]?.horizon ?? '0'))) return false;
    for (const table of tables) await client.query(`vacuum full ${table}`);
    await client.query('checkpoint').catch(() => undefined); // only some may: then it happens within minutes by itself
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE) return false;
    throw postgresFault(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
