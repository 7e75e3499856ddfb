import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SECURITY_HEADERS } from '../../src/http/index.ts';
import { type Answer, createKit, type Kit } from '../../src/testing/index.ts';
import { isOperators, type OperatorPort, openOperatorPort } from './operator.ts';
import { assertProblem } from './wire.ts';

const NOBODY = '01990000-0000-7000-8000-000000000000';
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

let kit: Kit;
let token: string;
let port: OperatorPort;
before(async () => {
  kit = await createKit();
  token = await kit.signIn();
  port = await openOperatorPort(kit);
});
after(async () => {
  await port.close();
  await kit.close();
});

const urlOf = (path: string): string => path.replace(/:\w+/g, NOBODY);

function assertRefused({ status, headers, text }: Answer, wanted: number, code: string): void {
  assertProblem({ status, headers: new Map(headers), body: text }, wanted, code);
}

test('a method that an address does not take is refused with those that it takes, whoever asks', async () => {
  const paths = Map.groupBy(kit.twinkeep.routes, ({ path }) => path);
  for (const [path, routes] of paths) {
    const taken = new Set(routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])));
    for (const method of METHODS.filter((each) => !taken.has(each))) {
      const answer = await kit.call(method, urlOf(path), method === 'GET' ? {} : { body: 'x' });
      assertRefused(answer, 405, 'HTTP_METHOD');
      assert.equal(answer.headers.get('allow'), [...taken].sort().join(', '));
    }
  }
});

test('an address that is not there is refused, and no nearby spelling leads to one that is', async () => {
  const paths = [
    '/',
    '/v1',
    '/v1/',
    '/v2/me',
    '/v1/me/',
    '/V1/me',
    '/v1/Me',
    '/v1//me',
    '/v1/me;x=1',
    '/v1/me%2f',
    '/v1%2fme',
    '/v1/me.json',
  ];
  for (const path of [
    ...paths,
    '/favicon.ico',
    '/robots.txt',
    '/.env',
    '/.git/config',
    '/wp-login.php',
    '/docs/',
    '/metrics/',
  ]) {
    for (const method of METHODS) assertRefused(await kit.call(method, path, { token }), 404, 'HTTP_NOT_FOUND');
  }
});

// Attack: a page of another site reads answers with the visitor's rights.
test('no answer admits another origin', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  for (const { method, path } of kit.twinkeep.routes) {
    for (const asked of [method, 'OPTIONS']) {
      const answer = await kit.call(asked, urlOf(path), { headers });
      for (const [name] of answer.headers) assert.ok(!name.startsWith('access-control-'), `${asked} ${path}`);
    }
  }
});

test('every answer carries the security headers, good or bad, and says nothing of what made it', async () => {
  const own: Readonly<Record<string, string>> = {
    '/docs': 'content-security-policy', // admits its own style
    '/account/invitation': 'content-security-policy', // pages that take what a mail brought, with one script each
    '/account/register': 'content-security-policy',
    '/account/reset': 'content-security-policy',
    '/account/verify': 'content-security-policy',
    '/.well-known/jwks.json': 'cache-control', // public keys may be kept
    '/.well-known/assertion-jwks.json': 'cache-control',
  };
  for (const { method, path } of kit.twinkeep.routes) {
    if (path.includes('logout')) continue; // ends what the rest needs
    for (const credential of [{}, { token }]) {
      const answer = await kit.call(method, urlOf(path), credential);
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
        if (own[path] === name && answer.status === 200) assert.ok(answer.headers.get(name));
        else assert.equal(answer.headers.get(name), value, `${method} ${path} ${name}`);
      }
      assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
      for (const telling of ['server', 'x-powered-by', 'etag']) assert.equal(answer.headers.get(telling), null);
      if (answer.status >= 400) {
        assert.equal(answer.json.instance, `urn:uuid:${answer.headers.get('x-request-id')}`);
        assertRefused(answer, answer.status, answer.json.code);
      }
    }
    if (path === '/v1/logout') token = await kit.signIn();
  }
});

test('the answers of Engine.IO carry them too, also where the engine refuses by itself', async () => {
  const path = '/v1/socket.io/?EIO=4&transport=polling';
  const opened = await kit.call('GET', path);
  const sid = JSON.parse(opened.text.slice(1)).sid;
  const garbage = await kit.call('POST', `${path}&sid=${sid}`, { body: 'x'.repeat(20_000) });
  const waiting = kit.call('GET', `${path}&sid=${sid}`);
  const plain = await kit.call('POST', `${path}&sid=${sid}`, { body: 'not a packet' });
  await waiting; // for the end, which the engine else keeps half a minute for whoever asks
  assert.deepEqual([opened.status, garbage.status], [200, 413]);
  for (const { headers } of [opened, garbage, plain]) {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) assert.equal(headers.get(name), value, name);
    assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  }
});

/** What those routes take that have an id and a body. */
const BODIES: Readonly<Record<string, object>> = {
  'PATCH /v1/users/:id': { disabled: true },
  'PATCH /v1/webhooks/:id': { state: 'disabled' },
  'POST /v1/webhooks/:id/replay': { since: '2026-11-21T11:00:00Z' },
};

/** As the administrator, and as the operator where only he may. */
async function ask(route: Kit['twinkeep']['routes'][number], path: string, body: object | undefined) {
  if (!isOperators(route)) return kit.call(route.method, path, { token, body });
  const response = await fetch(port.address + path, { method: route.method, headers: { connection: 'close' } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test('an id that cannot be one is refused with its place', async () => {
  const ids = ['%00', 'a%0A', 'a%20b', "1'%20or%20'1'='1", 'x'.repeat(65), '%F0%9F%92%A9', '..%2f..'];
  for (const route of kit.twinkeep.routes) {
    if ('secondFactorWithinMs' in route.access) continue; // asked before anything is read
    for (const [part, name] of route.path.matchAll(/:(\w+)/g)) {
      for (const id of ids) {
        const body = BODIES[`${route.method} ${route.path}`];
        const { status, headers, text } = await ask(route, urlOf(route.path.replace(part, id)), body);
        assertProblem({ status, headers: new Map(headers), body: text }, 422, 'HTTP_INPUT_REFUSED');
        assert.equal(JSON.parse(text).errors[0].at, `path/${name}`, `${route.method} ${route.path}`);
      }
    }
  }
});

// Attack: more requests than anybody needs, from one place.
test('a flood from one address is refused with the time to wait, but never the probes', async () => {
  const own = await createKit({ config: { limits: { addressPerMinute: 5 } } });
  try {
    for (let each = 0; each < 5; each++) assert.equal((await own.call('GET', '/nothing')).status, 404);
    const refused = await own.call('GET', '/v1/me');
    assertRefused(refused, 429, 'LIMIT_EXCEEDED');
    assert.equal(refused.headers.get('retry-after'), '61'); // a window, and the second by which it moves on
    assert.equal(refused.json.retry_after_s, 61);
    assert.equal(refused.headers.get('ratelimit'), '"address";r=0;t=61');
    for (const path of ['/health', '/ready', '/metrics']) assert.equal((await own.call('GET', path)).status, 200);
    own.clock.advance(59_999);
    assert.equal((await own.call('GET', '/v1/me')).status, 429, 'no sixth within a minute');
    own.clock.advance(1_001);
    assert.equal((await own.call('GET', '/v1/me')).status, 401);
  } finally {
    await own.close();
  }
});

test('one who is known is limited as that one, wherever they ask from', async () => {
  const own = await createKit({ config: { limits: { principalPerMinute: 3 }, trustedProxies: ['127.0.0.1'] } });
  try {
    const key = await own.key('read');
    const statuses: number[] = [];
    for (let each = 1; each <= 5; each++) {
      const answer = await own.call('GET', '/v1/me', { key, headers: { 'x-forwarded-for': `192.0.2.${each}` } });
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  } finally {
    await own.close();
  }
});
