import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { KEY_FILE, legacy } from '../../src/migration/migration-kit.contract.ts';
import { ask, type CommandLine, createCommandLine } from './command.ts';

interface Owner {
  readonly cli: CommandLine;
  readonly db: DatabaseSync;
  readonly args: readonly string[];
}

/** A Flask program's table of 1,200 users, one of whom has a plain phone. */
function ownerOf(t: TestContext): Owner {
  const cli = createCommandLine();
  const db = new DatabaseSync(join(cli.folder, 'app.db'), { timeout: 5_000 });
  t.after(async () => {
    db.close();
    await cli.close();
  });
  db.exec('create table users (id integer primary key, email text, phone text); begin');
  const add = db.prepare('insert into users (email, phone) values (?, ?)');
  for (let id = 1; id <= 1_200; id++) add.run(legacy(`email of ${id}`), id === 7 ? '+82 7' : legacy(`phone of ${id}`));
  db.exec('commit');
  writeFileSync(join(cli.folder, 'fernet.key'), KEY_FILE);
  const where = ['--db', 'sqlite:///app.db', '--table', 'users', '--key', 'id', '--columns', 'email,phone'];
  return { cli, db, args: ['migrate', 'fields', '--from', 'fernet', '--key-file', 'fernet.key', ...where] };
}

const valuesOf = (db: DatabaseSync): readonly unknown[] => db.prepare('select email, phone from users').all();

test('migrate fields beside a running server: what it sealed, and what it has not, open over HTTP', async (t) => {
  const { cli, db, args } = ownerOf(t);
  const before = valuesOf(db);
  const { address } = await cli.serve();
  const dry = await cli.run([...args, '--dry-run', '--json']);
  assert.deepEqual([dry.code, dry.json.columns[0].legacy, dry.json.not_opened_total], [1, 1_200, 1], dry.stderr);
  assert.deepEqual([valuesOf(db), existsSync(join(cli.folder, 'security_backups'))], [before, false]);

  const done = await cli.run([...args, '--json']);
  assert.deepEqual(
    [done.code, done.json.migrated, done.json.not_opened],
    [1, 2_399, [{ row: '7', column: 'phone', reason: 'looks plain' }]],
    done.stderr,
  );
  const made = await cli.run(['api-keys', 'create', 'app', '--scope', 'open:fields', '--json']);
  const open = (row: string, sealed: unknown) =>
    ask(address, 'POST', '/v1/vault/open', {
      key: made.json.key,
      body: { table: 'users', column: 'email', row, sealed },
    });
  const sealed = db.prepare('select email from users where id = 3').get()?.['email'];
  const own = await open('3', sealed);
  assert.deepEqual([own.status, own.json.text, own.json.form], [200, 'email of 3', 'envelope']);
  assert.notEqual((await open('4', sealed)).status, 200, 'moved to another row it does not open');
  const old = await open('3', Object(before[2]).email);
  assert.deepEqual([old.status, old.json.text, old.json.form], [200, 'email of 3', 'fernet']);

  db.exec('update users set phone = null where id = 7');
  const verified = await cli.run([...args, '--verify-only']);
  assert.equal(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /2,399 envelopes open, 0 are still legacy, 0 do not open\./);
});

test('without a server the command opens the folder itself, and undoes what it did', async (t) => {
  const { cli, db, args } = ownerOf(t);
  const before = valuesOf(db);
  const done = await cli.run(args);
  assert.equal(done.code, 1, done.stderr);
  assert.match(done.stdout, /row 7: phone: looks plain/);
  assert.match(done.stdout, /2,399 migrated, 0 were envelopes already, 1 left as they are\./);
  assert.equal(done.stdout.includes('+82 7'), false, 'no value is ever told');
  const undone = await cli.run([...args, '--undo', '--json']);
  assert.deepEqual([undone.code, undone.json.restored], [0, 2_399], undone.stderr);
  assert.deepEqual(valuesOf(db), before);
});

test('what was typed wrong is told before anything is opened', async (t) => {
  const { cli, args } = ownerOf(t);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--dry-run', '--undo'], /exclude each other/],
    [['--batch', '0'], /--batch takes/],
  ];
  for (const [more, message] of cases) {
    const { code, stderr } = await cli.look([...args, ...more]);
    assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
  }
  const keyless = args.map((arg) => (arg === 'fernet.key' ? 'nowhere.key' : arg));
  assert.match((await cli.look(keyless)).stderr, /not there: nowhere\.key/);
  const tableless = args.map((arg) => (arg === 'users' ? 'user' : arg));
  assert.match(
    (await cli.run([...tableless, '--verify-only'])).stderr,
    /There is no table user\.|There is no Twinkeep/,
  );
});
