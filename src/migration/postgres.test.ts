import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import {
  createTestVault,
  folderOf,
  legacy,
  type Migrating,
  migrating,
  type TestVault,
} from './migration-kit.contract.ts';

await serverSuite('migration of PostgreSQL', startPostgres, (server) => {
  interface Bench extends Migrating {
    readonly envelopes: TestVault;
    readonly sql: (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  }

  async function bench(t: TestContext, ddl: string): Promise<Bench> {
    const url = await server.createDatabase();
    const envelopes = await createTestVault();
    t.after(() => envelopes.close());
    await queryPostgres(url, ddl);
    return { url, envelopes, folder: join(folderOf(t), 'backups'), sql: (text) => queryPostgres(url, text) };
  }

  const USERS = 'create table users (id int primary key, email text, phone varchar(200))';

  test('legacy values become envelopes, and an undo puts them back byte by byte', async (t) => {
    const own = await bench(t, USERS);
    const [one, two, three] = [legacy('ada@example.org'), legacy('+82 1'), legacy('x', Buffer.alloc(32, 9))];
    await own.sql(`insert into users values (10, '${one}', '${two}'), (9, '${three}', null), (-1, '', 'plain')`);
    const before = await own.sql('select * from users order by id');
    const report = await migrating(own, (migration) => migration.migrate());
    assert.deepEqual([report.finished, report.rows, report.migrated, report.copy], [true, 3, 2, undefined]);
    assert.deepEqual(
      report.notOpened.map(({ row, column, reason }) => [row, column, reason]),
      [
        ['-1', 'phone', 'looks plain'],
        ['9', 'email', 'no key opens it'],
      ],
    );
    const after = (await own.sql('select * from users where id = 10'))[0];
    const place = { table: 'users', row: '10' };
    assert.equal(own.envelopes.openOne({ ...place, column: 'email' }, String(after?.['email'])), 'ada@example.org');
    assert.equal(own.envelopes.openOne({ ...place, column: 'phone' }, String(after?.['phone'])), '+82 1');
    assert.equal((await migrating(own, (migration) => migration.undo())).restored, 2);
    assert.deepEqual(await own.sql('select * from users order by id'), before);
  });

  test('keys of every kind walk the whole table, batch by batch', async (t) => {
    for (const [type, value] of [
      ['uuid', 'gen_random_uuid()'],
      ['bigint', '9007199254740993 + n'],
      ['smallint', 'n - 12'],
      ['text', "chr(100 - n) || '''\" ,\\'"],
      ['varchar(40)', "'k' || n"],
    ] as const) {
      const own = await bench(t, `create table users (id ${type} primary key, email text)`);
      await own.sql(`insert into users select ${value}, '${legacy('ada')}' from generate_series(1, 25) as n`);
      const wish = { ...own, columns: ['email'], overrides: { batch: 10 } };
      const report = await migrating(wish, (migration) => migration.migrate());
      assert.deepEqual([report.migrated, report.rows], [25, 25], type);
      for (const { id, email } of await own.sql('select id::text, email from users')) {
        assert.equal(own.envelopes.openOne({ table: 'users', column: 'email', row: String(id) }, String(email)), 'ada');
      }
    }
  });

  // Attack: names are pasted into SQL, where quotes would end them.
  test('names are taken literally, and a schema may be named', async (t) => {
    const [table, key, column] = ['us"ers; drop table x;--', 'k\'e"y', 'e,ma"il $1'];
    const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;
    const ddl = `create table x (a int); create schema "s 1"; create table "s 1".${q(table)}
      (${q(key)} text, part uuid default gen_random_uuid(), ${q(column)} text, primary key (part, ${q(key)}))`;
    const own = await bench(t, ddl);
    await own.sql(`insert into "s 1".${q(table)} values ('1''); drop table x;--', default, '${legacy('ada')}')`);
    const names = { table: `s 1.${table}`, key: [key, 'part'], columns: [column] };
    assert.equal((await migrating({ ...own, ...names }, (migration) => migration.migrate())).migrated, 1);
    assert.equal((await migrating({ ...own, ...names }, (migration) => migration.undo())).restored, 1);
    assert.deepEqual(await own.sql('select * from x'), []);
  });

  test('what no migration can work with is refused before anything is written, with what to do', async (t) => {
    const own = await bench(
      t,
      `create table narrow (id int primary key, email varchar(60)); create table bare (id int, email text);
      create table odd (id timestamptz primary key, email text); create table blob (id int primary key, email bytea);
      create table maybe (id int unique, email text); insert into maybe values (null, 'x'); create view seen as select * from bare;
      create table fixed (id int primary key, a text, email text generated always as (a || 'x') stored)`,
    );
    const cases: readonly (readonly [string, RegExp])[] = [
      ['narrow', /takes 60 characters .* run: ALTER TABLE "public"."narrow" ALTER COLUMN "email" TYPE text;/],
      ['bare', /run: CREATE UNIQUE INDEX/],
      ['odd', /is of type timestamp/],
      ['blob', /is of type bytea/],
      ['maybe', /is NULL in some rows/],
      ['seen', /is no table/],
      ['fixed', /computed by the database/],
      ['none', /There is no table none/],
    ];
    for (const [table, reason] of cases) {
      await assert.rejects(
        migrating({ ...own, table, columns: ['email'] }, (migration) => migration.migrate()),
        ({ code, facts }) => code === 'MIGRATION_TABLE' && reason.test(facts.reason),
        table,
      );
    }
    assert.equal(existsSync(own.folder), false);
  });

  test('a column that is too narrow for AES envelopes names the width', async (t) => {
    const own = await bench(t, 'create table users (id int primary key, email varchar(100))');
    await own.sql(`insert into users values (1, repeat('A', 96))`);
    const keyFile = Buffer.alloc(32, 1).toString('base64');
    await assert.rejects(
      migrating({ ...own, columns: ['email'], form: 'aes-gcm', keyFile }, (migration) => migration.migrate()),
      ({ facts }) => /takes 100 characters and an envelope needs 123/.test(facts.reason),
    );
  });

  test('a row that somebody keeps locked, or that the database refuses, costs the others nothing', async (t) => {
    const own = await bench(t, `${USERS}; alter table users add check (id <> 3 or email not like 'tk1%')`);
    await own.sql(`insert into users select n, '${legacy('ada')}' from generate_series(1, 8) as n`);
    const { default: pg } = await import('pg');
    const holder = new pg.Client({ connectionString: own.url });
    await holder.connect();
    await holder.query('begin');
    await holder.query('select * from users where id = 5 for update');
    const report = await migrating(own, (migration) => migration.migrate());
    await holder.query('rollback');
    await holder.end();
    assert.equal(report.migrated, 6);
    assert.deepEqual(
      report.notOpened.map(({ row, reason }) => [row, reason]),
      [
        ['3', 'refused by the database (23514)'],
        ['5', 'refused by the database (55P03)'],
      ],
    );
    assert.equal((await migrating(own, (migration) => migration.migrate())).migrated, 1, 'it is free now');
  });

  // Attack: a policy hides rows from the user that migrates, which would end with "0 left" and legacy values for ever.
  test('a user from whom row-level security hides rows is refused; its table owner is not', async (t) => {
    const own = await bench(t, USERS);
    await own.sql(`insert into users select n, '${legacy('ada')}' from generate_series(1, 4) as n;
      alter table users enable row level security; create policy half on users using (id > 2);
      create role twinkeep_clerk; grant all on users to twinkeep_clerk`);
    const clerk = { ...own, url: `${own.url}?options=${encodeURIComponent('-c role=twinkeep_clerk')}` };
    for (const name of ['migrate', 'look', 'undo'] as const) {
      await assert.rejects(
        migrating(clerk, (migration) => migration[name]()),
        ({ code, facts }) => code === 'MIGRATION_TABLE' && /"users".*BYPASSRLS/.test(facts.reason),
      );
    }
    assert.deepEqual(
      [existsSync(own.folder), (await migrating(own, (migration) => migration.migrate())).migrated],
      [false, 4],
    );
    await own.sql('alter table users owner to twinkeep_clerk; alter table users force row level security');
    await assert.rejects(
      migrating(clerk, (migration) => migration.look()),
      ({ facts }) => /NO FORCE/.test(facts.reason),
    );
    await own.sql('alter table users no force row level security');
    assert.equal((await migrating(clerk, (migration) => migration.look())).already, 4);
  });

  test('row-level security that is switched on meanwhile ends a migration, and it goes on later', async (t) => {
    const own = await bench(t, USERS);
    await own.sql(`insert into users select n, '${legacy('ada')}' from generate_series(1, 4) as n;
      create role twinkeep_guest; grant all on users to twinkeep_guest`);
    const url = `${own.url}?options=${encodeURIComponent('-c role=twinkeep_guest')}`;
    const beforeChange = async (): Promise<void> => {
      await own.sql('alter table users enable row level security; create policy half on users using (id > 2)');
    };
    await assert.rejects(
      migrating({ ...own, url, overrides: { beforeChange } }, (migration) => migration.migrate()),
      ({ code, facts }) => code === 'MIGRATION_TABLE' && /42501.*BYPASSRLS/.test(facts.reason),
    );
    assert.equal((await migrating(own, (migration) => migration.migrate())).migrated, 4);
  });

  test('a server that cannot be reached is told without the password', async (t) => {
    const url = 'postgres://ada:hunter2@127.0.0.1:1/app';
    await assert.rejects(
      migrating({ url, envelopes: await createTestVault(), folder: folderOf(t) }, (migration) => migration.migrate()),
      (error) => {
        const { code, facts } = Object(error);
        return code === 'MIGRATION_DATABASE' && !facts.reason.includes('hunter2');
      },
    );
  });
});
