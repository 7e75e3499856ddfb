import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { sealBareGcm } from '../crypto/index.ts';
import { createTestVault, folderOf, legacy, migrating, type TestVault } from './migration-kit.contract.ts';

interface Bench {
  readonly db: DatabaseSync;
  readonly url: string;
  readonly folder: string;
  readonly envelopes: TestVault;
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = folderOf(t);
  const file = join(folder, 'app.db');
  const db = new DatabaseSync(file);
  const envelopes = await createTestVault();
  t.after(async () => {
    db.close();
    await envelopes.close();
  });
  return { db, url: `sqlite:///${file}`, folder: join(folder, 'backups'), envelopes };
}

/** Ten users: legacy, envelopes, empty ones, and what nobody can open. */
function addUsers({ db, envelopes }: Bench): void {
  db.exec('create table users (id integer primary key, email text, phone text)');
  const add = db.prepare('insert into users values (?, ?, ?)');
  add.run(1, legacy('ada@example.org'), legacy('+82 1'));
  add.run(2, legacy('bob@example.org'), null);
  add.run(3, envelopes.sealOne({ table: 'users', column: 'email', row: '3' }, 'eve@example.org'), '');
  add.run(4, 'plain@example.org', legacy('+82 4'));
  add.run(5, legacy('other key', Buffer.alloc(32, 9)), legacy(Buffer.from([0xff, 0xfe])));
  add.run(6, envelopes.sealOne({ table: 'users', column: 'email', row: '7' }, 'moved'), legacy('a'));
}

const rowsOf = ({ db }: Bench) => db.prepare('select * from users order by id').all();

test('legacy values become envelopes that open at their place; what does not open stays and is listed', async (t) => {
  const own = await bench(t);
  addUsers(own);
  const before = rowsOf(own);
  const report = await migrating(own, (migration) => migration.migrate());
  assert.deepEqual([report.finished, report.rows, report.migrated, report.already], [true, 6, 5, 1]);
  assert.deepEqual(
    report.notOpened.map(({ row, column, reason }) => [row, column, reason]),
    [
      ['4', 'email', 'looks plain'],
      ['5', 'email', 'no key opens it'],
      ['5', 'phone', 'not UTF-8 inside'],
      ['6', 'email', 'envelope does not open here'],
    ],
  );
  assert.equal(JSON.stringify(report).includes('plain@'), false);
  const after = rowsOf(own);
  const open = (row: number, column: string) =>
    own.envelopes.openOne({ table: 'users', column, row: String(row) }, String(after[row - 1]?.[column]));
  assert.deepEqual(
    [open(1, 'email'), open(1, 'phone'), open(2, 'email')],
    ['ada@example.org', '+82 1', 'bob@example.org'],
  );
  assert.deepEqual([open(4, 'phone'), open(6, 'phone')], ['+82 4', 'a']);
  for (const [row, column] of [
    [3, 'email'],
    [3, 'phone'],
    [2, 'phone'],
    [4, 'email'],
    [5, 'email'],
    [5, 'phone'],
  ] as const) {
    assert.equal(after[row - 1]?.[column], before[row - 1]?.[column]);
  }
});

test('the backup holds every old value and the whole file, for its owner alone, and no state is left', async (t) => {
  const own = await bench(t);
  addUsers(own);
  const before = rowsOf(own);
  const { undo, copy } = await migrating(own, (migration) => migration.migrate());
  const [file = ''] = undo;
  assert.deepEqual([statSync(file).mode & 0o777, statSync(copy ?? '').mode & 0o777], [0o600, 0o600]);
  assert.equal(statSync(own.folder).mode & 0o777, 0o700);
  const lines = gunzipSync(readFileSync(file))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines[1], { k: ['i1'], v: [before[0]?.['email'], before[0]?.['phone']] });
  assert.deepEqual(lines.at(-1), { rows: lines.length - 2 });
  const copied = new DatabaseSync(copy ?? '', { readOnly: true });
  assert.deepEqual(copied.prepare('select * from users order by id').all(), before);
  copied.close();
  assert.equal(readdirSync(own.folder).length, 2);
});

test('a second migration finds everything done and writes no backup', async (t) => {
  const own = await bench(t);
  addUsers(own);
  await migrating(own, (migration) => migration.migrate());
  const after = rowsOf(own);
  const files = readdirSync(own.folder);
  const again = await migrating(own, (migration) => migration.migrate());
  assert.deepEqual([again.migrated, again.already, again.undo.length], [0, 6, 0]);
  assert.deepEqual([rowsOf(own), readdirSync(own.folder)], [after, files]);
});

test('a look opens everything and writes nothing', async (t) => {
  const own = await bench(t);
  addUsers(own);
  const before = rowsOf(own);
  const report = await migrating(own, (migration) => migration.look());
  assert.deepEqual(report.columns, [
    { column: 'email', envelope: 1, legacy: 2, empty: 0, plain: 1, unreadable: 2 },
    { column: 'phone', envelope: 0, legacy: 3, empty: 2, plain: 0, unreadable: 1 },
  ]);
  assert.equal(report.notOpenedTotal, 4);
  assert.deepEqual([rowsOf(own), existsSync(own.folder)], [before, false]);
});

test('an undo puts the old values back, and keeps and lists what was written since', async (t) => {
  const own = await bench(t);
  addUsers(own);
  const before = rowsOf(own);
  await migrating(own, (migration) => migration.migrate());
  const since = own.envelopes.sealOne({ table: 'users', column: 'email', row: '2' }, 'bob@new.example');
  own.db.prepare('update users set email = ? where id = 2').run(since);
  const report = await migrating(own, (migration) => migration.undo());
  assert.equal(report.restored, 4);
  assert.deepEqual(
    report.notOpened.filter(({ reason }) => reason === 'written since').map(({ row, column }) => [row, column]),
    [
      ['2', 'email'],
      ['3', 'email'],
    ],
  );
  assert.deepEqual(
    rowsOf(own),
    before.map((row) => (row['id'] === 2 ? Object.assign(row, { email: since }) : row)),
  );
  assert.equal((await migrating(own, (migration) => migration.undo())).restored, 0, 'again, it does nothing');
});

// Attack: a wrong key file must not turn values into something that nobody can read.
test('with a wrong key nothing is changed, and the list of what does not open is bounded', async (t) => {
  const own = await bench(t);
  own.db.exec('create table users (id integer primary key, email text, phone text)');
  const add = own.db.prepare('insert into users (email) values (?)');
  for (let at = 0; at < 250; at++) add.run(legacy(`user${at}`));
  const before = rowsOf(own);
  const keyFile = `${Buffer.alloc(32, 8).toString('base64url')}\n`;
  const report = await migrating({ ...own, keyFile }, (migration) => migration.migrate());
  assert.deepEqual([report.migrated, report.notOpened.length, report.notOpenedTotal], [0, 100, 250]);
  assert.deepEqual([rowsOf(own), readdirSync(own.folder)], [before, []]);
});

test('several keys are tried in turn, and AES values are read in either base64', async (t) => {
  const own = await bench(t);
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  own.db.exec('create table users (id integer primary key, email text, phone text)');
  const value = sealBareGcm(createSecretKey(first), Buffer.alloc(12, 5), Buffer.from('ada?>~'));
  const other = sealBareGcm(createSecretKey(second), Buffer.alloc(12, 6), Buffer.from('älter'));
  const url = Buffer.from(other, 'base64').toString('base64url');
  own.db.prepare('insert into users values (1, ?, ?)').run(value, url);
  const keyFile = `# newest first\n${second.toString('hex')}\n\n${first.toString('base64')}\n`;
  const report = await migrating({ ...own, form: 'aes-gcm', keyFile }, (migration) => migration.migrate());
  assert.deepEqual([report.migrated, report.notOpenedTotal], [2, 0]);
  const [row] = rowsOf(own);
  assert.equal(own.envelopes.openOne({ table: 'users', column: 'email', row: '1' }, String(row?.['email'])), 'ada?>~');
  assert.equal(own.envelopes.openOne({ table: 'users', column: 'phone', row: '1' }, String(row?.['phone'])), 'älter');
});

// Attack: names are pasted into SQL, where quotes would end them.
test('names of tables and columns are taken literally, whatever they contain', async (t) => {
  const own = await bench(t);
  const [table, key, column] = ['us"ers; drop table x;--', 'k\'e"y', 'e,ma"il [x] `y`'];
  const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  own.db.exec(`create table x (a); create table ${q(table)} (${q(key)} text not null unique, ${q(column)} text)`);
  const hostile = `1'); drop table x;--`;
  own.db.prepare(`insert into ${q(table)} values (?, ?)`).run(hostile, legacy('ada'));
  const names = { table, key: [key], columns: [column] };
  const report = await migrating({ ...own, ...names }, (migration) => migration.migrate());
  assert.equal(report.migrated, 1);
  const [row] = own.db.prepare(`select ${q(column)} as v from ${q(table)}`).all();
  assert.equal(own.envelopes.openOne({ table, column, row: hostile }, String(row?.['v'])), 'ada');
  assert.equal((await migrating({ ...own, ...names }, (migration) => migration.undo())).restored, 1);
  assert.ok(own.db.prepare('select count(*) from x').get());
});

test('a key of several columns names its row without doubt', async (t) => {
  const own = await bench(t);
  own.db.exec('create table users (org text, id text, email text, primary key (org, id)) without rowid');
  const add = own.db.prepare('insert into users values (?, ?, ?)');
  add.run('a,b', 'c', legacy('one'));
  add.run('a', 'b,c', legacy('two'));
  add.run('a\\', ',', legacy('three'));
  const names = { key: ['org', 'id'], columns: ['email'] };
  const report = await migrating({ ...own, ...names, overrides: { batch: 1 } }, (migration) => migration.migrate());
  assert.equal(report.migrated, 3);
  const found = own.db.prepare("select email from users where org = 'a' and id = 'b,c'").get();
  assert.equal(
    own.envelopes.openOne({ table: 'users', column: 'email', row: 'a,b\\,c' }, String(found?.['email'])),
    'two',
  );
});

test('a migration that is asked to stop ends after its batch, tells how far it came, and goes on later', async (t) => {
  const own = await bench(t);
  own.db.exec('create table users (id integer primary key, email text, phone text)');
  const add = own.db.prepare('insert into users (email, phone) values (?, ?)');
  for (let at = 0; at < 100; at++) add.run(legacy(`user${at}`), legacy(`phone${at}`));
  let batches = 0;
  const overrides = {
    batch: 10,
    stopped: () => batches >= 3,
    onProgress: (phase: string) => {
      if (phase === 'migrating') batches += 1;
    },
  };
  const first = await migrating({ ...own, overrides }, (migration) => migration.migrate());
  assert.deepEqual([first.finished, first.migrated], [false, 60]);
  const second = await migrating(own, (migration) => migration.migrate());
  assert.deepEqual([second.finished, second.migrated, second.already, second.undo.length], [true, 200, 0, 1]);
});

test('what another program writes meanwhile in the old form is followed; what it seals itself is kept', async (t) => {
  const own = await bench(t);
  own.db.exec('create table users (id integer primary key, email text, phone text)');
  const add = own.db.prepare('insert into users (id, email) values (?, ?)');
  for (let id = 1; id <= 5; id++) add.run(id, legacy(`user${id}`));
  const mine = own.envelopes.sealOne({ table: 'users', column: 'email', row: '3' }, 'fresh');
  let times = 0;
  const beforeChange = async () => {
    times += 1;
    if (times > 1) return;
    add.run(6, legacy('late'));
    own.db.prepare('update users set email = ? where id = 2').run(legacy('changed'));
    own.db.prepare('update users set email = ? where id = 3').run(mine);
    own.db.prepare('delete from users where id = 4').run();
  };
  const report = await migrating({ ...own, overrides: { beforeChange } }, (migration) => migration.migrate());
  assert.deepEqual([report.finished, report.rows, report.migrated, report.already], [true, 5, 4, 1]);
  assert.equal(report.undo.length, 2, 'old values of a later round are backed up, too');
  const texts = rowsOf(own).map((row) =>
    own.envelopes.openOne({ table: 'users', column: 'email', row: String(row['id']) }, String(row['email'])),
  );
  assert.deepEqual(texts, ['user1', 'changed', 'fresh', 'user5', 'late']);
  assert.equal((await migrating(own, (migration) => migration.undo())).restored, 4);
});

test('what the database itself refuses is listed and costs the other rows nothing', async (t) => {
  const own = await bench(t);
  own.db.exec(`create table users (id integer primary key, email text check (id <> 7 or email not like 'tk1%'), phone text);
    create trigger spoil after update of email on users when new.id = 9 begin
      update users set email = 'spoilt' where id = 9; end`);
  const add = own.db.prepare('insert into users (email) values (?)');
  for (let at = 0; at < 20; at++) add.run(legacy(`user${at}`));
  const before = rowsOf(own);
  const report = await migrating(own, (migration) => migration.migrate());
  assert.deepEqual([report.migrated, report.notOpenedTotal], [18, 2]);
  assert.deepEqual(
    report.notOpened.map(({ row, reason }) => [row, reason]),
    [
      ['7', 'refused by the database (SQLITE_CONSTRAINT)'],
      ['9', 'refused by the database (STORED_OTHERWISE)'],
    ],
  );
  assert.deepEqual([rowsOf(own)[6], rowsOf(own)[8]], [before[6], before[8]]);
});

test('a vault that does not read back what it sealed changes nothing', async (t) => {
  const own = await bench(t);
  addUsers(own);
  const before = rowsOf(own);
  const envelopes = {
    ...own.envelopes,
    seal: (items: Parameters<TestVault['seal']>[0]) =>
      own.envelopes.seal(items.map((item) => ({ ...item, text: 'x' }))),
  };
  await assert.rejects(
    migrating({ ...own, envelopes }, (migration) => migration.migrate()),
    { code: 'MIGRATION_SEAL' },
  );
  assert.deepEqual(rowsOf(own), before);
});
