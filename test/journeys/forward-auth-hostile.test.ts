import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { BELIEVED } from '../../src/gateway/forward-auth-headers.ts';
import { TELLING } from '../../src/gateway/forward-auth-original.ts';
import { SECURITY_HEADERS } from '../../src/http/index.ts';
import { SAID, type Saying, type Spoken, speak } from './forward-auth-client.ts';
import { behindEachProxy } from './forward-auth-kit.ts';
import { type ProxyName, startProxy } from './forward-auth-proxy.ts';

const WHY = 'it asks for a sign-in itself';
const ROUTES = [
  { path: '/api/*', access: { permission: { read: 'read:twin', write: 'write:twin' } }, audience: 'twin' },
  { path: '/open/*', access: 'public' as const, because: WHY, audience: 'twin' },
  { path: '/live', access: 'public' as const, because: WHY, methods: ['GET' as const], sockets: true },
];
const PAGE = 'https://app.test';
const HANDSHAKE = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
const KEY = { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
/** What a proxy is told to wait for an answer, and a little more. */
const LATEST_MS = 14_000;

const title = (name: ProxyName): string => `what is hostile behind ${name}`;
behindEachProxy({ title, routes: ROUTES, from: '127.0.4', config: { corsOrigins: [PAGE] } }, (at) => {
  const { name, ask, as, only } = at;

  // Attack: a back end that takes an upgrade gets a tunnel, through which anything is sent as anybody.
  test('no upgrade reaches a back end but the whole handshake of a WebSocket, where its row has sockets', async () => {
    const upgrade = (protocol: string, more = {}) => ({ Connection: 'Upgrade', Upgrade: protocol, ...more });
    const h2c = upgrade('h2c', { Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' });
    const odd = [upgrade('h2c'), h2c, upgrade('foo'), upgrade('websocket, h2c'), upgrade('websocket'), HANDSHAKE];
    for (const target of ['/open/x', '/live'])
      for (const headers of odd) {
        const { status } = await ask(target, { headers });
        assert.notEqual(status, 101, `${target} with ${headers.Upgrade}`);
        assert.ok(status < 500 && status !== 0, `${target} with ${headers.Upgrade} was answered ${status}`);
      }
    assert.notEqual((await ask('/open/x', { headers: { ...HANDSHAKE, ...KEY } })).status, 101);
    assert.notEqual((await ask('/live', { method: 'DELETE', headers: { ...HANDSHAKE, ...KEY } })).status, 101);
    for (const { headers } of at.backEnd.got)
      assert.deepEqual([headers.upgrade, headers['http2-settings']], [undefined, undefined]);
    at.backEnd.got.splice(0);
    const opened = await ask('/live', { headers: { ...HANDSHAKE, ...KEY }, tunnelled: 'hello' });
    assert.deepEqual([opened.status, opened.text], [101, 'hello'], at.proxy.log());
    assert.equal(only().headers.upgrade?.toLowerCase(), 'websocket');
  });

  // Attack: a back end that trusts plain words takes an anonymous caller for somebody.
  test('of an anonymous caller the back end is told nothing, and sees none of our cookies', async () => {
    for (const cookie of [{}, { Cookie: 'tk_access=made-up' }, { Cookie: 'tk_device=x' }]) {
      assert.equal((await ask('/open/x', { headers: cookie })).status, 200, at.proxy.log());
      const { headers } = only();
      assert.deepEqual(
        Object.keys(headers).filter((header) => header.startsWith('twinkeep-') || header === 'cookie'),
        [],
      );
      at.backEnd.got.splice(0);
    }
    await ask('/open/x', { headers: { Cookie: 'a={env.HOME}; tk_device=x; b={http.request.host}' } });
    assert.equal(only().headers.cookie, 'a={env.HOME}; b={http.request.host}');
  });

  // Attack: the hop says which headers are of the hop alone, and names those that say who calls.
  test('nobody takes their own identity off on the way to the back end', async () => {
    const Connection = 'close, Twinkeep-Subject, Twinkeep-Roles, Twinkeep-Tenant, Twinkeep-Assertion, X-Forwarded-For';
    const { status } = await ask('/api/x', { headers: { ...as(), Connection } });
    if (status === 200) {
      const { headers } = only();
      for (const header of ['subject', 'roles', 'tenant', 'assertion'])
        assert.ok(headers[`twinkeep-${header}`], `${header} is gone`);
      assert.equal(headers['x-forwarded-for'], at.address);
      assert.doesNotMatch(headers.connection ?? '', /twinkeep/i);
    } else assert.equal(status, 403);
    const Socket = 'Upgrade, X-Forwarded-For';
    await ask('/live', { headers: { ...HANDSHAKE, ...KEY, Connection: Socket }, tunnelled: 'hello' });
    for (const { headers } of at.backEnd.got) assert.equal(headers['x-forwarded-for'], at.address);
  });

  // Attack: a back end believes a header in which only a proxy speaks, and the proxy in front knows nothing of it.
  test('what a back end would believe of a proxy never comes from the client', async () => {
    const names = [
      ...['User', 'Groups', 'Email', 'Prefix', 'Port', 'Server', 'Path', 'Scheme', 'Ssl'].map(
        (last) => `X-Forwarded-${last}`,
      ),
      ...['X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP', 'X-Cluster-Client-IP', 'Proxy', 'X-Real-IP'],
      ...['X-Real-IP', 'Forwarded', ...BELIEVED],
    ];
    await Promise.all(names.map((header, client) => ask('/open/x', forged(header, client))));
    for (const { raw } of at.backEnd.got) assert.ok(!raw.includes('forged'), raw.join());
    at.backEnd.got.splice(0);
    // Of these the question has its own, so that nobody but the proxy can take the client's off.
    for (const [client, header] of TELLING.entries())
      assert.equal((await ask('/open/x', forged(header, names.length + client))).status, 200, header);
    assert.equal(at.backEnd.got.length, TELLING.length);
    for (const { raw } of at.backEnd.got) assert.ok(!raw.includes('forged'), raw.join());
  });

  test('an answer that was let through has our headers where the back end says nothing of its own', async () => {
    const plain = await ask('/open/x');
    for (const [header, value] of Object.entries(SECURITY_HEADERS)) assert.equal(plain.headers[header], value, header);
    for (const header of ['x-request-id', 'ratelimit', 'ratelimit-policy']) assert.ok(plain.headers[header], header);
    assert.ok(!Object.keys(plain.headers).some((header) => header.startsWith('twinkeep-')));
    const { headers } = await ask('/open/said');
    assert.deepEqual(
      [headers['x-frame-options'], headers['cache-control']],
      [SAID['x-frame-options'], SAID['cache-control']],
    );
    assert.match(headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
  });

  test('where the proxy speaks by itself the strict headers stand as well', async () => {
    const dead = await startProxy(name, at.kit.address, 'http://127.0.0.1:9');
    const answers = [await speak(dead.port, '/open/x')];
    // nginx alone looks at lengths, before it asks.
    if (name === 'nginx')
      answers.push(await speak(dead.port, '/open/x', { headers: { 'Content-Length': '20000000' } }));
    await dead.stop();
    for (const { status, headers } of answers) {
      assert.ok([413, 502, 503].includes(status), String(status));
      assertStrict(headers);
    }
  });

  test('an address in absolute form reaches the back end in the common one', async () => {
    const { status } = await ask('http://twin.test/open/x?a=1');
    assert.equal(status, 200);
    assert.equal(only().target, '/open/x?a=1');
  });

  test('a refusal has the strict headers, limits and origins that ours have everywhere', async () => {
    const { status, headers } = await ask('/api/x', { headers: { Origin: PAGE } });
    assert.deepEqual([status, headers['access-control-allow-origin'], headers['vary']], [401, PAGE, 'Origin']);
    for (const header of [
      ...['strict-transport-security', 'content-security-policy', 'x-frame-options', 'x-content-type-options'],
      ...['cross-origin-opener-policy', 'cross-origin-resource-policy', 'permissions-policy'],
      ...['referrer-policy', 'cache-control', 'x-request-id', 'www-authenticate', 'ratelimit', 'ratelimit-policy'],
    ])
      assert.ok(headers[header], `${header} is missing`);
    assert.ok(!Object.keys(headers).some((header) => header.startsWith('twinkeep-')));
  });

  test('a large body passes, and cookies up to the limit of a head; longer ones are told so', async () => {
    const body = 'a'.repeat(2_000_000);
    assert.equal((await ask('/open/x', { method: 'POST', body, headers: as() })).status, 200, at.proxy.log());
    const cookies = (length: number) => ({ Cookie: `a=${'a'.repeat(length)}; b=${'b'.repeat(length)}` });
    assert.equal((await ask('/open/x', { headers: cookies(5_000) })).status, 200, at.proxy.log());
    assert.equal((await ask('/open/x', { headers: cookies(7_500) })).status, 200, at.proxy.log());
    const { status } = await ask('/open/x', { headers: cookies(12_000) });
    assert.ok([400, 431].includes(status), String(status));
  });

  // Attack: Twinkeep is kept busy until a proxy gives up, and then lets its requests through or asks again and again.
  test('while Twinkeep hangs nothing passes, it is asked once, and the client is told in time', async () => {
    const hanging = await startHanging();
    const slow = await startProxy(name, hanging.url, at.backEnd.url);
    const began = performance.now();
    const { status, headers } = await speak(slow.port, '/open/x');
    const took = performance.now() - began;
    await slow.stop();
    hanging.server.close();
    assert.ok(status >= 500, String(status));
    assertStrict(headers);
    assert.ok(took < LATEST_MS, `after ${took} ms`);
    assert.equal(hanging.asked(), 1);
    assert.equal(at.backEnd.got.length, 0);
  });
});

const forged = (header: string, client: number): Saying => ({
  headers: { [header]: 'forged' },
  from: `127.0.5.${client}`, // whoever was refused is under suspicion
});

/** Over plain HTTP, where nobody would believe the one for HTTPS. */
function assertStrict(headers: Spoken['headers']): void {
  const { 'strict-transport-security': _hsts, ...others } = SECURITY_HEADERS;
  for (const [header, value] of Object.entries(others)) assert.equal(headers[header], value, header);
  assert.doesNotMatch(headers['server'] ?? '', /\d/, 'no version');
}

/** Something that takes a question and never answers. */
async function startHanging(): Promise<{ url: string; server: Server; asked(): number }> {
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => asked++);
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return { url: `http://127.0.0.1:${address.port}`, server, asked: () => asked };
}
