import type pg from 'pg';
import type { TableShape } from './snapshot-tables.ts';

/** While it says `on`, the owner of a tenant table sees the rows of all tenants. */
export const WHOLE_SETTING = 'twinkeep.whole';

const POLICY = 'whole_for_backup';
const LOCK = 0x74776e6c; // "twnl"; one process does this at a time

/**
 * Lets the owner read whole tenant tables where it says so, for row-level security is forced on it too and a list of
 * tenants might lack one that has rows. The policy is for the owner alone, who could lift row-level security itself;
 * the restricted roles of requests see no more with it than before. A superuser needs none.
 */
export async function ensureWholeSight(client: pg.Client, shapes: readonly TableShape[]): Promise<void> {
  const names = shapes.filter(({ rows }) => rows === 'tenant').map(({ name }) => name);
  if ((await blindIn(client, names)).length === 0) return;
  await client.query('begin');
  try {
    await client.query(`select pg_advisory_xact_lock(${LOCK})`);
    await client.query("set local lock_timeout = '5s'"); // writes wait behind us for as long as we wait for the table
    for (const name of await blindIn(client, names)) {
      await client.query(`drop policy if exists ${POLICY} on "${name}"`);
      await client.query(
        `create policy ${POLICY} on "${name}" for select to current_user
           using ((select current_setting('${WHOLE_SETTING}', true)) = 'on')`, // `select`: asked once, not for each row
      );
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Those of the tables that this user would see in part only. */
async function blindIn(client: pg.Client, names: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class c
       where c.relnamespace = current_schema()::regnamespace and c.relname = any($1) and row_security_active(c.oid)
         and not exists (
           select from pg_policy p where p.polrelid = c.oid and p.polname = '${POLICY}'
             and p.polroles = array[(select oid from pg_roles where rolname = current_user)])
       order by c.relname`,
    [names],
  );
  return rows.map(({ name }) => name);
}
