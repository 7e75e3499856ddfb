import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import type { ConfigInput } from '../app/index.ts';
import { createKit, type Kit } from '../testing/index.ts';

const RULE = { per: 'principal', count: 3, windowMs: 60_000 } as const;
const ROUTES: NonNullable<NonNullable<NonNullable<ConfigInput['gateway']>['forwardAuth']>['routes']> = [
  { path: '/api/*', access: { permission: { read: 'read:twin', write: 'write:twin' } } },
  { path: '/api/admin/*', access: { permission: 'admin:users' } },
  { path: '/page', access: 'public', because: 'it asks for a sign-in itself' },
  { path: '/few', limits: [RULE], audience: 'few-twin' },
  { path: '/live', methods: ['GET'], sockets: true },
  { path: '/own', credential: 'pass' },
  { path: '/v/:id', host: 'other.test' },
];
const FAILURES = 5;
const PROXIES = ['127.0.0.1', '127.0.0.8'];
const GATEWAY = { forwardAuth: { proxies: PROXIES, routes: ROUTES } };

let kit: Kit;
let token: string;
before(async () => {
  kit = await createKit({
    config: { trustedProxies: ['127.0.0.1', '127.0.0.9'], gateway: GATEWAY, detection: { failures: FAILURES } },
  });
  token = await kit.signIn();
});
after(() => kit.close());

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}
type Headers = Readonly<Record<string, string | string[]>>;

/** Fetch would mend what a proxy sends as it is. */
function send(path: string, headers: Headers, method = 'GET', localAddress = '127.0.0.1'): Promise<Told> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(kit.address);
    const asked = request({ hostname, port, path, method, headers, localAddress, agent: false }, (reply) => {
      let body = '';
      reply.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body }));
    });
    asked.on('error', reject).end();
  });
}

type Entry = { readonly facts: { readonly method: string } };
const ASK = '/v1/forward-auth';
const base = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'twin.test' };
const caddy = (method: string, uri: string, more: Headers = {}): Headers => ({
  ...base,
  'x-forwarded-method': method,
  'x-forwarded-uri': uri,
  ...more,
});
const nginx = (method: string, uri: string, more: Headers = {}): Headers => ({
  ...base,
  'x-original-method': method,
  'x-original-uri': uri,
  ...more,
});
const bearer = () => ({ authorization: `Bearer ${token}` });
const codeOf = ({ body }: Told): string => JSON.parse(body).code;

test('a request that may pass is answered 200, with who sent it in headers', async () => {
  const told = await send(ASK, caddy('GET', '/api/x?q=1', bearer()));
  assert.equal(told.status, 200);
  assert.equal(told.body, '');
  const claims = decodeJwt(String(told.headers['twinkeep-assertion']));
  assert.equal(claims.aud, 'forward-auth');
  assert.equal(told.headers['twinkeep-subject'], claims.sub);
  assert.equal(told.headers['twinkeep-tenant'], claims['tenant']);
  assert.equal(told.headers['twinkeep-roles'], String(claims['roles']));
  assert.equal(told.headers['twinkeep-credential'], 'strip');
});

test('nginx, Caddy with Traefik, and Envoy may each tell of the original in their own way', async () => {
  for (const [path, headers, method] of [
    [ASK, nginx('DELETE', '/api/x')],
    [`${ASK}?for=nginx`, nginx('DELETE', '/api/x')],
    [ASK, caddy('DELETE', '/api/x')],
    [`${ASK}/api/x`, { ...base, host: 'twin.test' }, 'DELETE'],
  ] as const) {
    const status = async (more: Headers) => (await send(path, { ...headers, ...more }, method)).status;
    assert.deepEqual([await status(bearer()), await status({})], [200, 401], path);
  }
});

test('the method and path of the original choose the row, and its permission is asked for', async () => {
  const { token: viewer } = await kit.person('grace', 'viewer');
  const as = { authorization: `Bearer ${viewer}` };
  assert.equal((await send(ASK, caddy('GET', '/api/x', as))).status, 200);
  const refused = await send(ASK, caddy('POST', '/api/x', as));
  assert.deepEqual([refused.status, JSON.parse(refused.body).permission], [403, 'write:twin']);
  assert.equal((await send(ASK, caddy('GET', '/api/admin/x', as))).status, 403);
  assert.equal((await send(ASK, caddy('GET', '/v/1', bearer()))).status, 404, 'a row of another host');
  assert.equal((await send(ASK, caddy('GET', '/v/1', { ...bearer(), 'x-forwarded-host': 'other.test' }))).status, 200);
});

test('what has no row is refused, and so is a method that its row does not take', async () => {
  assert.equal((await send(ASK, caddy('GET', '/elsewhere', bearer()))).status, 404);
  assert.equal((await send(ASK, caddy('POST', '/live', bearer()))).status, 405);
  assert.equal((await send(ASK, caddy('PROPFIND', '/api/x', bearer()))).status, 404);
});

// Attack: a preflight of a listed origin, which the router answers 204 by itself, is taken by the proxy for a yes.
test('a preflight never counts as a yes', async () => {
  const preflight = { origin: 'https://a.test', 'access-control-request-method': 'GET' };
  assert.equal((await send(ASK, caddy('OPTIONS', '/api/x', preflight))).status, 405);
});

// Attack: somebody who reaches Twinkeep asks in the place of a proxy, with an address and a request of their choice.
test('nobody but a proxy that is named for it and trusted may ask', async () => {
  for (const [from, setting] of [
    ['127.0.0.7', 'gateway.forwardAuth.proxies'],
    ['127.0.0.9', 'gateway.forwardAuth.proxies'], // trusted, as one that carries requests of anybody to us
    ['127.0.0.8', 'trustedProxies'],
  ]) {
    const told = await send(ASK, caddy('GET', '/page'), 'GET', from);
    assert.deepEqual([told.status, codeOf(told)], [403, 'GATEWAY_PROXY'], from);
    assert.equal(JSON.parse(told.body).setting, setting);
  }
});

// Attack: a client adds the headers that its proxy does not set, to have another request judged than is carried.
test('what tells of the original in two ways, or not at all, is refused', async () => {
  const good = caddy('GET', '/page');
  const flawed: readonly Headers[] = [
    { ...good, 'x-original-uri': '/api/x' },
    { ...good, 'x-original-method': 'POST' },
    ...Object.keys(good).map((name) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))),
    { ...good, 'x-forwarded-uri': 'page' },
    { ...good, 'x-forwarded-uri': '/page, /api/x' },
    { ...good, 'x-forwarded-method': 'GET, GET' },
    { ...good, 'x-forwarded-host': 'a.test, b.test' },
    { ...good, 'x-forwarded-host': 'a@b.test' },
    { ...good, 'x-forwarded-proto': 'gopher' },
    ...['', 'unknown', 'unix:', '198.51.100.7, zzz'].map((hops) => ({ ...good, 'x-forwarded-for': hops })),
    { ...good, 'x-forwarded-method': 'PRI' }, // of HTTP/2's first line: Node closes the connection instead of answering
    {},
  ];
  for (const headers of flawed) {
    const told = await send(ASK, headers);
    assert.deepEqual([told.status, codeOf(told)], [400, 'GATEWAY_ORIGINAL'], JSON.stringify(headers));
  }
  const told = await send(`${ASK}/page`, { ...base, host: 'twin.test', 'x-forwarded-uri': '/api/x' });
  assert.equal(codeOf(told), 'GATEWAY_ORIGINAL');
  assert.equal((await send(`${ASK}/page`, { ...base, host: 'other.test' })).status, 400);
  assert.equal((await send(ASK, good)).status, 200);
});

// Attack: a proxy that closes addresses by comparing bytes is asked for the same ones in another spelling.
test('the question and all that is ours alone are found under one spelling', async () => {
  const head = { ...caddy('GET', '/page'), ...bearer() };
  for (const path of [
    ...[
      '/v1/%66orward-auth',
      '/v1/forward-aut%68/page',
      '/v1%2fforward-auth',
      `${ASK}#x`,
      '/v1/forward-auth%3Ffor=nginx',
    ],
    ...['/%6detrics', '/metrics#x', '/metri%63s?x=1', '/v1/%75sers', '/v1/%75sers/x', '/v1/user%73/x'],
  ]) {
    const { status, headers } = await send(path, head);
    assert.ok([400, 404].includes(status), `${path} was answered ${status}`);
    assert.equal(headers['twinkeep-assertion'], undefined);
  }
  assert.equal((await send('/metrics?x=1', {})).status, 200);
});

// Attack: a path that the proxy and the back end read differently opens the row of another one.
test('a path with two readings is refused, in each way of asking', async () => {
  for (const path of [
    '//api/x',
    '/page/../api/x',
    '/page/..;/api/x',
    '/%2e%2e/api',
    '/api%2fx',
    '/API/admin/x',
    '/a\\b',
  ]) {
    for (const told of [
      await send(ASK, caddy('GET', path, bearer())),
      await send(ASK, nginx('GET', path, bearer())),
      await send(ASK + path, { ...base, host: 'twin.test', ...bearer() }),
    ])
      assert.ok([400, 403, 404].includes(told.status), `${path} was answered ${told.status}`);
  }
  assert.equal(codeOf(await send(ASK, caddy('GET', '/api/ADMIN/x', bearer()))), 'GATEWAY_TARGET');
});

// Attack: a client brings an assertion of its own, in any spelling that a back end may read as ours.
test('headers that are ours or would turn one request into another are refused', async () => {
  for (const name of [
    ...['twinkeep-assertion', 'Twinkeep_Assertion', 'twinkeep-subject', 'twinkeep.roles', 'twinkeep_tenant'],
    ...['x-http-method-override', 'X-Rewrite-URL', 'x_forwarded_for', 'x-original_url'],
    ...['x-forwarded-user', 'x-forwarded-groups', 'x-forwarded-prefix', 'x-forwarded-ssl', 'x_forwarded_port'],
    ...['x-client-ip', 'true-client-ip', 'cf-connecting-ip', 'x-cluster-client-ip', 'proxy', 'http2-settings'],
  ]) {
    const told = await send(ASK, caddy('GET', '/page', { [name]: 'admin' }));
    assert.deepEqual([told.status, codeOf(told)], [403, 'GATEWAY_HEADER'], name);
  }
  for (const connection of ['close, Twinkeep-Subject', 'upgrade, X-Forwarded-For', 'twinkeep-roles']) {
    const told = await send(ASK, caddy('GET', '/page', { connection }));
    assert.equal(codeOf(told), 'GATEWAY_HEADER', connection);
  }
  const byTraefik = { 'x-forwarded-port': '443', 'x-forwarded-server': 'edge', 'x-real-ip': '198.51.100.7' };
  assert.equal((await send(ASK, caddy('GET', '/page', byTraefik))).status, 200);
  const anonymous = await send(ASK, caddy('GET', '/page', { 'twinkeep-tenant': 'main' }));
  assert.equal(codeOf(anonymous), 'GATEWAY_HEADER', 'nothing of ours would take its place');
});

test('over its limit a row answers 429 with Retry-After; nginx is told of it in headers', async () => {
  for (let count = 0; count < RULE.count; count++)
    assert.equal((await send(ASK, caddy('GET', '/few', bearer()))).status, 200);
  const over = await send(ASK, caddy('GET', '/few', bearer()));
  assert.deepEqual([over.status, over.headers['retry-after'], codeOf(over)], [429, '61', 'LIMIT_EXCEEDED']);
  const told = await send(`${ASK}?for=nginx`, nginx('GET', '/few', bearer()));
  assert.deepEqual([told.status, told.headers['twinkeep-status'], told.headers['retry-after']], [403, '429', '61']);
  assert.equal(JSON.parse(String(told.headers['twinkeep-refusal'])).code, 'LIMIT_EXCEEDED');
  const anonymous = await send(`${ASK}?for=nginx`, nginx('GET', '/few'));
  assert.equal(anonymous.status, 401);
  assert.equal(anonymous.headers['www-authenticate'], 'Bearer');
});

// Attack: a page of another site opens a socket with the cookies of its reader.
test('a handshake passes where its row has sockets, for pages of our own', async () => {
  const socket = { ...bearer(), 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13' };
  const live = (origin?: string) =>
    send(ASK, caddy('GET', '/live', origin === undefined ? socket : { ...socket, origin }));
  assert.equal((await live()).status, 200);
  assert.equal((await live('https://twin.test')).status, 200);
  assert.equal((await live('https://evil.test')).status, 403);
  assert.equal((await send(ASK, caddy('GET', '/api/x', socket))).status, 415);
});

// Attack: a back end that takes another upgrade is a tunnel, in which nothing is asked any more.
test('no upgrade passes but the whole handshake of a WebSocket', async () => {
  const key = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13' };
  const live = (more: Headers) => send(ASK, caddy('GET', '/live', { ...bearer(), ...more }));
  for (const more of [{ 'x-original-upgrade': 'h2c' }, { 'x-original-upgrade': 'websocket' }, { upgrade: 'foo' }]) {
    assert.equal(codeOf(await live(more)), 'GATEWAY_HANDSHAKE', JSON.stringify(more));
    assert.equal((await send(ASK, caddy('GET', '/page', more))).status, 415);
  }
  assert.equal(codeOf(await live({ ...key, 'x-original-upgrade': 'websocket, h2c' })), 'GATEWAY_HANDSHAKE');
  assert.equal(codeOf(await live({ ...key, 'sec-websocket-key': 'short' })), 'GATEWAY_HANDSHAKE');
  assert.equal((await live({ ...key, 'x-original-upgrade': 'WebSocket' })).status, 200);
});

// Attack: a page of another site has its reader's browser send a form, with the cookie that says who they are.
test('an unsafe original with a cookie of ours must come from our own pages', async () => {
  const cookie = { cookie: `tk_access=${token}` };
  const { json } = await kit.call('GET', '/v1/csrf', { headers: cookie });
  const post = (more: Headers) => send(ASK, caddy('POST', '/api/x', { ...cookie, ...more }));
  assert.equal((await send(ASK, caddy('GET', '/api/x', cookie))).status, 200);
  assert.equal(codeOf(await post({ origin: 'https://evil.test' })), 'HTTP_CROSS_SITE');
  assert.equal(codeOf(await post({ origin: 'https://twin.test' })), 'SESSION_CSRF');
  assert.equal((await post({ origin: 'https://twin.test', 'x-csrf-token': json.csrf_token })).status, 200);
});

test('cookies of ours are left out of what the back end may see, but where the row passes credentials', async () => {
  const cookie = { ...bearer(), cookie: 'theme=dark; tk_device=abc' };
  assert.equal((await send(ASK, caddy('GET', '/api/x', cookie))).headers['twinkeep-cookie'], 'theme=dark');
  const own = await send(ASK, caddy('GET', '/own', cookie));
  assert.deepEqual([own.headers['twinkeep-cookie'], own.headers['twinkeep-credential']], [cookie.cookie, 'pass']);
});

test('what changes something is on record before the proxy sends it, under the original', async () => {
  assert.equal((await send(ASK, caddy('PUT', '/api/meters?secret=1', bearer()))).status, 200);
  await kit.twinkeep.house.audit.integrate();
  const { json } = await kit.call('GET', '/v1/audit/entries?action=gateway.admitted', { token });
  const entry = json.items.find(({ facts }: Entry) => facts.method === 'PUT');
  assert.deepEqual(entry.facts, { method: 'PUT', path: '/api/meters', socket: false });
  assert.deepEqual([entry.outcome, entry.object], ['intended', { type: 'back-end', id: 'forward-auth' }]);
});

test('the address of the client is the one that the proxy tells, and a block of it holds', async () => {
  const guess = { authorization: 'Bearer guessed', 'x-forwarded-for': '198.51.100.66' };
  for (let count = 0; count < FAILURES; count++)
    assert.equal((await send(ASK, caddy('GET', '/api/x', guess))).status, 401);
  const blocked = await send(ASK, caddy('GET', '/page', { 'x-forwarded-for': '198.51.100.66' }));
  assert.equal(blocked.status, 403);
  assert.equal((await send(ASK, caddy('GET', '/page'))).status, 200);
});

test('a token that was revoked opens nothing any more', async () => {
  const { token: ended } = await kit.person('mary', 'viewer');
  const as = { authorization: `Bearer ${ended}` };
  assert.equal((await send(ASK, caddy('GET', '/api/x', as))).status, 200);
  assert.equal((await kit.call('POST', '/v1/logout', { token: ended })).status, 204);
  assert.equal((await send(ASK, caddy('GET', '/api/x', as))).status, 401);
});

test('rows without a proxy that may ask about them do not start, and without rows nobody may ask', async () => {
  await assert.rejects(createKit({ config: { gateway: GATEWAY } }), { code: 'CONFIG_INVALID' });
  const routes = [{ path: '/x', profile: 'ems' }];
  const unnamed = createKit({ config: { trustedProxies: PROXIES, gateway: { forwardAuth: { routes: ROUTES } } } });
  await assert.rejects(unnamed, { code: 'CONFIG_INVALID' });
  const gateway = { forwardAuth: { proxies: PROXIES, routes } };
  const other = createKit({ config: { trustedProxies: PROXIES, gateway } });
  await assert.rejects(other, { code: 'CONFIG_INVALID' });
  const without = await createKit({ config: { trustedProxies: ['127.0.0.1'] } });
  assert.equal((await without.call('GET', ASK)).status, 404);
  await without.close();
});
