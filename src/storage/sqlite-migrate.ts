import type { Clock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { leaseMigration } from './lease-table.ts';
import { refuseNewer } from './newer.ts';
import { ddlOf, inOrder, type Migration } from './schema.ts';
import type { Connection } from './sqlite-connection.ts';
import type { Writer } from './sqlite-writer.ts';
import { statement } from './statement.ts';

const applied = statement({ reach: 'platform', sql: 'select name from twinkeep_migration', returns: { name: 'text' } });

const markApplied = statement({
  reach: 'platform',
  sql: 'insert into twinkeep_migration (name, applied_at) values (:name, :at)',
  params: { name: 'text', at: 'int' },
});

/** Applies what is missing, in the order of the names. @throws STORAGE_NEWER */
export async function migrateSqlite(
  writer: Writer,
  main: Connection,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<readonly string[]> {
  const wanted = inOrder([leaseMigration, ...migrations]);
  main.exec(
    'create table if not exists twinkeep_migration (name text primary key, applied_at integer not null) strict',
  );
  const present = new Set((await writer.write(platform, (tx) => tx.all(applied, {}))).map(({ name }) => name));
  refuseNewer(present, wanted);

  const missing = wanted.filter(({ name }) => !present.has(name));
  for (const { name, changes } of missing) {
    await writer.write(platform, async (tx) => {
      for (const change of changes) for (const sql of ddlOf(change, 'sqlite')) main.exec(sql);
      await tx.run(markApplied, { name, at: clock.now() });
    });
  }
  return missing.map(({ name }) => name);
}
