import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { Door } from '../../src/cli/door.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { sendPeople, takeBack } from '../../src/cli/users-import.ts';
import { readReport, reportPathOf } from '../../src/cli/users-import-report.ts';
import { formatOf, readPeople } from '../../src/cli/users-import-rows.ts';
import { createPeopleImport } from '../../src/identity/import.ts';
import { peopleImportRoutes } from '../../src/identity/import-routes.ts';
import { requestId } from '../../src/kernel/brand.ts';
import { MAIN_REALM, MAIN_TENANT } from '../../src/tenants/index.ts';
import { createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';

let kit: Kit;
let door: Door;
const folder = mkdtempSync(join(tmpdir(), 'twinkeep-import-'));
before(async () => {
  kit = await createKit();
  door = doorOf(kit);
});
after(async () => {
  await kit.close();
  rmSync(folder, { recursive: true });
});

/** The routes themselves, as the operator: what the owner's door leads to. */
function doorOf({ twinkeep, clock }: Kit): Door {
  const { storage, house } = twinkeep;
  const { vault, audit, identity, tenants, access, sessions } = house;
  const people = createPeopleImport({
    ...{ storage, vault, audit, identity, clock, realm: MAIN_REALM },
    admit: async (tx, actor, tenant, person, roles) => {
      await tenants.addMember(tx, person, tenant);
      if (roles.length > 0) await access.grant(tx, actor, tenant, person, roles);
    },
    assertCovers: access.assertCovers,
    stayGoverned: (_tx, _actor, _person, change) => change(), // what it guards is tried with the whole house
    withdraw: (tx, actor, tenant, person) => access.grant(tx, actor, tenant, person, []),
    shutOut: (tx, actor, person) => sessions.endAll(tx, actor, person, 'import undone'),
    tenantsOf: tenants.tenantsOf,
    lacking: async () => undefined,
  });
  const routes = peopleImportRoutes(people);
  const context = { requestId: requestId('r'), address: '127.0.0.1', addressBlock: '127.0.0.1' };
  return {
    call: async (method, path, body) => {
      const route = routes.find((one) => one.method === method && one.path === path) ?? assert.fail(path);
      const parsed = Object(route).body.parse(JSON.parse(JSON.stringify(body)));
      const caller = { kind: 'operator', tenantId: MAIN_TENANT };
      const reply = await Object(route).handle({ body: parsed, caller, tenantId: MAIN_TENANT, context });
      return Object(route).replies[200].parse(reply.body);
    },
  };
}

const silent: Terminal = {
  json: true,
  watched: false,
  answer: () => undefined,
  say: () => undefined,
  progress: () => undefined,
};
const python = (code: string): string =>
  execFileSync('python3', ['-c', code], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
function hasWerkzeug(): boolean {
  try {
    return python('import werkzeug.security; print(1)') === '1';
  } catch {
    return false;
  }
}
const skip = hasWerkzeug() ? false : 'no python3-werkzeug on this machine';

async function importFile(file: string, roles: readonly string[] = []) {
  const format = formatOf(file, undefined);
  const rows = (await readPeople(file, format)).map((row) => (roles.length === 0 ? row : { ...row, roles }));
  return sendPeople(door, silent, rows, { file, format, tenant: null, dryRun: false });
}
const login = async (username: string, password: string): Promise<number> =>
  (await kit.call('POST', '/v1/login', { body: { username, password } })).status;

test('the old passwords of a Flask users.db sign in, also of rows that its writer has only in the journal', {
  skip,
}, async () => {
  const file = join(folder, 'users.db');
  const db = new DatabaseSync(file);
  db.exec('pragma journal_mode = wal');
  db.exec('create table users (id integer primary key, username text unique not null, password text not null)');
  db.exec('create table meter (id integer primary key, name text)');
  const add = db.prepare('insert into users (username, password) values (?, ?)');
  const hashes = python(
    "import hmac, werkzeug.security as s\nprint(s.generate_password_hash('flask-one'))\nprint(s.generate_password_hash('flask-two', 'pbkdf2'))\nprint('sha256$Ab12$' + hmac.new(b'Ab12', b'flask-three', 'sha256').hexdigest())",
  ).split('\n');
  for (const [at, hash] of hashes.entries()) add.run(`flask${at + 1}`, hash);
  add.run('broken', 'plain text');
  const report = await importFile(file, ['viewer']);
  db.close();
  assert.deepEqual([report.made.length, report.refused.map(({ place }) => place)], [3, ['row 4 of users']]);
  for (const [name, password] of [
    ['flask1', 'flask-one'],
    ['flask2', 'flask-two'],
    ['flask3', 'flask-three'],
  ] as const) {
    assert.equal(await login(name, `${password}x`), 401, name);
    assert.equal(await login(name, password), 200, name);
    const person = await kit.twinkeep.house.identity.find(MAIN_REALM, name);
    assert.match(person?.passwordHash ?? '', /^\$argon2id\$/);
  }
});

const hashed = (): Promise<string> => kit.twinkeep.house.identity.hash(KIT_PASSWORD);

test('a CSV file is read by the usual names of columns, and its bad rows are named by line', async () => {
  const file = join(folder, 'people.csv');
  const hash = `"${await hashed()}"`; // it has commas
  const lines = [
    'User Name,E-Mail,Hashed_Password,Role,is_active,date_joined',
    `carl,carl@twin.example,${hash},"viewer,analyst",1,2024-08-27 14:05:23.123456`,
    `dora,,${hash},viewer,False,`,
    'emil,,,viewer,1,',
    `"multi\nline",,${hash},viewer,1,`,
    `${'x'.repeat(300)},,${hash},viewer,1,`,
  ];
  writeFileSync(file, `\ufeff${lines.join('\r\n')}\r\n`);
  const report = await importFile(file);
  assert.deepEqual(
    report.made.map(({ username }) => username),
    ['carl', 'dora'],
  );
  assert.deepEqual(new Set(report.refused.map(({ place }) => place)), new Set(['line 4', 'line 6', 'line 7']));
  assert.deepEqual([await login('carl', KIT_PASSWORD), await login('dora', KIT_PASSWORD)], [200, 401]);
  const { json } = await kit.call('GET', '/v1/users?email=carl@twin.example', { token: await kit.signIn() });
  assert.deepEqual(
    [json.items[0].roles, json.items[0].created_at],
    [['analyst', 'viewer'], '2024-08-27T14:05:23.123Z'],
  );
});

test('an import that is repeated goes on, its report keeps whom it made before, and is undone as a whole', async () => {
  const file = join(folder, 'people.json');
  const people = [];
  for (const username of ['fay', 'gus', 'hal']) people.push({ username, password_hash: await hashed() });
  writeFileSync(file, JSON.stringify(people.slice(0, 2)));
  assert.equal((await importFile(file)).made.length, 2);
  writeFileSync(file, JSON.stringify(people));
  const second = await importFile(file);
  assert.deepEqual([second.made.length, second.existing.length, second.refused.length], [3, 2, 0]);
  const path = reportPathOf(file);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(!readFileSync(path, 'utf8').includes('$argon2'), 'no hash stands in a report');
  assert.equal(await login('gus', KIT_PASSWORD), 200);
  assert.deepEqual(await takeBack(door, silent, readReport(path)), { removed: 2, disabled: 1, gone: 0 });
  assert.deepEqual(await takeBack(door, silent, readReport(path)), { removed: 0, disabled: 1, gone: 2 });
  assert.equal(await login('gus', KIT_PASSWORD), 401);
});

test('a dry run makes nobody and writes nothing', async () => {
  const file = join(folder, 'dry.json');
  writeFileSync(file, JSON.stringify([{ username: 'ina', password_hash: await hashed() }]));
  const rows = await readPeople(file, 'json');
  const report = await sendPeople(door, silent, rows, { file, format: 'json', tenant: null, dryRun: true });
  assert.deepEqual([report.made.length, statSync(reportPathOf(file), { throwIfNoEntry: false })], [1, undefined]);
  assert.equal(await login('ina', KIT_PASSWORD), 401);
});

test('a file that holds no people is refused with what is missing', async () => {
  const at = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const refused = async (file: string, pattern: RegExp) =>
    assert.rejects(async () => readPeople(file, formatOf(file, undefined)), pattern);
  await refused(at('a.json', '{'), /is not JSON/);
  await refused(at('b.json', '{}'), /must be a JSON array/);
  await refused(at('c.json', '[1]'), /Entry 1 .* is no object/);
  await refused(at('d.json', '[{"a":1}]'), /no column for a user name/);
  await refused(at('e.csv', 'username,password\n"a,b\n'), /is not CSV/);
  await refused(at('f.csv', 'username,password\na,b,c\n'), /Line 2 /);
  await refused(
    at('g.db', 'no database at all, but long enough to have a header of one hundred bytes in it.'.repeat(3)),
    /SQLite/,
  );
  await refused(join(folder, 'none.csv'), /There is no file/);
  await refused(at('h.txt', ''), /--from must be/);
  const two = new DatabaseSync(join(folder, 'two.db'));
  two.exec('create table users (username text, password text); create table old_users (username text, password text)');
  two.close();
  await refused(join(folder, 'two.db'), /give --table/);
  assert.deepEqual(await readPeople(join(folder, 'two.db'), 'flask', { table: 'users' }), []);
});
