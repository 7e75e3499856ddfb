import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandLine, createCommandLine } from './command.ts';

let cli: CommandLine;
before(() => {
  cli = createCommandLine();
});
after(() => cli.close());

/** Runs the command behind `label` as somebody would who pastes it into a shell. */
function paste(printed: string, label: RegExp) {
  const line = label.exec(printed)?.[1] ?? assert.fail(printed);
  const words = execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' }).split('\0');
  assert.equal(words[0], 'twinkeep');
  return cli.run(words.slice(1, -1));
}

const good = async (...args: readonly string[]) => {
  const ended = await cli.run(args);
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
};
const rolesIn = async (tenant: string, username: string): Promise<unknown> =>
  (await good('users', 'list', '--tenant', tenant, '--json')).json.find(
    (one: { username: string }) => one.username === username,
  )?.roles;

// Attack: nobody's; the operator pastes what was printed, and an administrator of one plant becomes that of all.
test('the printed undo of a removal takes the person into the same tenant again, and into no other', async () => {
  await good('tenants', 'create', 'plant-2', '--name', 'Plant 2');
  await good('users', 'add', 'carl', '--tenant', 'plant-2', '--role', 'admin');
  const left = await good('tenants', 'remove-member', 'carl', '--tenant', 'plant-2');
  assert.equal(await rolesIn('plant-2', 'carl'), undefined);
  assert.equal((await paste(left.stdout, /^To undo: (.+)$/m)).code, 0);
  assert.deepEqual(await rolesIn('plant-2', 'carl'), ['admin']);
  assert.equal(await rolesIn('main', 'carl'), undefined);
});

test('the printed undo of an import takes back whom it made in its tenant, and says where it could not', async () => {
  await good('users', 'add', 'hash', '--role', 'viewer');
  const file = join(cli.folder, "people o'plant.json");
  const hash = '$2b$04$abcdefghijklmnopqrstuuWf4v.sO4kU1nPFbIf3Vb3Tk2Zm6pWmS';
  writeFileSync(file, JSON.stringify([{ username: 'ida', password_hash: hash }]));
  const made = await good('users', 'import', file, '--role', 'viewer', '--tenant', 'plant-2');
  assert.deepEqual(await rolesIn('plant-2', 'ida'), ['viewer']);
  const report = `${file}.report.json`;
  const elsewhere = await cli.run(['users', 'import', report, '--undo', '--tenant', 'main']);
  assert.equal(elsewhere.code, 2, elsewhere.stderr);
  assert.match(elsewhere.stderr, /into the tenant plant-2, not main/);
  const undone = await paste(made.stdout, /to take it back: (.+)$/m);
  assert.deepEqual([undone.code, await rolesIn('plant-2', 'ida')], [0, undefined], undone.stderr);
  const again = await cli.run(['users', 'import', report, '--undo']); // its tenant stands in the report
  assert.equal(again.code, 1);
  assert.match(again.stdout, /1 not here/);
  assert.equal(JSON.parse(readFileSync(report, 'utf8')).tenant, 'plant-2');
});

test('what is to be done next for whose account was got into is printed for their tenant', async () => {
  const shut = await good('users', 'compromised', 'carl', '--tenant', 'plant-2');
  assert.match(shut.stdout, /No mail resets the password any more.*there is none/);
  const link = await paste(shut.stdout, /^To let them in again: (.+)$/m);
  assert.deepEqual([link.code, /for carl, until/.test(link.stdout)], [0, true], link.stderr);
  const allowed = shut.stdout.replace('ADDRESS', 'carl@corp.example');
  assert.equal((await paste(allowed, /whose address it is: (.+)$/m)).code, 0);
  const missing = await cli.run(['users', 'disable', 'nobody', '--tenant', 'plant-2']);
  assert.match(missing.stderr, /twinkeep users list --tenant plant-2/);
});
