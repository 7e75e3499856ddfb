import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ConfigInput } from '../../src/app/index.ts';
import { KIT_PASSWORD } from '../../src/testing/index.ts';
import { openWire, type Wire } from '../hostile/wire.ts';
import { ask, type CommandLine, createCommandLine, type Running, signIn } from './command.ts';

const CONNECTIONS = 200; // the system spreads them over the threads

function commandLine(t: TestContext, settings: Record<string, string> = {}): CommandLine {
  const cli = createCommandLine({ TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD, ...settings });
  t.after(() => cli.close());
  return cli;
}

async function serve(cli: CommandLine, workers = 2): Promise<Running & { readonly address: string }> {
  const running = cli.start(['serve', '--json', '--workers', String(workers)]);
  return { ...running, address: await running.printed(/"address":"(http:[^"]+)"/) };
}

const configure = (cli: CommandLine, settings: ConfigInput): void =>
  writeFileSync(join(cli.folder, 'twinkeep.config.json'), JSON.stringify(settings));

async function openWires(t: TestContext, address: string, count = CONNECTIONS): Promise<readonly Wire[]> {
  const wires = await Promise.all(Array.from({ length: count }, () => openWire(address)));
  t.after(() => {
    for (const wire of wires) wire.end();
  });
  return wires;
}

const requestOf = (path: string, header: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`;

/** Asks over every connection at once. @returns the different statuses */
async function statuses(wires: readonly Wire[], path: string, header: string): Promise<readonly number[]> {
  for (const wire of wires) wire.send(requestOf(path, header));
  const answers = await Promise.all(wires.map((wire) => wire.answer()));
  return [...new Set(answers.map(({ status }) => status))].sort();
}

// Attack: a stolen token is used on as many connections as there are, the moment after its owner has signed out.
test('a token that was revoked through one connection is refused on every connection at once', async (t) => {
  const { address } = await serve(commandLine(t, { TWINKEEP_LIMITS: 'off' }));
  const wires = await openWires(t, address);
  for (let round = 0; round < 8; round++) {
    const token = await signIn(address, 'admin', KIT_PASSWORD);
    const header = `authorization: Bearer ${token}`;
    assert.deepEqual(await statuses(wires, '/v1/me', header), [200]);
    assert.equal((await ask(address, 'POST', '/v1/logout', { token })).status, 204);
    assert.deepEqual(await statuses(wires, '/v1/me', header), [401]);
  }
});

test('an API key that was revoked and a role that was taken are gone on every connection at once', async (t) => {
  const cli = commandLine(t, { TWINKEEP_LIMITS: 'off' });
  configure(cli, { detection: { enabled: false } }); // two hundred refusals at once would block us
  const { address } = await serve(cli);
  const wires = await openWires(t, address);
  const token = await signIn(address, 'admin', KIT_PASSWORD);

  const key = await ask(address, 'POST', '/v1/api-keys', {
    token,
    body: { name: 'meter', scopes: ['read:meter_data'] },
  });
  assert.deepEqual(await statuses(wires, '/v1/readings', `x-api-key: ${key.json.key}`), [200]);
  assert.equal((await ask(address, 'DELETE', `/v1/api-keys/${key.json.id}`, { token })).status, 204);
  assert.deepEqual(await statuses(wires, '/v1/readings', `x-api-key: ${key.json.key}`), [401]);

  const vera = { username: 'vera', password: KIT_PASSWORD, roles: ['admin'] };
  const made = await ask(address, 'POST', '/v1/users', { token, body: vera });
  const header = `authorization: Bearer ${await signIn(address, 'vera', KIT_PASSWORD)}`;
  assert.deepEqual(await statuses(wires, '/v1/users', header), [200]);
  const less = await ask(address, 'PATCH', `/v1/users/${made.json.id}`, { token, body: { roles: ['viewer'] } });
  assert.equal(less.status, 200);
  assert.deepEqual(await statuses(wires, '/v1/users', header), [403]);
});

// Attack: a guesser whose address was blocked goes on over the connections that another thread serves.
test('an address that failed too often is kept out on every connection', async (t) => {
  const { address } = await serve(commandLine(t, { TWINKEEP_LIMITS: 'off' }));
  const wires = await openWires(t, address);
  const guess = `x-api-key: tk_${'A'.repeat(40)}`;
  let status = 401;
  for (let guessed = 0; status === 401; guessed++) {
    assert.ok(guessed < 50, 'nothing blocks it');
    [status = 0] = await statuses(wires.slice(0, 1), '/v1/readings', guess);
  }
  assert.equal(status, 403);
  const until = performance.now() + 1_000; // a thread that hears of a block reads it from the database
  let seen: readonly number[] = [];
  while (seen.join() !== '403' && performance.now() < until) seen = await statuses(wires, '/v1/readings', guess);
  assert.deepEqual(seen, [403]);
});

// Attack: a key or a person is blocked, and goes on over the connections of another thread.
test('a key and a person who are blocked are kept out on every connection, and let in again on every one', async (t) => {
  const cli = commandLine(t, { TWINKEEP_LIMITS: 'off' });
  const { address } = await serve(cli);
  const wires = await openWires(t, address);
  const token = await signIn(address, 'admin', KIT_PASSWORD);
  const scopes = ['read:meter_data'];
  const key = await ask(address, 'POST', '/v1/api-keys', { token, body: { name: 'meter', scopes } });
  const vera = { username: 'vera', password: KIT_PASSWORD, roles: ['viewer'] };
  const made = await ask(address, 'POST', '/v1/users', { token, body: vera });
  const bearer = async () => `authorization: Bearer ${await signIn(address, 'vera', KIT_PASSWORD)}`;
  const becomes = async (path: string, header: string, wanted: readonly number[]): Promise<void> => {
    const until = performance.now() + 5_000; // a thread that hears of it reads it from the database
    let seen: readonly number[] = [];
    while (seen.join() !== wanted.join() && performance.now() < until) seen = await statuses(wires, path, header);
    assert.deepEqual(seen, wanted);
  };
  const block = (name: string) => cli.run(['blocks', 'add', name, '--for', '1h', '--reason', 'tried']);
  const lift = (name: string) => cli.run(['blocks', 'lift', name]);

  const machine = ['/v1/readings', `x-api-key: ${key.json.key}`] as const;
  assert.deepEqual(await statuses(wires, ...machine), [200]);
  assert.equal((await block(`api-key:${key.json.id}`)).code, 0);
  await becomes(...machine, [403]);
  assert.equal((await lift(`api-key:${key.json.id}`)).code, 0);
  await becomes(...machine, [200]);

  const before = await bearer();
  assert.deepEqual(await statuses(wires, '/v1/me', before), [200]);
  assert.equal((await block(`person:${made.json.id}`)).code, 0);
  await becomes('/v1/me', before, [401]); // no session is left
  assert.equal((await lift(`person:${made.json.id}`)).code, 0);
  await becomes('/v1/me', before, [401]);
  await becomes('/v1/me', await bearer(), [200]);
});

// Attack: a guesser spreads over connections, and each thread allows him as much as all of them should.
test('a limit is one for all threads: a flood over many connections gets exactly as much as it says', async (t) => {
  const limit = 500;
  const cli = commandLine(t);
  configure(cli, { limits: { addressPerMinute: limit } });
  const { address } = await serve(cli);
  const wires = await openWires(t, address, 40);
  let allowed = 0;
  for (let sent = 0; sent < 2 * limit; sent += wires.length) {
    for (const wire of wires) wire.send(requestOf('/v1/nothing', 'x-what: ever'));
    const answers = await Promise.all(wires.map((wire) => wire.answer()));
    allowed += answers.filter(({ status }) => status === 404).length;
    assert.ok(answers.every(({ status }) => status === 404 || status === 429));
  }
  assert.equal(allowed, limit);
});

test('the numbers are those of all threads, whichever of them is asked', async (t) => {
  const { address } = await serve(commandLine(t, { TWINKEEP_LIMITS: 'off' }));
  const wires = await openWires(t, address, 100);
  const token = await signIn(address, 'admin', KIT_PASSWORD);
  assert.deepEqual(await statuses(wires, '/v1/me', `authorization: Bearer ${token}`), [200]);
  for (const wire of wires) wire.send(requestOf('/metrics', 'accept: */*'));
  for (const wire of wires) {
    const { body } = await wire.answer();
    assert.match(
      body,
      /^twinkeep_http_request_duration_seconds_count\{method="GET",route="\/v1\/me",status="200"\} 100$/m,
    );
    assert.equal(body.match(/^process_cpu_seconds_total /gm)?.length, 1);
  }
});

test('a configuration that is read anew is served by every thread, and a bad one by none', async (t) => {
  const cli = commandLine(t, { TWINKEEP_LIMITS: 'off' });
  const server = await serve(cli);
  const wires = await openWires(t, server.address, 60);
  const origin = 'origin: https://twin.example';
  const admitted = async (many: readonly Wire[]): Promise<readonly boolean[]> => {
    for (const wire of many) wire.send(requestOf('/v1/me', origin));
    const answers = await Promise.all(many.map((wire) => wire.answer()));
    return [...new Set(answers.map(({ headers }) => headers.has('access-control-allow-origin')))];
  };
  assert.deepEqual(await admitted(wires), [false]);
  configure(cli, { corsOrigins: ['https://twin.example'] });
  const reloaded = await cli.run(['config', 'reload', '--json']);
  assert.equal(reloaded.code, 0, reloaded.stderr);
  assert.deepEqual(await admitted(wires), [true]);

  writeFileSync(join(cli.folder, 'twinkeep.config.json'), '{"corsOrigins": "nonsense"}');
  assert.equal((await cli.run(['config', 'reload'])).code, 1);
  assert.deepEqual(await admitted(wires), [true]);
});

test('a stop lets a request that runs finish, and ends every thread', async (t) => {
  const server = await serve(commandLine(t));
  const token = await signIn(server.address, 'admin', KIT_PASSWORD);
  const key = await ask(server.address, 'POST', '/v1/api-keys', {
    token,
    body: { name: 'meter', scopes: ['write:meter_data'] },
  });
  const body = JSON.stringify({ meter_id: 'M-1', timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 });
  const wires = await openWires(t, server.address, 8);
  const head = `POST /v1/readings HTTP/1.1\r\nhost: x\r\nx-api-key: ${key.json.key}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n`;
  for (const wire of wires) wire.send(`${head}content-length: ${body.length}\r\n\r\n`);
  for (const wire of wires) assert.equal((await wire.answer()).status, 100); // each is read and waits for its body
  for (const wire of wires) wire.send(body.slice(0, 10));
  const ended = server.stop('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const wire of wires) wire.send(body.slice(10));
  const answers = await Promise.all(wires.map((wire) => wire.answer()));
  assert.deepEqual(
    answers.map(({ status }) => status),
    wires.map(() => 201),
  );
  for (const wire of wires) wire.end(); // a connection that stays is cut after ten seconds
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  const said = stderr.trim().split('\n');
  assert.deepEqual(
    said.map((line) => JSON.parse(line).msg),
    ['listening', 'stopped'],
  );
});

// Attack: another server of the same user shares the port, and half of the clients give it their passwords.
test('a port that another server shares among its threads is taken', async (t) => {
  const first = await serve(commandLine(t));
  const cli = commandLine(t, { TWINKEEP_PORT: new URL(first.address).port });
  const second = await cli.run(['serve', '--workers', '2']);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /Port \d+ .*is taken/);
});

test('how many threads there are is refused where it makes no sense', async (t) => {
  const cli = commandLine(t);
  for (const [workers, code] of [
    ['0', 1],
    ['65', 1],
    ['two', 2],
    ['1.5', 2],
  ] as const) {
    const ended = await cli.run(['serve', '--workers', workers]);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, /workers/i);
  }
  const env = { TWINKEEP_DATABASE_URL: 'sqlite::memory:', TWINKEEP_WORKERS: '2' };
  const inMemory = await cli.run(['serve'], { env });
  assert.equal(inMemory.code, 1);
  assert.match(inMemory.stderr, /TWINKEEP_WORKERS/);
});
