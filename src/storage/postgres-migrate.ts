import type { Client } from 'pg';
import type { Clock } from '../kernel/clock.ts';
import { storageFault } from './errors.ts';
import { leaseMigration } from './lease-table.ts';
import { refuseNewer } from './newer.ts';
import { postgresFault } from './postgres-errors.ts';
import { ddlOf, inOrder, type Migration, ROLES } from './schema.ts';

const LOCK = 0x74776e6b; // "twnk"; one process migrates a database at a time
const ROLE_ATTEMPTS = 5;

/** Applies what is missing in the order of the names, each migration in its own transaction. @throws STORAGE_NEWER */
export async function migratePostgres(
  open: () => Promise<Client>,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<readonly string[]> {
  const wanted = inOrder([leaseMigration, ...migrations]);
  const client = await open();
  try {
    await client.query(`select pg_advisory_lock(${LOCK})`);
    for (const role of Object.values(ROLES)) await ensureRole(client, role);
    await client.query(
      'create table if not exists twinkeep_migration (name text collate "C" primary key, applied_at bigint not null)',
    );
    const { rows } = await client.query<{ name: string }>('select name from twinkeep_migration');
    const present = new Set(rows.map(({ name }) => name));
    refuseNewer(present, wanted);

    const missing = wanted.filter(({ name }) => !present.has(name));
    for (const migration of missing) await apply(client, migration, clock);
    return missing.map(({ name }) => name);
  } catch (error) {
    const fault = postgresFault(error);
    // Here a lack of rights is the operator's matter: the user must own the database and be allowed to create roles.
    throw fault.code === 'STORAGE_SCOPE' ? storageFault('STORAGE_BROKEN', {}, error) : fault;
  } finally {
    await client.end().catch(() => undefined); // and with the connection the lock, after a failure too
  }
}

async function apply(client: Client, { name, changes }: Migration, clock: Clock): Promise<void> {
  try {
    await client.query('begin');
    for (const change of changes) for (const sql of ddlOf(change, 'postgres')) await client.query(sql);
    await client.query('insert into twinkeep_migration (name, applied_at) values ($1, $2)', [name, clock.now()]);
    await client.query('commit');
  } catch (error) {
    const fault = postgresFault(error);
    if (fault.code !== 'STORAGE_BROKEN') throw fault;
    throw storageFault('STORAGE_BROKEN', { migration: name }, error);
  }
}

/**
 * Creates a role of ours where it is missing, and makes sure that we may step down to it. Roles belong to the whole
 * server, so processes that set up different databases may meet here.
 *
 * @throws STORAGE_BROKEN for a role that could step over row-level security
 */
async function ensureRole(client: Client, role: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(roleSql(role));
      break;
    } catch (error) {
      const metAnother = error instanceof Error && 'code' in error && MET_ANOTHER.has(String(error.code));
      if (!metAnother || attempt === ROLE_ATTEMPTS) throw error;
    }
  }
  const { rows } = await client.query('select from pg_roles where rolname = $1 and (rolsuper or rolbypassrls)', [role]);
  if (rows.length === 0) return;
  throw storageFault('STORAGE_BROKEN', { role }, new Error(`${role} must be neither superuser nor bypassrls`));
}

const MET_ANOTHER = new Set(['42710', '23505', 'XX000']); // exists by now (twice), tuple concurrently updated

const roleSql = (role: string): string => `do $$
  begin
    if not exists (select from pg_roles where rolname = '${role}') then
      create role ${role} nologin nosuperuser nobypassrls;
    end if;
    begin
      set local role ${role};
      reset role;
    exception when insufficient_privilege then
      execute format('grant ${role} to %I', current_user);
    end;
    if not has_schema_privilege('${role}', current_schema(), 'usage') then
      execute format('grant usage on schema %I to ${role}', current_schema());
    end if;
  end $$`;
