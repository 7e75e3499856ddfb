/** The thread that copies a SQLite database: reading all of its pages would stop the server's event loop. */
import { backup, DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { CopyTask, WorkerSays } from './sqlite-snapshot-thread.ts';

const ALL_PAGES = 2_147_483_647; // in one step: between steps a write would make it start again
const MAX_FINDINGS = 20;
const MIGRATIONS = 'twinkeep_migration'; // told by name, not by number
const SAFE = 'pragma trusted_schema = off; pragma cell_size_check = on; pragma temp_store = memory';

const say = (message: WorkerSays): void => parentPort?.postMessage(message);
const task: CopyTask = workerData;

async function copy(file: string, to: string, without: readonly string[]): Promise<void> {
  const source = new DatabaseSync(file, { readOnly: true, allowExtension: false });
  source.exec('pragma busy_timeout = 5000');
  await backup(source, to, { rate: ALL_PAGES });
  source.close();

  const made = new DatabaseSync(to, { allowExtension: false });
  // The copy is thrown away when anything fails, so it waits for no disk and keeps no journal of what is wiped.
  made.exec(`${SAFE}; pragma journal_mode = delete; pragma journal_mode = memory; pragma synchronous = off`);
  made.exec('pragma secure_delete = on');
  const present = new Set(tablesOf(made));
  for (const table of without) if (present.has(table)) made.exec(`delete from ${quoted(table)}`);
  say({ kind: 'copied', migrations: migrationsOf(made) });
  made.close();
}

/** @param deep also compares each index with its table, which takes two to three times as long */
function inspect(file: string, deep: boolean): WorkerSays {
  const db = new DatabaseSync(file, { readOnly: true, allowExtension: false });
  db.exec(SAFE);
  const check = deep ? 'integrity_check' : 'quick_check';
  const findings = db
    .prepare(`pragma ${check}(${MAX_FINDINGS})`)
    .all()
    .map((row) => String(row[check]))
    .filter((finding) => finding !== 'ok');
  findings.push(...strangersIn(db));
  const names = findings.length > 0 ? [] : tablesOf(db).filter((name) => name !== MIGRATIONS);
  const tables = names.map((name) => ({ name, rows: countOf(db, name) }));
  const migrations = findings.length > 0 ? [] : migrationsOf(db);
  db.close();
  return { kind: 'inspected', findings, migrations, tables };
}

/** We make neither: in a file from elsewhere they would run with the first statement. */
function strangersIn(db: DatabaseSync): readonly string[] {
  const rows = db
    .prepare("select type, name from sqlite_schema where type not in ('table', 'index') or sql like 'create virtual%'")
    .all();
  return rows.map((row) => `it has a ${String(row['type'])} ${String(row['name'])} that this program never makes`);
}

function tablesOf(db: DatabaseSync): readonly string[] {
  const rows = db
    .prepare(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite~_%' escape '~' order by name",
    )
    .all();
  return rows.map((row) => String(row['name']));
}

const countOf = (db: DatabaseSync, table: string): number =>
  Number(db.prepare(`select count(*) as rows from ${quoted(table)}`).get()?.['rows']);

function migrationsOf(db: DatabaseSync): readonly string[] {
  const rows = db.prepare('select name from twinkeep_migration order by name').all();
  return rows.map((row) => String(row['name']));
}

/** Names come from the file itself, which may be anybody's. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

try {
  if (task.kind === 'copy') await copy(task.file, task.to, task.without);
  say(inspect(task.kind === 'copy' ? task.to : task.file, task.kind === 'copy'));
} catch (error) {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
  say({ kind: 'failed', errcode, message: error instanceof Error ? error.message : String(error) });
}
