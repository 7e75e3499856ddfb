import assert from 'node:assert/strict';
import { existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createTestVault, folderOf, legacy, migrating } from './migration-kit.contract.ts';

const refusedWith = (code: string, reason: RegExp) => (error: unknown) => {
  const { code: own, facts } = Object(error);
  assert.equal(own, code);
  assert.match(facts.reason, reason);
  return true;
};

test('what no migration can work with is refused before anything is written, with what to do', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'app.db');
  const db = new DatabaseSync(file);
  t.after(() => db.close());
  db.exec(`create table bare (id int, email text, phone text); create view seen as select * from bare;
    create table maybe (id text primary key, email text, phone text); insert into maybe values (null, 'x', '');
    create table mixed (id primary key, email text, phone text); insert into mixed values (1, '', ''), ('1', '', '');
    create table reals (id real primary key, email text, phone text); insert into reals values (1.5, '', '');
    create table folded (id text collate nocase, email text, phone text); create unique index f on folded (id collate binary);
    insert into folded values ('a', '', ''), ('A', '', '');
    create table partial (id int, email text, phone text); create unique index p on partial (id) where id > 5;
    create table fixed (id integer primary key, email text, phone text as (email || 'x'));
    create virtual table found using fts5 (id, email, phone)`);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['bare', /run: CREATE UNIQUE INDEX twinkeep_key ON "bare" \("id"\);/],
    ['seen', /is a view/],
    ['maybe', /NULL in some rows/],
    ['mixed', /a number in some rows and a text in others/],
    ['reals', /is real in some rows/],
    ['folded', /stands for several rows/],
    ['partial', /CREATE UNIQUE INDEX/],
    ['fixed', /computed by the database/],
    ['found', /virtual table/],
    ['BARE', /spelled bare/],
    ['none', /no table none/],
  ];
  const envelopes = await createTestVault();
  const own = { url: `sqlite:${file}`, envelopes, folder: join(folder, 'backups') };
  for (const [table, reason] of cases) {
    const run = migrating({ ...own, table }, (migration) => migration.migrate());
    await assert.rejects(run, refusedWith('MIGRATION_TABLE', reason), table);
  }
  const columns = [
    [['mail'], /has no column mail; it has id, email, phone/],
    [['email', 'email'], /named twice/],
    [['id'], /named twice/],
    [['e\0'], /no NUL/],
    [[], /columns are migrated/],
  ] as const;
  for (const [names, reason] of columns) {
    const run = migrating({ ...own, table: 'folded', columns: names }, (migration) => migration.migrate());
    await assert.rejects(run, refusedWith('MIGRATION_TABLE', reason));
  }
  assert.equal(existsSync(own.folder), false);
});

test('a file that is not there is not made, and one that is no database is told', async (t) => {
  const folder = folderOf(t);
  const envelopes = await createTestVault();
  const missing = { url: `sqlite:${join(folder, 'none.db')}`, envelopes, folder };
  const none = migrating(missing, (migration) => migration.migrate());
  await assert.rejects(none, refusedWith('MIGRATION_DATABASE', /There is no file/));
  writeFileSync(join(folder, 'junk.db'), 'x'.repeat(5_000));
  const junk = migrating({ ...missing, url: `sqlite:${join(folder, 'junk.db')}` }, (migration) => migration.migrate());
  await assert.rejects(junk, refusedWith('MIGRATION_DATABASE', /not a database/));
  const other = migrating({ ...missing, url: 'mysql://x' }, (migration) => migration.migrate());
  await assert.rejects(other, refusedWith('MIGRATION_DATABASE', /Only sqlite/));
  assert.deepEqual(readdirSync(folder), ['junk.db']);
});

test('blobs, huge values and rows that no envelope can name stay as they are and are listed', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'app.db');
  const db = new DatabaseSync(file);
  t.after(() => db.close());
  db.exec('create table users (id text primary key, email text)');
  const add = db.prepare('insert into users values (?, ?)');
  add.run('a', Buffer.from('gAAAAA'));
  add.run('b', 'x'.repeat(200_000));
  add.run('', legacy('ada'));
  add.run('k'.repeat(201), legacy('ada'));
  add.run('c', legacy('x'.repeat(65_537)));
  add.run('d', legacy('x'.repeat(65_536)));
  add.run('e', legacy('nul\0inside'));
  add.run('f', `tk1.${'x'.repeat(100_000)}`);
  const envelopes = await createTestVault();
  const own = { url: `sqlite:${file}`, envelopes, folder, columns: ['email'] };
  const report = await migrating(own, (migration) => migration.migrate());
  assert.equal(report.migrated, 2, 'd, and e, which a vault that takes NUL takes');
  assert.deepEqual(
    report.notOpened.map(({ row, reason }) => [row.slice(0, 3), reason]),
    [
      ['', 'row cannot be named'],
      ['a', 'not a text'],
      ['b', 'longer than 65,536 bytes'],
      ['c', 'longer than 65,536 bytes'],
      ['f', 'envelope does not open here'],
      ['kkk', 'row cannot be named'],
    ],
  );
});

// Attack: an undo file that was cut off or altered must not be taken for a whole one.
test('a damaged undo file is refused, and a damaged state begins anew', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'app.db');
  const db = new DatabaseSync(file);
  t.after(() => db.close());
  db.exec('create table users (id integer primary key, email text)');
  for (let at = 0; at < 50; at++) db.prepare('insert into users (email) values (?)').run(legacy(`user${at}`));
  const envelopes = await createTestVault();
  const own = { url: `sqlite:${file}`, envelopes, folder: join(folder, 'backups'), columns: ['email'] };
  const { undo } = await migrating(own, (migration) => migration.migrate());
  truncateSync(undo[0] ?? '', 2_000);
  const run = migrating(own, (migration) => migration.undo());
  await assert.rejects(run, refusedWith('MIGRATION_UNDO', /is damaged/));
  const elsewhere = migrating({ ...own, columns: ['email'], table: 'users', key: ['id'], folder }, (migration) =>
    migration.undo(),
  );
  await assert.rejects(elsewhere, refusedWith('MIGRATION_UNDO', /No undo file/));
});

test('a key file with anything else in it is refused by line, without a word of it', async (t) => {
  const envelopes = await createTestVault();
  const file = join(folderOf(t), 'app.db');
  new DatabaseSync(file).close();
  for (const [form, keyFile, reason] of [
    ['fernet', '\nhunter2\n', /Line 2 of the key file is no Fernet key/],
    ['aes-gcm', Buffer.alloc(31).toString('base64'), /Line 1 of the key file is no AES-256 key/],
    ['fernet', '# nothing\n', /has no key/],
  ] as const) {
    const run = migrating({ url: `sqlite:${file}`, envelopes, folder: '/nowhere', form, keyFile }, (migration) =>
      migration.look(),
    );
    await assert.rejects(run, refusedWith('MIGRATION_KEY', reason));
  }
});
