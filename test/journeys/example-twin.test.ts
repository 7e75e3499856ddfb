import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const TWIN = join(EXAMPLES, 'energy-twin/main.ts');
const TYPE = 'twinkeep-assertion+jwt';
const ISSUER = 'https://tk.example';
const PATIENCE_MS = 20_000;

type Json = Readonly<Record<string, unknown>>;

const ours = generateKeyPairSync('ed25519');
const theirs = generateKeyPairSync('ed25519');
const children: ChildProcess[] = [];
/** What the stand-in for Twinkeep publishes, and how often it was asked. */
const published = { keys: [jwkOf(ours.publicKey, 'k1')], asked: 0 };
const jwks = createServer((_request, response) => {
  published.asked += 1;
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published.keys }));
});
let jwksUrl: string;
let twin: string;

before(async () => {
  jwks.listen(0, '127.0.0.1');
  await once(jwks, 'listening');
  jwksUrl = `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/jwks`;
  twin = (await startTwin()).address;
});
after(async () => {
  for (const child of children) child.kill('SIGKILL');
  jwks.closeAllConnections();
  jwks.close();
});

test('the page and the health of the twin are open, the rest hears only the gateway', async () => {
  for (const path of ['/', '/app.js', '/style.css', '/healthz']) assert.equal((await ask(path)).status, 200, path);
  const page = await ask('/');
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
  assert.doesNotMatch(
    page.text,
    /<script(?![^>]* src=)|\son[a-z]+=|style=/,
    'nothing inline that the policy would stop',
  );

  for (const path of [
    '/api/building',
    '/api/meters',
    '/api/meters/hvac',
    '/api/meters/hvac/readings',
    '/api/events',
    '/x',
  ])
    assert.equal((await ask(path)).status, 401, path);
  assert.equal((await command('hvac', 20, undefined)).status, 401);
  assert.deepEqual(await refusedSocket({}), 401);
});

/** Attacks on the assertion, by what each of them is. Every back end must refuse each. */
function forgeries(aud: string): ReadonlyMap<string, string> {
  const now = Math.floor(Date.now() / 1_000);
  const genuine = assertion({ aud });
  const [head, , signature] = genuine.split('.');
  const unsigned = `${part({ alg: 'none', typ: TYPE, kid: 'k1' })}.${part(claims({ aud, roles: ['admin'] }))}`;
  const confused = `${part({ alg: 'HS256', typ: TYPE, kid: 'k1' })}.${part(claims({ aud, roles: ['admin'] }))}`;
  const publicPem = ours.publicKey.export({ format: 'pem', type: 'spki' });
  return new Map([
    ['one that has run out', assertion({ aud, iat: now - 190, exp: now - 100 })],
    ['one made for another back end', assertion({ aud: 'water-twin' })],
    ['an access token of the same issuer', assertion({ aud }, { typ: 'at+jwt' })],
    ['one without a type', assertion({ aud }, { typ: undefined })],
    ['one of another issuer', assertion({ aud, iss: 'https://evil.example/gateway' })],
    ['one signed with a key of the attacker', assertion({ aud }, {}, theirs.privateKey)],
    ['one signed with a key nobody published', assertion({ aud }, { kid: 'k9' }, theirs.privateKey)],
    ['one that says alg none', `${unsigned}.`],
    ['one that says alg none and keeps the signature', `${unsigned}.${signature}`],
    [
      'one by HMAC over the public key',
      `${confused}.${createHmac('sha256', publicPem).update(confused).digest('base64url')}`,
    ],
    ['one whose claims were changed', `${head}.${part(claims({ aud, roles: ['admin'] }))}.${signature}`],
    ['one that never ends', assertion({ aud, exp: undefined })],
    ['one that names no tenant', assertion({ aud, tenant: undefined })],
    ['one from the future', assertion({ aud, iat: now + 600, exp: now + 690 })],
    ['no JWT at all', 'x'.repeat(64)],
  ]);
}

// Attack: whoever reaches the back end past the gateway says who they are.
test('the twin refuses every assertion that the gateway did not make for it, now', async () => {
  assert.equal((await ask('/api/building', assertion())).status, 200);
  for (const [attack, token] of forgeries('energy-twin'))
    assert.equal((await ask('/api/building', token)).status, 401, attack);
  assert.equal((await ask('/api/building', assertion({ exp: claims({}).iat + 86_400 }))).status, 401, 'good for a day');
  assert.equal((await ask('/api/building', assertion({}, { crit: ['b64'] }))).status, 401, 'critical header');
  assert.equal(await refusedSocket({ 'twinkeep-assertion': assertion({ aud: 'water-twin' }) }), 401);
});

// Attack: a second header, set by the client, next to the one set by the gateway.
test('two assertions are as good as none', async () => {
  const request = get(`${twin}/api/building`, { headers: { 'twinkeep-assertion': [assertion(), assertion()] } });
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 401);
});

test('a caller sees a building whose meters add up', async () => {
  const { json: building } = await ask('/api/building', assertion({ roles: ['viewer'] }));
  assert.deepEqual(building.you, { name: 'ada', roles: ['viewer'], may_command: false });
  const { json } = await ask('/api/meters', assertion());
  assert.equal(json.items.length, 12);
  const sum = (kind: string) =>
    json.items.filter((m: Json) => m['kind'] === kind).reduce((total: number, m: { kw: number }) => total + m.kw, 0);
  assert.ok(Math.abs(sum('grid') - (sum('load') - sum('source'))) < 0.1, 'grid = loads - sun');
  assert.ok(sum('source') > 20, 'the sun shines at noon in June');

  const { json: history } = await ask('/api/meters/pv-roof/readings?last=120', assertion());
  assert.equal(history.items.length, 120);
  for (const last of ['0', '301', '1.5', 'x']) {
    assert.equal((await ask(`/api/meters/pv-roof/readings?last=${last}`, assertion())).status, 400, last);
  }
  assert.equal((await ask('/api/meters/attic', assertion())).status, 404);
  assert.equal((await ask('/api/meters/__proto__', assertion())).status, 404);
  assert.equal((await ask('/api/meters', assertion(), { method: 'DELETE' })).status, 405);
});

// Attack: a viewer, or a key that may only read, commands a machine past the gateway's own check.
test('commands to machines need admin, analyst or a key for writing, and stay within bounds', async () => {
  const by = (roles: readonly string[], scopes: readonly string[] = []) => assertion({ roles, scopes });
  for (const role of ['viewer', 'meter_reader', 'Admin'])
    assert.equal((await command('hvac', 20, by([role]))).status, 403, role);
  assert.equal((await command('hvac', 20, by([], ['read', 'write:meter_data']))).status, 403);
  for (const token of [by(['admin']), by(['analyst']), by([], ['write']), by([], ['write:twin'])]) {
    assert.equal((await command('chargers', 30, token)).status, 200);
  }
  const { json } = await ask('/api/meters/chargers', assertion());
  assert.deepEqual([json.setpoint.value, json.setpoint.by], [30, 'ada']);

  const admin = by(['admin']);
  assert.equal((await command('hvac', 99, admin)).status, 422);
  assert.equal((await command('floor-1', 1, admin)).status, 409);
  assert.equal((await command('attic', 1, admin)).status, 404);
  for (const value of ['20', null, { $gt: 0 }]) assert.equal((await command('hvac', value, admin)).status, 400);
  const post = (body: string, type = 'application/json') =>
    ask('/api/meters/hvac/setpoint', admin, { method: 'POST', body, headers: { 'content-type': type } });
  for (const body of ['', 'null', '{"value":1e999}', '{"value":NaN}'])
    assert.equal((await post(body)).status, 400, body);
  assert.equal((await post(`{"value":20,"x":"${'x'.repeat(9_000)}"}`)).status, 413);
  assert.equal((await post('{"value":20}', 'text/plain')).status, 415);
});

test('the socket streams readings each second, and each command as it is given', async () => {
  const socket = new WebSocket(`${twin.replace('http', 'ws')}/live`, ['energy-twin'], {
    headers: { 'twinkeep-assertion': assertion() },
  });
  const heard: Json[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(data.toString())));
  await once(socket, 'open');
  assert.equal(socket.protocol, 'energy-twin');
  await command('pv-roof', 5, assertion({ roles: ['analyst'] }));

  await until(() => heard.filter(isReadings).length >= 3);
  const told = heard.find(({ type }) => type === 'command');
  assert.deepEqual([told?.['meter'], told?.['value'], told?.['by']], ['pv-roof', 5, 'ada']);
  assertSteady(heard.filter(isReadings));
  const { kw } = heard.filter(isReadings).at(-1) ?? {};
  assert.ok((kw as Readonly<Record<string, number>>)['pv-roof'] === 5, 'the roof was told to feed no more than 5 kW');
  socket.terminate();
});

test('server-sent events carry the same, as a browser reads them', async () => {
  const response = await fetch(`${twin}/api/events`, { headers: { 'twinkeep-assertion': assertion() } });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.split('event: readings').length > 3) break;
  }
  assertSteady([...text.matchAll(/^event: readings\ndata: (.+)\n\n/gm)].map((match) => JSON.parse(match[1] ?? '')));
});

// Attack: a person of one tenant reads or commands the building of another.
test('each tenant has a building of its own', async () => {
  const [north, south] = [assertion({ tenant: 'north', roles: ['admin'] }), assertion({ tenant: 'south' })];
  await command('hvac', 17, north);
  const seen = await Promise.all([ask('/api/meters/hvac', north), ask('/api/meters/hvac', south)]);
  assert.deepEqual(
    seen.map(({ json }) => json.setpoint.value),
    [17, 21],
  );
  assert.notDeepEqual(seen[0]?.json.recent, seen[1]?.json.recent);
});

// Attack: made-up key ids turn each request to the twin into one to Twinkeep.
test('unknown key ids cost one request to Twinkeep in five seconds, and a new key is found by then', async () => {
  const own = await startTwin();
  const before = published.asked;
  await ask('/api/building', assertion(), {}, own.address);
  for (let n = 0; n < 20; n++) await ask('/api/building', assertion({}, { kid: `made-up-${n}` }), {}, own.address);
  assert.ok(published.asked - before <= 2, `asked ${published.asked - before} times`);

  published.keys = [...published.keys, jwkOf(theirs.publicKey, 'k2')];
  const next = () => ask('/api/building', assertion({}, { kid: 'k2' }, theirs.privateKey), {}, own.address);
  await until(async () => (await next()).status === 200);
  published.keys = [jwkOf(ours.publicKey, 'k1')];
});

test('where the keys cannot be had, nobody is let in, and the answer says to come again', async () => {
  const { address } = await startTwin({ TWINKEEP_JWKS_URL: 'http://127.0.0.1:1/jwks' });
  const { status, headers } = await ask('/api/building', assertion(), {}, address);
  assert.deepEqual([status, headers.get('retry-after')], [503, '5']);
});

test('the twin ends on SIGTERM while it is watched, and tells its viewers', async () => {
  const { address, child } = await startTwin();
  const socket = new WebSocket(`${address.replace('http', 'ws')}/live`, {
    headers: { 'twinkeep-assertion': assertion() },
  });
  await once(socket, 'open');
  child.kill('SIGTERM');
  const [[code], [exit]] = await Promise.all([once(socket, 'close'), once(child, 'exit')]);
  assert.deepEqual([code, exit], [1001, 0]);
});

test('the twin ends with whoever started it, even where that was killed', async () => {
  const script = `const child = require('node:child_process').spawn(process.execPath, [${JSON.stringify(TWIN)}], { stdio: ['pipe', 'inherit', 'inherit'] }); setInterval(() => child, 1000);`;
  const parent = spawn(process.execPath, ['-e', script], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(parent);
  const address = await printed(parent, /"listening":"([^"]+)"/);
  assert.equal((await ask('/healthz', undefined, {}, address)).status, 200);
  parent.kill('SIGKILL');
  await until(() =>
    ask('/healthz', undefined, {}, address).then(
      () => false,
      () => true,
    ),
  );
});

test('the twin does not listen where others could reach it past the gateway', async () => {
  const { status, stderr } = spawnSync(process.execPath, [TWIN], {
    env: environment({ HOST: '0.0.0.0' }),
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.match(stderr, /only loopback/);
});

const python = process.env['TWINKEEP_TEST_PYTHON'] ?? 'python3';

for (const [name, run] of [
  ['flask', ['-m', 'flask', '--app', 'app', 'run', '--port']],
  ['fastapi', ['-m', 'uvicorn', 'app:app', '--port']],
] as const) {
  const needs = name === 'flask' ? 'flask' : 'fastapi, uvicorn';
  const found = spawnSync(python, ['-c', `import ${needs}, jwt; jwt.PyJWKClient('http://x', cooldown_duration=5)`]);
  const skip =
    found.status === 0
      ? false
      : `${python} cannot import ${needs} and PyJWT 2.15; name one that can in TWINKEEP_TEST_PYTHON`;

  // Attack: the same forgeries, on a back end of another language.
  test(`the ${name} back end hears the gateway and refuses every forgery`, { skip }, async () => {
    const folder = join(EXAMPLES, `${name}-back-end`);
    const port = await freePort();
    const env = { ...environment(), PYTHONDONTWRITEBYTECODE: '1' };
    const child = spawn(python, [...run, String(port)], { cwd: folder, env, stdio: 'ignore' });
    children.push(child);
    const address = `http://127.0.0.1:${port}`;
    await until(() =>
      ask('/healthz', undefined, {}, address).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );

    const good = assertion({ aud: `${name}-back-end`, roles: ['viewer'] });
    const hello = await ask('/api/hello', good, {}, address);
    assert.deepEqual([hello.status, hello.json], [200, { hello: 'ada', tenant: 'main', roles: ['viewer'] }]);
    assert.equal((await ask('/api/hello', undefined, {}, address)).status, 401, 'no assertion');
    for (const [attack, token] of forgeries(`${name}-back-end`)) {
      assert.equal((await ask('/api/hello', token, {}, address)).status, 401, attack);
    }
    const stop = (token: string) => ask('/api/turbines/t1', token, { method: 'DELETE' }, address);
    assert.equal((await stop(good)).status, 403);
    assert.equal((await stop(assertion({ aud: `${name}-back-end`, roles: ['admin'] }))).status, 200);
  });
}

// ---- arranging

function jwkOf(key: KeyObject, kid: string): Json {
  return { ...key.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' };
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function claims(over: Json) {
  const iat = Math.floor(Date.now() / 1_000);
  const person = { sub: '018f-ada', name: 'ada', tenant: 'main', sid: 's1', roles: ['viewer'] };
  return { iss: `${ISSUER}/gateway`, aud: 'energy-twin', ...person, iat, exp: iat + 90, ...over };
}

/** An assertion as the gateway makes it, with whatever is to be wrong about it. */
function assertion(over: Json = {}, header: Json = {}, key = ours.privateKey): string {
  const text = `${part({ alg: 'EdDSA', typ: TYPE, kid: 'k1', ...header })}.${part(claims(over))}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

function environment(over: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  const own = {
    PORT: '0',
    TZ: 'UTC',
    TWIN_TIME: '2026-06-23T11:00:00Z',
    TWINKEEP_ISSUER: ISSUER,
    TWINKEEP_JWKS_URL: jwksUrl,
  };
  return { PATH, HOME, ...own, ...over };
}

async function startTwin(over: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [TWIN], { env: environment(over), stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  return { child, address: await printed(child, /^\{"listening":"([^"]+)"\}$/m) };
}

async function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    const found = pattern.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`ended before it printed ${pattern}: ${text}`);
}

async function ask(path: string, token?: string, init: RequestInit = {}, address = twin) {
  const identity = token === undefined ? {} : { 'twinkeep-assertion': token };
  const headers = { connection: 'close', ...identity, ...(init.headers as Record<string, string>) };
  const response = await fetch(address + path, { signal: AbortSignal.timeout(PATIENCE_MS), ...init, headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

const command = (meter: string, value: unknown, token: string | undefined) =>
  ask(`/api/meters/${meter}/setpoint`, token, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });

async function refusedSocket(headers: Readonly<Record<string, string>>): Promise<number> {
  const socket = new WebSocket(`${twin.replace('http', 'ws')}/live`, { headers });
  socket.on('error', () => undefined);
  const [, response] = await once(socket, 'unexpected-response');
  return response.statusCode;
}

const isReadings = ({ type }: Json): boolean => type === 'readings';

/** Readings a second apart, of all meters, that do not stand still. */
function assertSteady(readings: readonly Json[]): void {
  const times = readings.map(({ at }) => Date.parse(String(at)));
  for (const [n, time] of times.entries()) if (n > 0) assert.ok(time > (times[n - 1] ?? 0), 'time goes on');
  assert.ok(times.length >= 2 && readings.every(({ kw }) => Object.keys(kw as Json).length === 12));
  assert.notDeepEqual(readings.at(0)?.['kw'], readings.at(-1)?.['kw']);
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`never came to be: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
