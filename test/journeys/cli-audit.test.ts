import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { ask, type CommandLine, createCommandLine, signIn } from './command.ts';

const VECTORS = process.env['TWINKEEP_VECTORS'] ?? new URL('../../../shared/vectors', import.meta.url).pathname;
const STEEL = join(VECTORS, 'energy/steel_readings_2018-01_07.csv');
const EXPECTED = join(VECTORS, 'energy/steel_expected.json');

function commandLine(t: TestContext, settings?: Record<string, string>): CommandLine {
  const cli = createCommandLine(settings);
  t.after(() => cli.close());
  return cli;
}

const databaseOf = (cli: CommandLine): string => join(cli.folder, 'data/twinkeep.db');

// Attack: whoever can write the database file changes what an entry says.
test('audit verify is clean, and names the entry of which one byte was changed', async (t) => {
  const cli = commandLine(t);
  const server = await cli.serve();
  await cli.look(['users', 'add', 'vera', '--role', 'viewer']);
  const beside = await cli.run(['audit', 'verify', '--json']);
  assert.deepEqual([beside.code, beside.json.whole, beside.json.flaws], [0, true, []]);
  await server.stop('SIGINT');
  assert.match((await cli.look(['audit', 'verify'])).stdout, /^whole: /);

  const bytes = readFileSync(databaseOf(cli));
  const entry = /\{"v":1,"id":"([^"]+)"[^{}]*"principal":"operator"/.exec(bytes.toString('latin1'));
  assert.ok(entry !== null);
  const at = entry.index + entry[0].length - 'operator"'.length;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(databaseOf(cli), bytes);
  const { code, json } = await cli.look(['audit', 'verify', '--json']);
  assert.deepEqual([code, json.whole], [1, false]);
  assert.ok(
    json.flaws.some(({ where }: { where: string }) => where.includes(entry[1] ?? '?')),
    JSON.stringify(json),
  );
  assert.match((await cli.look(['audit', 'verify'])).stdout, /^NOT WHOLE\n {2}entry \d+ \(/);
});

// Attack: the log is put back to an older state, or replaced by one that is whole in itself.
test('a kept checkpoint catches a log that was put back or replaced', async (t) => {
  const cli = commandLine(t);
  await cli.look(['users', 'add', 'vera']);
  const older = join(cli.folder, 'older.db');
  copyFileSync(databaseOf(cli), older);
  await cli.look(['users', 'add', 'carl']);
  const kept = join(cli.folder, 'kept.txt');
  const checkpoint = await cli.run(['audit', 'checkpoint']);
  assert.equal(checkpoint.code, 0);
  writeFileSync(kept, checkpoint.stdout);
  await cli.look(['users', 'add', 'dora']);
  assert.equal((await cli.look(['audit', 'verify', '--since', kept])).code, 0);

  const newer = readFileSync(databaseOf(cli));
  copyFileSync(older, databaseOf(cli));
  assert.equal((await cli.look(['audit', 'verify'])).code, 1); // the server remembers the head that it signed last
  const back = await cli.look(['audit', 'verify', '--since', kept, '--json']);
  assert.equal(back.code, 1);
  assert.ok(back.json.flaws.some(({ where }: { where: string }) => where === 'kept checkpoint'));
  writeFileSync(databaseOf(cli), newer);

  const other = commandLine(t);
  await other.look(['users', 'add', 'vera']);
  assert.equal((await other.look(['audit', 'verify'])).code, 0);
  const { json: own } = await cli.run(['audit', 'checkpoint', '--json']);
  const replaced = await other.look(['audit', 'verify', '--key', own.verifier, '--json']);
  assert.deepEqual([replaced.code, replaced.json.whole], [1, false]);
});

test('a database that cannot be read is not whole; one that is not there is a mistake', async (t) => {
  const cli = commandLine(t);
  assert.equal((await cli.look(['audit', 'verify'])).code, 2);
  await cli.look(['users', 'add', 'vera']);
  assert.equal((await cli.look(['audit', 'verify', '--key', 'nonsense'])).code, 2);
  assert.equal((await cli.look(['audit', 'verify', '--since', '/does/not/exist'])).code, 2);
  const whole = readFileSync(databaseOf(cli));
  for (const damaged of [Buffer.from('not a database at all'.repeat(100)), whole.subarray(0, 20_000)]) {
    writeFileSync(databaseOf(cli), damaged);
    const { code, json } = await cli.look(['audit', 'verify', '--json']);
    assert.deepEqual([code, json?.whole], [1, false]);
    assert.ok(json.flaws.length > 0);
  }
});

const skip = existsSync(STEEL) ? false : `there is no ${STEEL}; set TWINKEEP_VECTORS`;

test('a steel plant: seven months in by an API key, out page by page, and the log proves it', {
  skip: process.env['CI'] === 'true' ? false : skip,
}, async (t) => {
  assert.equal(skip, false);
  const expected = JSON.parse(readFileSync(EXPECTED, 'utf8'));
  const cli = commandLine(t);
  const { address, stop } = await cli.serve();
  const admin = (await cli.run(['users', 'password', 'admin', '--json'])).json.password;
  const viewer = (await cli.look(['users', 'add', 'vera', '--role', 'viewer', '--json'])).json.password;
  const { key } = (await cli.look(['api-keys', 'create', 'plant', '--scope', 'write:meter_data', '--json'])).json;
  const file = join(cli.folder, 'steel.csv');
  copyFileSync(STEEL, file);
  const env = { TWINKEEP_API_KEY: key };
  const imported = await cli.run(['readings', 'import', file, '--url', address, '--json'], { env });
  assert.deepEqual([imported.code, imported.json.stored, imported.json.refused], [0, expected.rows, 0]);

  const token = await signIn(address, 'vera', viewer);
  const times = new Set<string>();
  let [sum, cursor, meter] = [0, '', ''];
  do {
    const query = new URLSearchParams({ limit: '10000', ...(cursor === '' ? {} : { cursor }) });
    const { status, json } = await ask(address, 'GET', `/v1/readings?${query}`, { token });
    assert.equal(status, 200);
    for (const { meter_id, timestamp, energy_consumption } of json.items) {
      meter = meter_id;
      sum += energy_consumption;
      times.add(timestamp);
    }
    cursor = json.next_cursor ?? '';
  } while (cursor !== '');
  assert.equal(times.size, expected.rows);
  assert.equal(sum.toFixed(2), expected.sum_energy_consumption_kwh.toFixed(2));

  assert.equal((await ask(address, 'DELETE', `/v1/readings/${meter}`, { token })).status, 403);
  const removed = await ask(address, 'DELETE', `/v1/readings/${meter}`, {
    token: await signIn(address, 'admin', admin),
  });
  assert.deepEqual([removed.status, removed.json], [200, { deleted: expected.rows }]);
  assert.equal((await cli.look(['audit', 'verify'])).code, 0);
  assert.equal((await stop('SIGINT')).code, 0);
  assert.equal((await cli.look(['audit', 'verify'])).code, 0);
});

await serverSuite('the command line on PostgreSQL', startPostgres, (postgres) => {
  test('people, an import and the log, with and without a server', async (t) => {
    const cli = commandLine(t, { TWINKEEP_DATABASE_URL: await postgres.createDatabase() });
    const vera = (await cli.look(['users', 'add', 'vera', '--role', 'viewer', '--json'])).json;
    const { address, stop } = await cli.serve();
    const { key } = (await cli.look(['api-keys', 'create', 'm', '--scope', 'write:meter_data', '--json'])).json;
    const file = join(cli.folder, 'meters.csv');
    writeFileSync(file, 'meter_id,timestamp,energy_consumption\nM-1,2020-01-01T00:00:00Z,2.5\n');
    const env = { TWINKEEP_API_KEY: key };
    assert.equal((await cli.run(['readings', 'import', file, '--url', address], { env })).code, 0);
    const token = await signIn(address, 'vera', vera.password);
    const { json } = await ask(address, 'GET', '/v1/readings', { token });
    assert.equal(json.items[0].energy_consumption, 2.5);
    assert.equal((await cli.look(['audit', 'verify'])).code, 0);
    assert.equal((await stop('SIGINT')).code, 0);
    assert.match((await cli.look(['audit', 'verify'])).stdout, /^whole: /);
  });
});
