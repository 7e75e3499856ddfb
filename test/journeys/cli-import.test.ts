import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ask, type CommandLine, createCommandLine } from './command.ts';

interface Import {
  readonly cli: CommandLine;
  readonly address: string;
  readonly key: string;
  readonly readKey: string;
}

async function ready(t: TestContext): Promise<Import> {
  const cli = createCommandLine();
  t.after(() => cli.close());
  const { address } = await cli.serve();
  const made = await cli.look(['api-keys', 'create', 'import', '--scope', 'write:meter_data', '--json']);
  const reading = await cli.look(['api-keys', 'create', 'reader', '--scope', 'read:meter_data', '--json']);
  return { cli, address, key: made.json.key, readKey: reading.json.key };
}

const HEAD = 'meter_id,timestamp,energy_consumption,power_factor,location';

const rowsOf = (count: number): string =>
  Array.from({ length: count }, (_, at) => {
    const time = new Date(Date.UTC(2020, 0, 1) + at * 900_000).toISOString();
    return `M-1,${time},${(at % 100) / 4},,"Hall ${at % 7}, row"\n`;
  }).join('');

test('an import stores the good rows, names the bad ones by line, and a second one repeats', async (t) => {
  const { cli, address, key, readKey } = await ready(t);
  const file = join(cli.folder, 'meters.csv');
  const lines = [
    'extra,location,timestamp,meter_id,power_factor,energy_consumption',
    'x,"Hall 1, ""north""",2020-01-01T00:00:00+09:00,M-1,0.9,3.17',
    'x,"two\r\nlines",2020-01-01T00:15:00+09:00,M-1,,4',
    '',
    'x,,2020-01-01T00:30:00+09:00,M-1,1.5,5', // line 5 of the list, 6 of the file
    'x,,2020-01-01T00:45:00+09:00,M-1,,"3,5"',
    'x,,2020-01-01T01:00:00+09:00,M-1,6',
    'x,,2020-01-01T01:15:00+09:00,M-1,,7',
  ];
  writeFileSync(file, `\ufeff${lines.join('\r\n')}\r\n`);
  const env = { TWINKEEP_API_KEY: key };
  const first = await cli.run(['readings', 'import', file, '--url', address, '--json'], { env });
  assert.equal(first.code, 1, first.stderr);
  assert.deepEqual([first.json.rows, first.json.stored, first.json.repeated, first.json.refused], [6, 3, 0, 3]);
  const places = first.json.bad_rows.map(({ line, field }: { line: number; field: string }) => [line, field]);
  assert.deepEqual(places, [
    [6, 'power_factor'],
    [7, 'energy_consumption'],
    [8, null],
  ]);
  assert.equal(existsSync(`${file}.twinkeep-resume`), false);

  const second = await cli.run(['readings', 'import', file, '--url', address, '--key-stdin'], { input: `${key}\n` });
  assert.match(second.stdout, /^6 rows: 0 stored, 3 repeated, 3 refused/);
  assert.match(second.stderr, /^line 6: power_factor /m);

  const { json } = await ask(address, 'GET', '/v1/readings', { key: readKey });
  const [north, wrapped, last] = json.items;
  assert.deepEqual([north.energy_consumption, north.power_factor, north.location], [3.17, 0.9, 'Hall 1, "north"']);
  assert.deepEqual([wrapped.power_factor, wrapped.location], [null, 'two\r\nlines']);
  assert.deepEqual([last.energy_consumption, last.location], [7, null]);
});

test('an import that is killed goes on where the server had answered', async (t) => {
  const { cli, address, key } = await ready(t);
  const file = join(cli.folder, 'many.csv');
  writeFileSync(file, `${HEAD}\n${rowsOf(12_000)}`);
  const asked: number[] = [];
  let holding = true;
  let held = (): void => undefined;
  const holds = new Promise<void>((resolve) => {
    held = resolve;
  });
  const proxy = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    asked.push(body.toString().trim().split('\n').length);
    if (holding && asked.length === 2) return held();
    const headers = { 'content-type': 'application/x-ndjson', 'x-api-key': String(request.headers['x-api-key']) };
    const answer = await fetch(`${address}/v1/readings`, { method: 'POST', headers, body });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.closeAllConnections());
  t.after(() => proxy.close());
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`; // a TCP server's address has a port
  const keyFile = join(cli.folder, 'key');
  writeFileSync(keyFile, `${key}\n`);
  const args = ['readings', 'import', file, '--url', url, '--key-file', keyFile, '--json'];

  const killed = cli.start(args);
  await holds;
  await killed.stop('SIGKILL');
  const kept = JSON.parse(readFileSync(`${file}.twinkeep-resume`, 'utf8'));
  assert.deepEqual([kept.position.rows, kept.position.stored], [5_000, 5_000]);
  assert.doesNotMatch(JSON.stringify(kept), /tk_/);

  holding = false;
  const resumed = await cli.run(args);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.deepEqual([resumed.json.resumed_after, resumed.json.rows, resumed.json.stored], [5_000, 12_000, 12_000]);
  assert.deepEqual(asked, [5_000, 5_000, 5_000, 2_000]);
  assert.equal(existsSync(`${file}.twinkeep-resume`), false);

  writeFileSync(`${file}.twinkeep-resume`, JSON.stringify(kept));
  const restarted = await cli.run([...args, '--restart']);
  assert.deepEqual([restarted.json.resumed_after, restarted.json.repeated], [0, 12_000]);
});

test('what is wrong with a file, a key or an address is one line', async (t) => {
  const { cli, address, key, readKey } = await ready(t);
  const write = (name: string, text: string | Uint8Array): string => {
    const file = join(cli.folder, name);
    writeFileSync(file, text);
    return file;
  };
  const good = write('good.csv', `${HEAD}\n${rowsOf(2)}`);
  const cases: readonly (readonly [file: string, key: string, url: string, says: RegExp])[] = [
    [join(cli.folder, 'none.csv'), key, address, /no file/],
    [cli.folder, key, address, /not a file/],
    [write('empty.csv', ''), key, address, /empty/],
    [write('columns.csv', 'meter_id,when\nM-1,2020\n'), key, address, /columns timestamp, energy_consumption/],
    [write('semicolons.csv', 'meter_id;timestamp;energy_consumption\n'), key, address, /commas/],
    [write('binary.csv', Buffer.from([0x22, 0, 1, 2, 3, 0xff])), key, address, /not CSV/],
    [good, key.slice(0, -1) + (key.endsWith('x') ? 'y' : 'x'), address, /does not accept the API key/],
    [good, readKey, address, /write:meter_data/],
    [good, key, `${address}/elsewhere`, /takes no readings/],
  ];
  for (const [file, own, url, says] of cases) {
    const { code, stderr, stdout } = await cli.look(['readings', 'import', file, '--url', url], {
      TWINKEEP_API_KEY: own,
    });
    assert.deepEqual([code, stdout], [1, ''], file);
    assert.match(stderr, says);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
  const keyless = await cli.look(['readings', 'import', good, '--url', address]);
  assert.equal(keyless.code, 2);
  const broken = write('broken.csv', `${HEAD}\n${rowsOf(2)}"M-1,2020`);
  const env = { TWINKEEP_API_KEY: key };
  const { code, json } = await cli.run(['readings', 'import', broken, '--url', address, '--json'], { env });
  assert.deepEqual([code, json.stored], [1, 2]);
  assert.match(json.stopped, /^line 4 /);
});
