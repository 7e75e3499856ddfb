import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { createTestVault, legacy } from '../../src/migration/migration-kit.contract.ts';
import { type MigrationPlace, startMigration } from './migrate-fields-start.ts';

const run = promisify(execFile);
const ROWS = 3_000;

interface Table {
  readonly place: MigrationPlace;
  readonly db: DatabaseSync;
  readonly before: readonly unknown[];
}

async function tableOf(t: TestContext): Promise<Table & { readonly root: string }> {
  const root = mkdtempSync(join(tmpdir(), 'twinkeep-migrate-disk-'));
  const vaultFile = join(root, 'vault.db');
  const vault = await createTestVault(vaultFile);
  const file = join(root, 'app.db');
  const db = new DatabaseSync(file, { timeout: 5_000 });
  t.after(async () => {
    db.close();
    await vault.close();
    await run('umount', ['-l', join(root, 'backups')]).catch(() => undefined); // only one of the tests mounts it
    rmSync(root, { recursive: true, force: true });
  });
  db.exec('create table users (id integer primary key, email text, phone text); begin');
  const add = db.prepare('insert into users (email, phone) values (?, ?)');
  for (let id = 1; id <= ROWS; id++) add.run(legacy(`email of ${id}`), legacy(`phone of ${id}`));
  db.exec('commit');
  const place = { url: `sqlite:${file}`, vaultFile, folder: join(root, 'backups') };
  return { root, place, db, before: db.prepare('select * from users').all() };
}

function assertUntouched({ db, before, place }: Table): void {
  assert.deepEqual(db.prepare('select * from users').all(), before);
  assert.equal(db.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok');
  assert.deepEqual(
    readdirSync(place.folder).filter((name) => name !== 'ballast'),
    [],
    'nothing half is left',
  );
}

test('a full disk below the backups is told, nothing is changed, and it goes on once there is room', async (t) => {
  const table = await tableOf(t);
  const { folder } = table.place;
  mkdirSync(folder);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1048576', 'tmpfs', folder]);
  } catch (error) {
    return t.skip(`no file system may be mounted here: ${error instanceof Error ? error.message : error}`);
  }
  // Too small for the undo file first, then for the copy of the database alone.
  for (const ballast of [1_000_000, 300_000]) {
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(ballast));
    const refused = await startMigration(table.place, 'migrate').ended();
    assert.equal(refused.code, 'MIGRATION_BACKUP');
    assert.match(refused.reason, /ENOSPC|full/);
    t.diagnostic(refused.reason);
    assertUntouched(table);
  }
  await run('mount', ['-o', 'remount,size=67108864', folder]);
  const report = await startMigration(table.place, 'migrate').ended();
  assert.deepEqual([report.finished, report.migrated], [true, 2 * ROWS]);
});

test('a backup file that may not grow is told in the same way', async (t) => {
  const table = await tableOf(t);
  try {
    await run('prlimit', ['--version']);
  } catch (error) {
    return t.skip(`prlimit can't be had here: ${error instanceof Error ? error.message : error}`);
  }
  const refused = await startMigration(table.place, 'migrate', ['prlimit', '--fsize=200000:']).ended();
  assert.equal(refused.code, 'MIGRATION_BACKUP');
  t.diagnostic(refused.reason);
  assertUntouched(table);
});
