import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { queryPostgres, serverSuite, startPostgres } from '../../src/testing/index.ts';
import { ask, type CommandLine, createCommandLine, signIn } from './command.ts';

function machine(t: TestContext, settings?: Record<string, string>): CommandLine {
  const cli = createCommandLine(settings);
  t.after(() => cli.close());
  return cli;
}

/** Runs a command that must succeed. */
async function done(cli: CommandLine, ...args: string[]) {
  const ended = await cli.look([...args, '--json']);
  assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`);
  return ended;
}

const READING = { meter_id: 'M-1', timestamp: '2026-01-01T00:00:00Z', energy_consumption: 2.5, location: 'Gwangyang' };

/**
 * A machine that has people, a key, sealed values, shares of its master key, and a backup.
 *
 * @param look at the backup, while the server still runs
 */
async function firstMachine(t: TestContext, settings?: Record<string, string>, look?: typeof assertGood) {
  const cli = machine(t, settings);
  const { address, stop } = await cli.serve();
  const vera = (await done(cli, 'users', 'add', 'vera', '--role', 'analyst', '--email', 'vera@twin.example')).json;
  const { key } = (await done(cli, 'api-keys', 'create', 'plant', '--scope', 'write:meter_data')).json;
  assert.equal((await ask(address, 'POST', '/v1/readings', { key, body: READING })).status, 201);

  const shares = join(cli.folder, 'shares');
  await done(cli, 'shares', 'make', '--threshold', '2', '--count', '3', '--out', shares);
  const made = await done(cli, 'backup', 'create');
  assert.deepEqual(made.json.warnings, []);
  await look?.(cli, made.json.file);
  const checkpoint = (await cli.run(['audit', 'checkpoint'])).stdout;
  assert.equal((await stop('SIGINT')).code, 0);
  return { cli, vera, key, file: made.json.file, shares, checkpoint };
}

/** What the commands say of a backup where it was made. */
async function assertGood(cli: CommandLine, file: string): Promise<void> {
  assert.equal((await done(cli, 'backup', 'verify', 'newest')).json.file, file);
  const drill = await done(cli, 'backup', 'drill');
  assert.deepEqual([drill.json.result, drill.json.backup.file], ['good', file]);
  assert.ok(drill.json.checks.some(({ what }: { what: string }) => what === 'opens person.email'));
  assert.equal((await done(cli, 'backup', 'list')).json.items.length, 1);
}

/** Carries to a clean machine what was kept elsewhere, and nothing else. */
function carry(from: CommandLine, to: CommandLine, file: string, shares: string): { file: string; shares: string[] } {
  const kept = join(to.folder, 'kept');
  mkdirSync(kept);
  for (const name of [file, 'keystore.age']) {
    copyFileSync(join(from.folder, 'data/backups', name), join(kept, name));
  }
  const two = readdirSync(shares).slice(1);
  for (const name of two) copyFileSync(join(shares, name), join(kept, name));
  return { file: join(kept, file), shares: two.flatMap((name) => ['--share', join(kept, name)]) };
}

async function assertWorks(cli: CommandLine, first: Awaited<ReturnType<typeof firstMachine>>): Promise<void> {
  const { vera, key } = first;
  const { address, stop } = await cli.serve();
  const token = await signIn(address, 'vera', vera.password);
  const { status, json } = await ask(address, 'GET', '/v1/readings', { token });
  assert.equal(status, 200);
  assert.deepEqual([json.items[0].energy_consumption, json.items[0].location], [2.5, 'Gwangyang']);
  const more = { ...READING, timestamp: '2026-01-02T00:00:00Z' };
  assert.equal((await ask(address, 'POST', '/v1/readings', { key, body: more })).status, 201);
  const users = (await done(cli, 'users', 'list')).json;
  assert.ok(users.some(({ username }: { username: string }) => username === 'vera'));
  assert.equal((await done(cli, 'backup', 'create')).json.state, 'made');
  assert.equal((await done(cli, 'backup', 'drill')).json.result, 'good');
  assert.equal((await stop('SIGINT')).code, 0);
  const kept = join(cli.folder, 'checkpoint.txt');
  writeFileSync(kept, first.checkpoint);
  const ownHead = await cli.look(['audit', 'verify', '--json']);
  assert.deepEqual([ownHead.code, ownHead.json.whole, ownHead.json.flaws], [0, true, []]);
  // The checkpoint was printed after the backup: the entries in between are gone, and the log does not hide it.
  const verified = await cli.look(['audit', 'verify', '--since', kept, '--json']);
  assert.equal(verified.code, 1);
}

test('a backup is warned of while the master key has no second copy', async (t) => {
  const cli = machine(t);
  await done(cli, 'users', 'add', 'vera');
  const alone = await cli.run(['backup', 'create']);
  assert.equal(alone.code, 0, alone.stderr);
  assert.match(alone.stderr, /\* WARNING +\*\n\* The master key has no second copy/);
});

test('a clean machine comes up from a backup, its keystore and two shares alone', async (t) => {
  const first = await firstMachine(t, undefined, assertGood);
  const second = machine(t);
  const { file, shares } = carry(first.cli, second, first.file, first.shares);
  assert.equal((await second.run(['backup', 'restore', file])).code, 2); // nothing opens it yet
  const few = await second.run(['backup', 'restore', file, ...shares.slice(0, 2)]);
  assert.equal(few.code, 1);
  const env = { TWINKEEP_MASTER_KEY: Buffer.alloc(32, 'the key of another machine').toString('base64') };
  const another = await second.run(['backup', 'restore', file, ...shares], { env });
  assert.equal(another.code, 1);
  assert.match(another.stderr, /TWINKEEP_MASTER_KEY is another key/);
  assert.equal(existsSync(join(second.folder, 'data')), false);

  const restored = await second.run(['backup', 'restore', file, ...shares]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /^Restored the backup of .* rows in \d+ tables\./);
  await assertWorks(second, first);
});

test('a restore over a folder that is in use or not empty is refused; with --replace it can be undone', async (t) => {
  const { cli, file } = await firstMachine(t);
  const path = join(cli.folder, 'data/backups', file);
  const server = await cli.serve();
  const served = await cli.run(['backup', 'restore', path, '--replace']);
  assert.equal(served.code, 1);
  assert.match(served.stderr, /A server runs/);
  await server.stop('SIGINT');
  await done(cli, 'users', 'add', 'late');
  const refused = await cli.run(['backup', 'restore', path]);
  assert.equal(refused.code, 1);

  const replaced = await cli.run(['backup', 'restore', path, '--replace', '--json']);
  assert.equal(replaced.code, 0, replaced.stderr);
  const [{ from, to }] = replaced.json.moved;
  assert.equal(from, join(cli.folder, 'data'));
  const names = async (data: string) => (await cli.look(['users', 'list', '--json'], { TWINKEEP_DATA: data })).json;
  const has = (list: { username: string }[], name: string): boolean => list.some(({ username }) => username === name);
  assert.deepEqual([has(await names(from), 'late'), has(await names(from), 'vera')], [false, true]);
  assert.equal(has(await names(to), 'late'), true);
  assert.deepEqual(readFileSync(join(from, 'backups', file)), readFileSync(join(to, 'backups', file)));
});

// Attack: a backup or a share on its way to the other machine is altered.
test('an altered backup and an altered share are refused with a reason, and nothing is written', async (t) => {
  const first = await firstMachine(t);
  const second = machine(t);
  const { file, shares } = carry(first.cli, second, first.file, first.shares);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);
  writeFileSync(file, bytes);
  const altered = await second.run(['backup', 'restore', file, ...shares]);
  assert.equal(altered.code, 1);
  assert.match(altered.stderr, /altered/);
  const share = shares[1] ?? assert.fail();
  const text = readFileSync(share, 'utf8');
  const at = text.length - 20;
  writeFileSync(share, text.slice(0, at) + (text[at] === 'B' ? 'C' : 'B') + text.slice(at + 1));
  assert.equal((await second.run(['backup', 'restore', file, ...shares])).code, 1);
  assert.equal(existsSync(join(second.folder, 'data')), false);
});

await serverSuite('backup and restore on PostgreSQL', startPostgres, (postgres) => {
  test('a clean machine comes up on an empty database', async (t) => {
    const first = await firstMachine(t, { TWINKEEP_DATABASE_URL: await postgres.createDatabase() }, assertGood);
    const second = machine(t, { TWINKEEP_DATABASE_URL: await postgres.createDatabase() });
    const { file, shares } = carry(first.cli, second, first.file, first.shares);
    const restored = await second.run(['backup', 'restore', file, ...shares]);
    assert.equal(restored.code, 0, restored.stderr);
    await assertWorks(second, first);
  });

  // Attack: a supervisor starts the server again on what a killed restore has left, and it makes keys there.
  test('a database whose restore was cut off is not served, and no key is made', async (t) => {
    const url = await postgres.createDatabase();
    await queryPostgres(url, 'create table twinkeep_restoring ()');
    const refused = await machine(t, { TWINKEEP_DATABASE_URL: url }).run(['serve']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /A restore into this database has not come to its end/);
    const tables = await queryPostgres(url, "select tablename from pg_tables where schemaname = 'public'");
    assert.deepEqual(tables, [{ tablename: 'twinkeep_restoring' }]);
  });
});
