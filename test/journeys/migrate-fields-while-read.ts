import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createTestVault, legacy, migrating, type TestVault } from '../../src/migration/migration-kit.contract.ts';
import type { PostgresServer } from '../../src/testing/index.ts';

/** Divides every count of rows that is asked for. */
const PER_INSERT = 10_000;
const READER = fileURLToPath(new URL('migrate-fields-reader.ts', import.meta.url));

interface Table {
  readonly rows: number;
  readonly folder: string;
  readonly vaultFile: string;
  readonly vault: TestVault;
}

async function tableOf(t: TestContext, rows: number): Promise<Table> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-migrate-'));
  const vaultFile = join(folder, 'vault.db');
  const vault = await createTestVault(vaultFile);
  t.after(async () => {
    await vault.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { rows, folder, vaultFile, vault };
}

/** Half of the rows are migrated already; every tenth has no phone, every twentieth an empty one. */
function valuesOf({ vault, rows }: Table, id: number): readonly [email: string, phone: string | null] {
  const isDone = id > rows / 2;
  const value = (column: string): string =>
    isDone
      ? vault.sealOne({ table: 'users', column, row: String(id) }, `${column} of ${id}`)
      : legacy(`${column} of ${id}`);
  return [value('email'), id % 20 === 0 ? '' : id % 10 === 0 ? null : value('phone')];
}

/** Migrates while the other program goes on; then looks at what both say. */
async function migrateWhileRead(t: TestContext, { folder, vaultFile, vault, rows }: Table, url: string): Promise<void> {
  const reader = spawn(process.execPath, [READER, url, vaultFile, String(rows)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  reader.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const closed = once(reader, 'close');
  t.after(() => reader.kill('SIGKILL'));
  await Promise.race([once(reader.stdout, 'data'), closed]);
  const start = performance.now();
  const report = await migrating({ url, envelopes: vault, folder: join(folder, 'backups') }, (migration) =>
    migration.migrate(),
  );
  const seconds = (performance.now() - start) / 1_000;
  reader.stdin.end();
  await closed;
  assert.equal(reader.exitCode, 0);
  const seen = JSON.parse(out.trim().split('\n').at(-1) ?? '');
  const values = rows + rows * 0.9; // emails, and nine tenths of the phones
  assert.deepEqual(
    [report.finished, report.rows, report.migrated, report.already, report.notOpenedTotal],
    [true, rows, values / 2, values / 2, 0],
  );
  assert.equal(seen.wrong, 0);
  assert.ok(seen.legacy > 0 && seen.envelopes > 0 && seen.empty > 0 && seen.writes > 0, JSON.stringify(seen));
  t.diagnostic(
    `${values / 2} of ${values} values migrated in ${seconds.toFixed(1)} s; the reader: ${JSON.stringify(seen)}`,
  );
}

/** A table of SQLite, half migrated, while another program reads and writes it. */
export async function migrateOnSqlite(t: TestContext, journal: 'wal' | 'delete', rows: number): Promise<void> {
  const table = await tableOf(t, rows);
  const file = join(table.folder, 'app.db');
  const db = new DatabaseSync(file);
  db.exec(`pragma journal_mode = ${journal}; pragma synchronous = normal;
    create table users (id integer primary key, email text, phone text, seen int default 0); begin`);
  const add = db.prepare('insert into users (id, email, phone) values (?, ?, ?)');
  for (let id = 1; id <= rows; id++) add.run(id, ...valuesOf(table, id));
  db.exec('commit');
  db.close();
  await migrateWhileRead(t, table, `sqlite:${file}`);
}

/** A table of PostgreSQL, half migrated, while another program reads and writes it. */
export async function migrateOnPostgres(t: TestContext, server: PostgresServer, rows: number): Promise<void> {
  const table = await tableOf(t, rows);
  const url = await server.createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('create table users (id int primary key, email text, phone varchar(200), seen int default 0)');
  for (let from = 1; from <= rows; from += PER_INSERT) {
    const some = Array.from({ length: PER_INSERT }, (_, at) => [from + at, ...valuesOf(table, from + at)] as const);
    await client.query('insert into users (id, email, phone) select * from unnest($1::int[], $2::text[], $3::text[])', [
      some.map(([id]) => id),
      some.map(([, email]) => email),
      some.map(([, , phone]) => phone),
    ]);
  }
  await client.end();
  await migrateWhileRead(t, table, url);
}
