import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { formatOf, type PersonRow, readPeople } from './users-import-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-rows-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(extension: string, text: string): string {
  const file = join(folder, `${++files}.${extension}`);
  writeFileSync(file, text);
  return file;
}
const read = (file: string, ignored: readonly string[] = []) =>
  readPeople(file, formatOf(file, undefined), { ignored });
const people = (records: readonly object[], ignored?: readonly string[]) =>
  read(
    fileOf('json', JSON.stringify(records.map((record, at) => ({ username: `u${at}`, hash: 'x', ...record })))),
    ignored,
  );
const shutOf = (rows: readonly PersonRow[]) => rows.map(({ disabled }) => disabled);

// Attack: somebody who was shut out in the old system is let in, because a column shows late or beside another.
test('a column counts for everybody, however late the first record has it', async () => {
  const late = { disabled: true, email: 'late@twin.example', roles: ['viewer'], created_at: '2024-01-01' };
  const rows = await people([...Array.from({ length: 150 }, () => ({})), late, { enabled: false }]);
  assert.deepEqual(shutOf(rows.slice(-3)), [false, true, true]);
  const { email, roles, createdAt } = rows.at(-2) ?? assert.fail();
  assert.deepEqual([email, roles, createdAt], [late.email, late.roles, '2024-01-01T00:00:00Z']);
});

test('any column that says that somebody is shut out is believed, in every spelling of its name', async () => {
  const shut = [
    { disabled: false, is_disabled: 1 },
    { enabled: 'yes', is_active: 0 },
    { isActive: false },
    { Disabled: 'no', disabled: 'yes' },
    { disabled: 'gesperrt' },
    { disabled: '2024-01-01' },
    { active: 'vielleicht' },
    { is_active: null },
    { activated: false },
  ];
  assert.deepEqual(shutOf(await people(shut)), Array(shut.length).fill(true));
  const open = [{ disabled: false, is_active: true }, { disabled: 'N', active: 'Y' }, { disabled: null }, {}];
  assert.deepEqual(shutOf(await people(open)), Array(open.length).fill(false));
});

test('a file with a state that is not understood is refused, unless that is to be ignored', async () => {
  const states = ['locked', 'isBanned', 'deleted_at', 'account_status', 'Suspended Until', 'blocked', 'lockout_end'];
  for (const state of states) {
    await assert.rejects(people([{}, { [state]: '2024-01-01' }]), /--ignore-column/, state);
    assert.deepEqual(shutOf(await people([{}, { [state]: '2024-01-01' }], [state])), [false, false]);
    assert.equal((await people([{ [state]: null }, { [state]: 0 }, { [state]: '' }])).length, 3);
  }
  await assert.rejects(people([{}], ['lokced']), /there is no column lokced/);
  for (const harmless of ['last_active', 'failed_logins', 'created_by', 'statement', 'estate']) {
    assert.equal((await people([{ [harmless]: 'x' }])).length, 1, harmless);
  }
  const csv = fileOf('csv', 'username,password,locked\na,x,0\nb,x,1\n');
  await assert.rejects(read(csv), /by locked\b/);
  assert.equal((await read(csv, ['Locked'])).length, 2);
  const database = join(folder, 'users.db');
  const db = new DatabaseSync(database);
  db.exec("create table users (username text, password text, is_locked int); insert into users values ('a', 'x', 1)");
  db.close();
  await assert.rejects(read(database), /is_locked/);
});

test('of several columns of one field each record has its own', async () => {
  const rows = await people([
    { email: '', mail: 'a@twin.example', role: 'viewer' },
    { email: 'b@twin.example', roles: ['analyst'], createdAt: 1_700_000_000_000 },
    { username: 'c@twin.example' },
  ]);
  assert.deepEqual(
    rows.map(({ email, roles, createdAt }) => [email, roles, createdAt]),
    [
      ['a@twin.example', ['viewer'], undefined],
      ['b@twin.example', ['analyst'], '2023-11-14T22:13:20.000Z'],
      ['c@twin.example', [], undefined],
    ],
  );
});
