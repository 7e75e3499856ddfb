import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { days } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { createSecret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import { holdForRestore, holdOffRestores, type Place } from '../storage/index.ts';
import { queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import {
  ada,
  addNotes,
  addPerson,
  type BackupKit,
  bob,
  type KitOptions,
  MASTER,
  openBackupKit,
  openRestored,
  operator,
  peopleOf,
  restoreKit,
} from './backups-kit.contract.ts';
import { fillPlace } from './restore-place.ts';
import { openBoth } from './restore-source.ts';
import { backupStore } from './store.ts';

async function kitWithBackup(t: TestContext, options: KitOptions = {}): Promise<BackupKit> {
  const kit = await openBackupKit(options);
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 5);
  await addPerson(kit, ada, 'ada@example.org');
  await addPerson(kit, bob, 'bob@example.org');
  await kit.backups.create(operator);
  kit.clock.advance(60_000);
  return kit;
}

const rejectsWith = (code: string, work: Promise<unknown>) => assert.rejects(work, (error) => isFault(error, code));
const sqliteAt = (file: string) => ({ dialect: 'sqlite', file }) as const;

async function idsAt(place: Place, kit: BackupKit): Promise<readonly string[]> {
  const { storage } = await openRestored(place, kit.clock);
  return (await peopleOf(storage).finally(storage.close)).map(({ id }) => id);
}

/** What a server leaves that was killed: a database whose last write is in its -wal alone. */
function killedServer(file: string): void {
  mkdirSync(join(file, '..'), { recursive: true });
  const living = `${file}.living`;
  const db = new DatabaseSync(living);
  db.exec("pragma journal_mode = wal; create table mine (text text); insert into mine values ('first')");
  db.exec("pragma wal_checkpoint(truncate); insert into mine values ('in the wal')");
  for (const end of ['', '-wal']) copyFileSync(`${living}${end}`, `${file}${end}`);
  db.close();
  for (const end of ['', '-wal', '-shm']) rmSync(`${living}${end}`, { force: true });
}

function mineAt(file: string): readonly unknown[] {
  const db = new DatabaseSync(file);
  try {
    return db
      .prepare('select text from mine order by rowid')
      .all()
      .map((row) => row['text']);
  } finally {
    db.close();
  }
}

// Attack: the log of a database that is put aside is played into the one which takes its place.
test('a database beside the data folder is put aside with its log, and comes back with it', async (t) => {
  const kit = await kitWithBackup(t);
  const file = join(kit.folder, 'elsewhere', 'twin.sqlite');
  killedServer(file);
  const folder = join(kit.folder, 'data');
  const { moved } = await restoreKit(kit, { folder, database: sqliteAt(file), replace: true });
  assert.equal(existsSync(`${file}-wal`), false);
  assert.deepEqual(await idsAt(sqliteAt(file), kit), ['ada', 'bob']);

  const last = moved.find(({ from }) => from === file) ?? assert.fail();
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  for (const { from, to } of moved) renameSync(to, from);
  assert.equal(existsSync(last.to), false);
  assert.deepEqual(mineAt(file), ['first', 'in the wal']);
});

test('a restore that cannot be put in its place puts the old database back with its log', async (t) => {
  const kit = await kitWithBackup(t);
  const file = join(kit.folder, 'elsewhere', 'twin.sqlite');
  killedServer(file);
  const folder = join(kit.folder, 'data');
  const stamp = new Date(kit.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  mkdirSync(folder);
  writeFileSync(join(folder, 'precious'), 'precious');
  const aside = `${folder}.before-restore-${stamp}`;
  mkdirSync(aside);
  writeFileSync(join(aside, 'in the way'), ''); // a folder with something in it takes no other's place
  const wish = { folder, database: sqliteAt(file), replace: true };
  await rejectsWith('BACKUP_RESTORE_FAILED', restoreKit(kit, wish));
  const names = readdirSync(join(kit.folder, 'elsewhere')).filter((name) => !name.includes('.lock'));
  assert.deepEqual(names.sort(), ['twin.sqlite', 'twin.sqlite-wal']);
  assert.deepEqual(mineAt(file), ['first', 'in the wal']);
  assert.ok(existsSync(join(folder, 'precious')));
});

test('a log without its database counts as something that is there', async (t) => {
  const kit = await kitWithBackup(t);
  const folder = join(kit.folder, 'data');
  for (const end of ['-wal', '-journal']) {
    const file = join(kit.folder, `twin${end}.sqlite`);
    writeFileSync(`${file}${end}`, 'of a database that is lost');
    await rejectsWith('BACKUP_TARGET', restoreKit(kit, { folder, database: sqliteAt(file) }));
    assert.deepEqual([existsSync(file), existsSync(`${file}${end}`)], [false, true]);
  }
});

test('a keystore that was made under a clock which had jumped back still opens the backup', async (t) => {
  const kit = await kitWithBackup(t);
  kit.clock.advance(days(400));
  await kit.backups.create(operator);
  kit.clock.advance(-days(400));
  await kit.storage.write(platform, (tx) => kit.vault.subjects.destroy(tx, ada));
  await kit.backups.refreshKeystore();
  const newest = (await kit.backups.list()).find(({ createdAt }) => createdAt > kit.clock.now()) ?? assert.fail();
  const folder = join(kit.folder, 'data');
  const { erased, id } = await restoreKit(kit, { folder, file: join(kit.backupFolder, newest.file) });
  assert.deepEqual([erased, id], [1, newest.id]);
});

test('backups whose files did not come along are none in the restored list', async (t) => {
  const kit = await kitWithBackup(t);
  const [first = assert.fail()] = await kit.backups.list();
  kit.clock.advance(days(1));
  await kit.backups.create(operator);
  const [second = assert.fail()] = await kit.backups.list();
  const folder = join(kit.folder, 'data');
  const statesIn = async (): Promise<ReadonlyMap<string, string>> => {
    const { storage } = await openRestored(sqliteAt(join(folder, 'twinkeep.db')), kit.clock);
    const rows = await storage.read(platform, (tx) => backupStore.all(tx, undefined)).finally(storage.close);
    return new Map(rows.map(({ id, state }) => [id, state]));
  };
  const file = join(kit.backupFolder, second.file);
  await restoreKit(kit, { folder, file });
  assert.equal((await statesIn()).get(first.id), 'removed');

  rmSync(folder, { recursive: true });
  const backups = join(folder, 'backups');
  mkdirSync(backups, { recursive: true });
  for (const one of [first, second]) copyFileSync(join(kit.backupFolder, one.file), join(backups, one.file));
  await restoreKit(kit, { folder, file, replace: true });
  assert.deepEqual([(await statesIn()).get(first.id), (await statesIn()).get(second.id)], ['made', 'made']);
});

await serverSuite('restores on PostgreSQL that do not come to an end', startPostgres, (postgres) => {
  // Attack: a restore is killed between its rows and its erasures, and what it leaves is served.
  test('a database that a killed restore has left is not served, and the next restore takes it', async (t) => {
    const place: Place = { dialect: 'postgres', url: await postgres.createDatabase() };
    const kit = await kitWithBackup(t, { place });
    const [{ file } = assert.fail()] = await kit.backups.list();
    await kit.storage.write(platform, (tx) => kit.vault.subjects.destroy(tx, ada));
    await kit.backups.refreshKeystore();

    const url = await postgres.createDatabase();
    const database: Place = { dialect: 'postgres', url };
    const key = { master: createSecret(MASTER), identity: undefined };
    const opened = await openBoth(join(kit.backupFolder, file), join(kit.backupFolder, 'keystore.age'), key);
    const held = await holdForRestore(url, kit.deps.migrations);
    const { migrations, clock } = kit.deps;
    const { storage } = await fillPlace(
      { migrations, clock, onError: (error) => kit.errors.push(error) },
      opened,
      database,
    );
    await storage.close(); // and there it ends
    await rejectsWith('STORAGE_UNFINISHED', holdOffRestores(url));
    await held.release();
    await rejectsWith('STORAGE_UNFINISHED', holdOffRestores(url));
    assert.equal((await queryPostgres(url, "select from trial_person where id = 'ada'")).length, 1);

    const during: string[] = [];
    const mend = async (): Promise<void> => {
      await rejectsWith('STORAGE_UNFINISHED', holdOffRestores(url));
      await rejectsWith('STORAGE_OCCUPIED', restoreKit(kit, { folder: join(kit.folder, 'second'), database }));
      during.push('mended');
    };
    const { erased } = await restoreKit(kit, { folder: join(kit.folder, 'data'), database }, { mend });
    assert.deepEqual([erased, during], [1, ['mended']]);
    assert.deepEqual(await idsAt(database, kit), ['bob']);
    await (await holdOffRestores(url)).release();
  });

  test('a restore keeps out while a server starts, and one that fails leaves a database which may be served', async (t) => {
    const place: Place = { dialect: 'postgres', url: await postgres.createDatabase() };
    const kit = await kitWithBackup(t, { place });
    const url = await postgres.createDatabase();
    const database: Place = { dialect: 'postgres', url };
    const folder = join(kit.folder, 'data');
    const starts = [await holdOffRestores(url), await holdOffRestores(url)];
    await rejectsWith('STORAGE_OCCUPIED', restoreKit(kit, { folder, database }));
    for (const { release } of starts) await release();

    const mend = async (): Promise<void> => {
      throw new Error('a room could not be mended');
    };
    await rejectsWith('BACKUP_RESTORE_FAILED', restoreKit(kit, { folder, database }, { mend }));
    assert.deepEqual(await queryPostgres(url, "select from pg_tables where schemaname = 'public'"), []);
    await (await holdOffRestores(url)).release();
  });
});
