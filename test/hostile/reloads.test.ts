import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Config, type ConfigInput, configSchema, createTwinkeep, type Twinkeep } from '../../src/app/index.ts';
import { createSqliteStorage } from '../../src/storage/index.ts';
import { createTestClock, KIT_PASSWORD } from '../../src/testing/index.ts';

const SECRET = 'Zk3rT8vQ1mXw6yB9cL2pF5sD7hJ0nG4aRuEoIxNq'; // of this test alone
const folder = mkdtempSync(join(tmpdir(), 'twinkeep-reload-'));
const clock = createTestClock();
let probes = 0;
let backEnd: Server;
let twinkeep: Twinkeep;
let address: string;
let config: ConfigInput;

const ems = (more: object = {}) => ({
  secret: SECRET,
  logDirectory: folder,
  apiKeysFile: join(folder, 'keys.json'),
  ...more,
});
const parsed = (input: ConfigInput): Config =>
  configSchema.parse({
    port: 0,
    logLevel: 'silent',
    adminPassword: KIT_PASSWORD,
    sessions: { accessMs: 60_000 },
    ...input,
  });

before(async () => {
  backEnd = createServer((request, response) => {
    if (request.url === '/probe') probes++;
    response.end('ok');
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  config = {};
  const storage = createSqliteStorage({ file: ':memory:', clock });
  const readConfig = async () => parsed(config);
  twinkeep = await createTwinkeep(parsed(config), { clock, storage, ownFolder: false, readConfig });
  await new Promise<void>((resolve) => twinkeep.server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(twinkeep.server.address() as AddressInfo).port}`; // a TCP server's address has a port
});
after(async () => {
  await twinkeep.close();
  backEnd.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

async function ask(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
  const response = await fetch(address + path, {
    method,
    headers: { connection: 'close', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}

const credentials = { username: 'admin', password: KIT_PASSWORD };

// Attack: a token of a profile that a reload brought, called back, and used again once all tokens of before have run out.
test('a token that was revoked stays so, also where a reload made lives longer', async () => {
  config = { profiles: ['twinkeep', 'ems'], profile: { ems: ems() } };
  await twinkeep.reload();
  const { json } = await ask('POST', '/api/v1/auth/login', {}, credentials);
  const bearer = { authorization: `Bearer ${json.access_token}` };
  assert.equal((await ask('GET', '/api/v1/data/secure', bearer)).status, 200);
  const native = (await ask('POST', '/v1/login', {}, credentials)).json.access_token;
  const { json: list } = await ask('GET', '/v1/sessions', { authorization: `Bearer ${native}` });
  const session = list.items.find(({ profile }: { profile: string }) => profile === 'ems');
  assert.equal((await ask('DELETE', `/v1/sessions/${session.id}`, { authorization: `Bearer ${native}` })).status, 204);
  for (const hours of [0, 1, 10, 22]) {
    clock.advance(hours * 3_600_000);
    twinkeep.house.revocations.stop();
    await twinkeep.house.revocations.start(); // forgets what ran out, as it does every ten minutes
    assert.equal((await ask('GET', '/api/v1/data/secure', bearer)).status, 401, `after ${hours} h more`);
  }
});

test('a configuration that is refused leaves no key, no probe and no permission behind', async () => {
  const url = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}`;
  const backEnds = { twin: { url, health: { path: '/probe', everyMs: 50 } } };
  const keys = join(folder, 'others.json');
  writeFileSync(keys, JSON.stringify({ wanderer: '$2b$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky' }));
  const good = config;
  config = {
    profiles: ['twinkeep', 'ems'],
    profile: { ems: ems({ apiKeysFile: keys }) },
    gateway: { backEnds, routes: [{ path: '/api/v1/data/:other', to: 'twin', access: { permission: 'read:never' } }] },
  };
  for (let each = 0; each < 3; each++)
    await assert.rejects(twinkeep.reload(), (error) => Object(error).code === 'APP_CONFIG_REFUSED');
  const count = probes;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.ok(probes - count <= 1, `${probes - count} probes after the refusal`);
  const admin = (await ask('POST', '/v1/login', {}, credentials)).json.access_token;
  const { json } = await ask('GET', '/v1/api-keys', { authorization: `Bearer ${admin}` });
  assert.deepEqual(json.items, []);
  assert.equal(twinkeep.house.catalogue.has('read:never'), false);
  config = good;
});

test('what a reload changes is named, secrets too, and never shown', async () => {
  config = { profiles: ['twinkeep', 'ems'], profile: { ems: ems({ secret: SECRET.split('').reverse().join('') }) } };
  assert.deepEqual((await twinkeep.reload()).restart_needed, []);
  const log = readFileSync(join(folder, 'audit.log'), 'utf8');
  assert.match(log, /"event_type":"configuration_change","user":"operator","component":"profile"/);
  assert.equal(log.includes(SECRET), false);
  config = { ...config, limits: { addressPerMinute: 1 }, masterKey: Buffer.alloc(32, 7).toString('base64') };
  assert.deepEqual([...(await twinkeep.reload()).restart_needed].sort(), ['limits', 'masterKey']);
  for (let each = 0; each < 5; each++)
    assert.equal((await ask('GET', '/v1/nothing')).status, 404, 'as it says: at a restart');
});
