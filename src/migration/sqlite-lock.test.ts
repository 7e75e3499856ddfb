import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createTestVault, folderOf, legacy, type Migrating, migrating } from './migration-kit.contract.ts';
import { lockTable } from './sqlite-lock.ts';

const MODULE = new URL('./sqlite-lock.ts', import.meta.url).href;

const HOLDER = `const { lockTable } = await import(process.argv[1]);
  try {
    globalThis.unlock = lockTable(process.argv[2], 'users');
    process.stdout.write('locked');
    setInterval(() => undefined, 1_000);
  } catch (error) {
    process.stdout.write(error.code);
  }`;

/** Takes the lock two hundred times; whoever is inside with it leaves a mark, which only one can make. */
const RACER = `const { lockTable } = await import(process.argv[1]);
  const { closeSync, openSync, rmSync } = await import('node:fs');
  for (let taken = 0; taken < 200; ) {
    let unlock;
    try {
      unlock = lockTable(process.argv[2], 'users');
    } catch (error) {
      if (error.code === 'MIGRATION_RUNNING') continue;
      throw error;
    }
    closeSync(openSync(process.argv[2] + '/inside', 'wx'));
    rmSync(process.argv[2] + '/inside');
    unlock();
    taken += 1;
  }
  process.stdout.write('200 alone');`;

/** Another process that holds the lock until it is killed. */
async function holderIn(t: TestContext, folder: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, MODULE, folder]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

async function bench(t: TestContext): Promise<Migrating & { readonly db: DatabaseSync }> {
  const folder = folderOf(t);
  const db = new DatabaseSync(join(folder, 'app.db'));
  const envelopes = await createTestVault();
  t.after(async () => {
    db.close();
    await envelopes.close();
  });
  db.exec('create table users (id integer primary key, email text, phone text)');
  db.prepare('insert into users (email) values (?), (?)').run(legacy('ada'), legacy('bob'));
  return { db, url: `sqlite:${join(folder, 'app.db')}`, folder: join(folder, 'backups'), envelopes };
}

// Attack: of two migrations at once each removes the undo file that the other has begun, or goes on with it as its own.
test('while a migration runs, another one and an undo of its table are refused, and disturb nothing', async (t) => {
  const own = await bench(t);
  const refused: unknown[] = [];
  const beforeChange = async (): Promise<void> => {
    const files = readdirSync(own.folder);
    for (const name of ['migrate', 'undo'] as const) {
      await assert.rejects(
        migrating(own, (migration) => migration[name]()),
        (error: { readonly code: string }) => refused.push(error.code) > 0,
      );
    }
    assert.equal((await migrating(own, (migration) => migration.look())).rows, 2, 'to look is free');
    assert.deepEqual(readdirSync(own.folder), files);
  };
  const report = await migrating({ ...own, overrides: { beforeChange } }, (migration) => migration.migrate());
  assert.deepEqual(refused, ['MIGRATION_RUNNING', 'MIGRATION_RUNNING']);
  assert.deepEqual([report.migrated, report.undo.map(existsSync)], [2, [true]]);
  assert.equal((await migrating(own, (migration) => migration.undo())).restored, 2);
  assert.deepEqual(
    readdirSync(own.folder).filter((name) => name.includes('lock')),
    [],
  );
});

test('a lock ends with the process that is killed while it has it', async (t) => {
  const folder = folderOf(t);
  const child = await holderIn(t, folder);
  const path = join(folder, 'users.lock');
  assert.throws(
    () => lockTable(folder, 'users'),
    ({ code, facts }) => code === 'MIGRATION_RUNNING' && facts.reason.includes(path),
  );
  lockTable(folder, 'orders')(); // another table is free
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(existsSync(path), true, 'it could not clean up');
  const unlock = lockTable(folder, 'users');
  assert.throws(() => lockTable(folder, 'users'), { code: 'MIGRATION_RUNNING' });
  unlock();
  assert.deepEqual(readdirSync(folder), []);
});

test('a refusal leaves the lock that this very process has as it is', async (t) => {
  const folder = folderOf(t);
  const unlock = lockTable(folder, 'users');
  assert.throws(() => lockTable(folder, 'users'), { code: 'MIGRATION_RUNNING' });
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, MODULE, folder]);
  t.after(() => child.kill('SIGKILL'));
  const [said] = await once(child.stdout, 'data');
  assert.equal(String(said), 'MIGRATION_RUNNING');
  unlock();
});

test('a file of somebody else by the name of the lock is neither locked nor removed', (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'users.lock');
  writeFileSync(path, 'mine');
  assert.throws(
    () => lockTable(folder, 'users'),
    ({ code, facts }) => code === 'MIGRATION_BACKUP' && facts.reason.includes(path),
  );
  assert.equal(readFileSync(path, 'utf8'), 'mine');
});

// Attack: SQLite opens what it may not write for reading, and then locks nothing.
test('where the lock may not be written, nothing is locked and that is told', async (t) => {
  const folder = folderOf(t);
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'users.lock'), '', { mode: 0o444 });
  const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, MODULE, folder], identity);
  t.after(() => child.kill('SIGKILL'));
  const [said] = await once(child.stdout, 'data');
  assert.equal(String(said), 'MIGRATION_BACKUP');
});

test('of many that want the lock at once, one at a time has it', async (t) => {
  const folder = folderOf(t);
  const racers = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', RACER, MODULE, folder]),
  );
  const said = await Promise.all(
    racers.map(async (racer) => {
      t.after(() => racer.kill('SIGKILL'));
      let text = '';
      racer.stdout.on('data', (chunk) => {
        text += chunk;
      });
      await once(racer, 'close');
      return text;
    }),
  );
  assert.deepEqual(said, ['200 alone', '200 alone', '200 alone', '200 alone']);
  assert.deepEqual(readdirSync(folder), []);
});

test('a damaged undo file of another table is passed over with a warning; one of this table stops the undo', async (t) => {
  const own = await bench(t);
  await migrating(own, (migration) => migration.migrate());
  mkdirSync(join(own.folder, 'folder.undo.ndjson.gz'));
  const strange = ['orders-20261121T092530Z', 'users-old-20261121T092530Z', 'by-hand'];
  for (const name of strange) writeFileSync(join(own.folder, `${name}.undo.ndjson.gz`), 'no gzip');
  writeFileSync(join(own.folder, 'empty-20261121T092530Z.undo.ndjson.gz'), gzipSync(''));
  const warnings: string[] = [];
  const overrides = { onWarning: (sentence: string) => void warnings.push(sentence) };
  const report = await migrating({ ...own, overrides }, (migration) => migration.undo());
  assert.deepEqual([report.restored, report.undo.length, warnings.length], [2, 1, 5]);
  for (const name of strange)
    assert.ok(
      warnings.some((warning) => warning.includes(name)),
      name,
    );

  const damaged = join(own.folder, 'users-20261121T092530Z-2.undo.ndjson.gz');
  writeFileSync(damaged, 'no gzip');
  await assert.rejects(
    migrating({ ...own, overrides }, (migration) => migration.undo()),
    ({ code, facts }) => code === 'MIGRATION_UNDO' && facts.reason.includes(damaged),
  );
});
