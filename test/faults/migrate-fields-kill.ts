import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openFernet } from '../../src/crypto/index.ts';
import { createTestVault, LEGACY_KEY, legacy, type TestVault } from '../../src/migration/migration-kit.contract.ts';
import { type PostgresServer, queryPostgres } from '../../src/testing/index.ts';
import { createDice, type Dice } from './dice.ts';
import { type MigrationPlace, startMigration } from './migrate-fields-start.ts';

const ROWS = 600;
const COLUMNS = ['email', 'phone'] as const;
const textOf = (column: string, id: number): string => `${column} of ${id}`;

interface Books {
  readonly place: MigrationPlace;
  readonly vault: TestVault;
  readonly rows: number;
  readonly read: () => Promise<readonly Readonly<Record<string, unknown>>[]>;
}

async function placeIn(
  t: TestContext,
  url: (folder: string) => string,
): Promise<MigrationPlace & { vault: TestVault }> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-migrate-kill-'));
  const vaultFile = join(folder, 'vault.db');
  const vault = await createTestVault(vaultFile);
  t.after(async () => {
    await vault.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { url: url(folder), vaultFile, folder: join(folder, 'backups'), vault };
}

/** Every value is there once, in one form or the other, and says what it said. @returns how many are envelopes */
async function audit({ vault, rows, read }: Books): Promise<number> {
  const found = await read();
  assert.equal(found.length, rows);
  let envelopes = 0;
  for (const row of found) {
    for (const column of COLUMNS) {
      const [id, value] = [Number(row['id']), String(row[column])];
      const isEnvelope = value.startsWith('tk1.');
      const text = isEnvelope
        ? vault.openOne({ table: 'users', column, row: String(id) }, value)
        : openFernet(LEGACY_KEY, value, { now: Date.now() })?.toString();
      assert.equal(text, textOf(column, id)); // sealed twice it would say an envelope
      if (isEnvelope) envelopes += 1;
    }
  }
  return envelopes;
}

/** Migrates and undoes in turn, killed in each. */
async function killRounds(t: TestContext, books: Books, kills: number, dice: Dice): Promise<void> {
  const phases = new Map<string, number>();
  const all = books.rows * COLUMNS.length;
  let mode: 'migrate' | 'undo' = 'migrate';
  let [killed, turns] = [0, 0];
  while (killed < kills) {
    const victim = startMigration(books.place, mode);
    await victim.ready;
    await Promise.race([pause(dice.between(0, 400)), victim.ended()]);
    const wasRunning = victim.child.exitCode === null && victim.child.kill('SIGKILL');
    const report = await victim.ended();
    const envelopes = await audit(books);
    if (report?.finished) {
      assert.equal(envelopes, mode === 'migrate' ? all : 0);
      if (mode === 'migrate') assert.deepEqual([report.migrated + report.already, report.notOpenedTotal], [all, 0]);
      mode = mode === 'migrate' ? 'undo' : 'migrate';
      turns += 1;
    } else {
      assert.ok(wasRunning, JSON.stringify(report));
      killed += 1;
      phases.set(victim.phase(), (phases.get(victim.phase()) ?? 0) + 1);
    }
  }
  const last = await startMigration(books.place, 'migrate').ended();
  assert.deepEqual([last.finished, last.notOpenedTotal, await audit(books)], [true, 0, all]);
  const half = readdirSync(books.place.folder).filter((name) => !/(\.undo\.ndjson\.gz|\.db)$/.test(name));
  assert.deepEqual(half, [], 'nothing of the killed is left');
  t.diagnostic(
    `${killed} kills: ${[...phases].map(([phase, times]) => `${times} ${phase}`).join(', ')}; ${turns} turns`,
  );
}

/** On a table in a file of its own. @throws AssertionError naming what was not kept */
export async function killOnSqlite(t: TestContext, seed: number, kills: number): Promise<void> {
  t.diagnostic(`FAULT_SEED=${seed}`);
  const { vault, ...place } = await placeIn(t, (folder) => `sqlite:${join(folder, 'app.db')}`);
  const db = new DatabaseSync(place.url.slice('sqlite:'.length), { timeout: 5_000 });
  t.after(() => db.close());
  db.exec('create table users (id integer primary key, email text, phone text); begin');
  const add = db.prepare('insert into users values (?, ?, ?)');
  for (let id = 1; id <= ROWS; id++) add.run(id, legacy(textOf('email', id)), legacy(textOf('phone', id)));
  db.exec('commit');
  const read = async () => db.prepare('select * from users').all();
  await killRounds(t, { place, vault, rows: ROWS, read }, kills, createDice(seed));
  assert.equal(db.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok');
}

/** On a table in a database of its own. @throws AssertionError naming what was not kept */
export async function killOnPostgres(
  t: TestContext,
  server: PostgresServer,
  seed: number,
  kills: number,
): Promise<void> {
  t.diagnostic(`FAULT_SEED=${seed}`);
  const url = await server.createDatabase();
  const { vault, ...place } = await placeIn(t, () => url);
  const values = Array.from({ length: ROWS }, (_, at) => {
    const id = at + 1;
    return `(${id}, '${legacy(textOf('email', id))}', '${legacy(textOf('phone', id))}')`;
  });
  await queryPostgres(url, 'create table users (id int primary key, email text, phone text)');
  await queryPostgres(url, `insert into users values ${values.join(', ')}`);
  const read = () => queryPostgres(url, 'select * from users');
  await killRounds(t, { place, vault, rows: ROWS, read }, kills, createDice(seed));
}
