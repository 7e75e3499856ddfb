import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { fernetDecrypt, fernetEncrypt, newFernetKey } from '../old-ciphers.ts';
import { FIELD_KEY, SECRET } from '../profile-kit.ts';
import { createPlace, type Place, type StartedServer } from '../started.ts';

const ROWS = 600;
const COLUMNS = ['email', 'phone'] as const;
const AIVILLAGE = { TWINKEEP_PROFILE: 'aivillage', JWT_SECRET_KEY: SECRET, DIGITAL_TWIN_MASTER_KEY: FIELD_KEY };

interface Owner {
  readonly place: Place;
  readonly db: DatabaseSync;
  readonly key: string;
  readonly args: readonly string[];
}

/** The program that AIVillage's encryption served until now: its database, its Fernet key. */
function ownerOf(t: TestContext): Owner {
  const place = createPlace(t, AIVILLAGE);
  const key = newFernetKey();
  place.write('fernet.key', `${key}\n`);
  const db = new DatabaseSync(join(place.folder, 'app.db'), { timeout: 10_000 });
  t.after(() => db.close());
  db.exec('create table users (id integer primary key, email text, phone text); begin');
  const add = db.prepare('insert into users (email, phone) values (?, ?)');
  for (let id = 1; id <= ROWS; id++)
    add.run(fernetEncrypt(key, `email of ${id}`), fernetEncrypt(key, `phone of ${id}`));
  db.exec('commit');
  const where = ['--db', 'sqlite:app.db', '--table', 'users', '--key', 'id', '--columns', COLUMNS.join()];
  return { place, db, key, args: ['migrate', 'fields', '--from', 'fernet', '--key-file', 'fernet.key', ...where] };
}

const valuesOf = (db: DatabaseSync): readonly unknown[] => db.prepare('select * from users order by id').all();

/** Reads rows as the program does, whatever form they have, until it is told to stop. @returns how many it read */
async function readOn(server: StartedServer, { db, place }: Owner, goesOn: () => boolean): Promise<number> {
  const made = await place.cli.run(['api-keys', 'create', 'village', '--scope', 'open:fields', '--json']);
  const headers = { 'x-api-key': made.json.key };
  const some = db.prepare('select id, email, phone from users where id % 7 = ? order by id');
  let read = 0;
  for (let turn = 0; goesOn(); turn++) {
    const items = some
      .all(turn % 7)
      .flatMap((row) =>
        COLUMNS.map((column) => ({ table: 'users', column, row: String(row['id']), sealed: String(row[column]) })),
      );
    const answer = await server.call('POST', '/v1/vault/open/batch', { headers, body: { items } });
    assert.deepEqual([answer.status, answer.json.failed], [200, 0], answer.text);
    for (const [at, { column, row }] of items.entries())
      assert.equal(answer.json.items[at].text, `${column} of ${row}`);
    read += items.length;
  }
  return read;
}

test('V02 V22 values move from Fernet to envelopes while their program reads every one of them, old or new', async (t) => {
  const owner = ownerOf(t);
  const { place, db, args } = owner;
  const server = await place.start();
  const imported = await place.cli.run(['keys', 'import', '--from', 'fernet', '--key-file', 'fernet.key']);
  assert.equal(imported.code, 0, imported.stderr);
  let migrating = true;
  const reading = readOn(server, owner, () => migrating);
  const done = await place.cli.run([...args, '--json']);
  migrating = false;
  assert.ok((await reading) > 0);
  assert.deepEqual([done.code, done.json.migrated, done.json.not_opened], [0, ROWS * 2, []], done.stderr);
  let after = 2;
  assert.ok((await readOn(server, owner, () => after-- > 0)) > 0);
  const values = db.prepare('select email from users union all select phone from users').all();
  assert.ok(values.every(({ email }) => /^tk1\.v_/.test(String(email))));
});

test('V22 a backup is made first, in the folder that is named, and the old values come back from it', async (t) => {
  const { place, db, key, args } = ownerOf(t);
  const before = valuesOf(db);
  const done = await place.cli.run([...args, '--backup-dir', 'kept', '--json']);
  assert.equal(done.code, 0, done.stderr);
  assert.notDeepEqual(valuesOf(db), before);
  const folder = join(place.folder, 'kept');
  const file = readdirSync(folder).find((name) => name.endsWith('.db')) ?? assert.fail('no backup');
  assert.equal(statSync(join(folder, file)).mode & 0o077, 0, 'nobody else reads it');
  const copy = new DatabaseSync(join(folder, file), { readOnly: true });
  t.after(() => copy.close());
  assert.deepEqual(valuesOf(copy), before);
  assert.equal(existsSync(join(place.folder, 'security_backups')), false);
  const undone = await place.cli.run([...args, '--backup-dir', 'kept', '--undo', '--json']);
  assert.deepEqual([undone.code, undone.json.restored], [0, ROWS * 2], undone.stderr);
  assert.deepEqual(valuesOf(db), before);
  const email = db.prepare('select email from users where id = 1').get()?.['email'];
  assert.equal(fernetDecrypt(key, String(email)), 'email of 1');
});

test('V22 without a folder named, the backup goes to ./security_backups', async (t) => {
  const { place, args } = ownerOf(t);
  assert.equal((await place.cli.run(args)).code, 0);
  assert.ok(readdirSync(join(place.folder, 'security_backups')).length > 0);
});

test('V22 --verify-only writes nothing, and ends well only once every value is an envelope that opens', async (t) => {
  const { place, db, args } = ownerOf(t);
  const server = await place.start();
  const verify = async () => {
    const before = valuesOf(db);
    const ended = await place.cli.run([...args, '--verify-only', '--json']);
    assert.deepEqual(valuesOf(db), before);
    return ended;
  };
  const first = await verify();
  assert.equal(first.code, 1);
  assert.deepEqual(
    first.json.columns.map(({ legacy }: { legacy: number }) => legacy),
    [ROWS, ROWS],
  );
  assert.equal(existsSync(join(place.folder, 'security_backups')), false);
  assert.equal((await place.cli.run(args)).code, 0);
  assert.equal((await verify()).code, 0);
  // Attack: a sealed value is copied to another row.
  db.exec('update users set email = (select email from users where id = 2) where id = 1');
  const { code, stdout, json } = await verify();
  assert.equal(code, 1);
  assert.deepEqual(
    json.not_opened.map(({ row, column }: { row: string; column: string }) => [row, column]),
    [['1', 'email']],
  );
  assert.ok(!/email of|tk1\./.test(stdout), 'listed by row, never by content');
  await server.running.stop('SIGTERM');
});
