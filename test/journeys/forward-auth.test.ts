import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { speak } from './forward-auth-client.ts';
import { behindEachProxy } from './forward-auth-kit.ts';
import { startProxy } from './forward-auth-proxy.ts';

const FAILURES = 5;
const FEW = { per: 'principal', count: 3, windowMs: 60_000 } as const;
const ROUTES = [
  { path: '/api/*', access: { permission: { read: 'read:twin', write: 'write:twin' } }, audience: 'twin' },
  { path: '/api/admin/*', access: { permission: 'admin:users' }, audience: 'twin' },
  { path: '/open/*', access: 'public' as const, because: 'it asks for a sign-in itself' },
  { path: '/few', limits: [FEW] },
  { path: '/live', methods: ['GET' as const], sockets: true },
  { path: '/own', credential: 'pass' as const },
  { path: '/guarded', detection: 'block' as const },
];

/** Of which paths are made that two programs may read differently. */
const PARTS = [
  ...[
    'open/',
    'open/',
    'api/',
    'api/',
    'admin/',
    'ADMIN',
    'x',
    'y',
    '/',
    '.',
    '..',
    '../',
    './',
    '%2e',
    '%2E%2e/',
    '%2f',
  ],
  ...['%5c', '\\', ';', ';a=b', '..;/', '%00', '%c0%ae', '%252e', '%61', '%20', '%', '#', '?a=1', '?', '|', '~', '@'],
];

/** Caddy writes a path anew in which something is raw that must be encoded, to us and to the back end alike. */
const asArrived = (target: string, sent: string): string => (/[#|]/.test(sent) ? decodeURIComponent(target) : target);

const config = { detection: { failures: FAILURES, inspection: { mode: 'block' as const } } };
behindEachProxy({ title: (name) => `behind ${name}`, routes: ROUTES, from: '127.0.2', config }, (at) => {
  const { name, ask, as, only } = at;
  const codeOf = (body: string): unknown => JSON.parse(body).code;

  test('who is signed in passes, and the back end can verify who it is', async () => {
    const answer = await ask('/api/meters?from=1&to=%20', { headers: { ...as(), Cookie: 'theme=dark; tk_device=x' } });
    assert.deepEqual([answer.status, answer.body], [200, 'from the back end'], at.proxy.log());
    const { target, headers } = only();
    assert.equal(target, '/api/meters?from=1&to=%20');
    const { json } = await at.kit.call('GET', '/.well-known/assertion-jwks.json');
    const keys: JSONWebKeySet = json;
    const { payload } = await jwtVerify(String(headers['twinkeep-assertion']), createLocalJWKSet(keys), {
      audience: 'twin',
      typ: 'twinkeep-assertion+jwt',
      currentDate: new Date(at.kit.clock.now()),
    });
    assert.deepEqual(
      [payload.sub, payload['tenant'], String(payload['roles'])],
      [headers['twinkeep-subject'], headers['twinkeep-tenant'], headers['twinkeep-roles']],
    );
    assert.deepEqual([headers.authorization, headers.cookie], [undefined, 'theme=dark'], 'credentials stay here');
    assert.equal(headers['x-forwarded-for'], at.address);
    assert.equal(headers.host, 'twin.test');
  });

  test('an anonymous request, one without the right and one without a row are told why, and go no further', async () => {
    const { token: viewer } = await at.kit.person('grace', 'viewer');
    const anonymous = await ask('/api/meters');
    assert.deepEqual([anonymous.status, codeOf(anonymous.body)], [401, 'ACCESS_UNAUTHENTICATED']);
    assert.equal(anonymous.headers['www-authenticate'], 'Bearer');
    assert.equal(anonymous.headers['content-type'], 'application/problem+json');
    const wrong = await ask('/api/meters', { method: 'POST', headers: as(viewer), body: '{"a":1}' });
    assert.deepEqual([wrong.status, codeOf(wrong.body)], [403, 'ACCESS_FORBIDDEN']);
    assert.equal((await ask('/api/admin/x', { headers: as(viewer) })).status, 403);
    assert.equal((await ask('/elsewhere', { headers: as() })).status, 404);
    assert.equal((await ask('/live', { method: 'POST', headers: as() })).status, 405);
    assert.equal(at.backEnd.got.length, 0);
    assert.equal((await ask('/api/meters', { headers: as(viewer) })).status, 200);
    assert.equal((await ask('/open/page')).status, 200);
  });

  test('a body arrives whole, under the method that was allowed', async () => {
    const answer = await ask('/api/meters', { method: 'PUT', headers: as(), body: '{"reading":1}' });
    assert.equal(answer.status, 200, at.proxy.log());
    const { method, headers } = only();
    assert.deepEqual([method, headers['content-length']], ['PUT', '13']);
  });

  test('over the limit of a row the answer is 429 with Retry-After', async () => {
    for (let count = 0; count < FEW.count; count++) assert.equal((await ask('/few', { headers: as() })).status, 200);
    const over = await ask('/few', { headers: as() });
    assert.deepEqual([over.status, over.headers['retry-after'], codeOf(over.body)], [429, '61', 'LIMIT_EXCEEDED']);
    assert.equal(at.backEnd.got.length, FEW.count);
  });

  // Attack: somebody guesses tokens; who sits at another address behind the same proxy must not pay for it.
  test('the address of the client is blocked, not that of the proxy', async () => {
    const guess = { headers: { Authorization: 'Bearer guessed' }, from: '127.0.0.66' };
    for (let count = 0; count < FAILURES; count++) assert.equal((await ask('/api/meters', guess)).status, 401);
    assert.equal((await ask('/open/page', { from: '127.0.0.66' })).status, 403);
    const lying = { 'X-Forwarded-For': '127.0.0.3', 'X-Real-IP': '127.0.0.3' };
    assert.equal(
      (await ask('/open/page', { from: '127.0.0.66', headers: lying })).status,
      403,
      'it cannot say otherwise',
    );
    assert.equal((await ask('/open/page')).status, 200);
  });

  // Attack: a token that its owner has ended is still good at the proxy.
  test('a token that was revoked opens nothing within a second', async () => {
    const { token: ended } = await at.kit.person('mary', 'viewer');
    assert.equal((await ask('/api/meters', { headers: as(ended) })).status, 200);
    assert.equal((await at.kit.call('POST', '/v1/logout', { token: ended })).status, 204);
    assert.equal((await ask('/api/meters', { headers: as(ended) })).status, 401);
  });

  // Attack: a path that the proxy, Twinkeep and the back end read differently opens another row than is served.
  test('no path reaches the back end under another row than its own', async () => {
    const targets = [
      ...['//api/admin/x', '/open//x', '/open/../api/admin/x', '/open/%2e%2e/api/admin/x', '/open/..;/api/admin/x'],
      ...['/open/..%2fapi/admin/x', '/open/..%5capi', '/open/%252e%252e/api', '/api/ADMIN/x', '/api/%61dmin/x'],
      ...['/./api/admin/x', '/open/.', '/api;x=1/admin', '/open/%00', '/open/a\\..\\..\\api', '/open/%c0%ae%c0%ae/api'],
      ...['http://twin.test/open/../api/admin/x', '/open/x#/../../api', '/open/\x80', '/open/%'],
    ];
    const { token: viewer } = await at.kit.person('alan', 'viewer');
    for (const target of targets)
      for (const headers of [{}, as(viewer)]) {
        const { status } = await ask(target, { headers });
        assert.ok(status >= 400 && status < 500, `${target} was answered ${status}`);
      }
    assert.deepEqual(
      at.backEnd.got.map((got) => got.target),
      [],
    );
  });

  // Attack: the same with paths that nobody has thought of.
  test('whatever path is sent, the back end gets it byte for byte, and only where its row lets it through', async () => {
    const { token: viewer } = await at.kit.person('barbara', 'viewer');
    const targets = fc.sample(fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 9 }), {
      numRuns: 250,
      seed: 6,
    });
    for (let at = 0; at < targets.length; at += 25)
      await Promise.all(
        targets.slice(at, at + 25).map(async (parts, offset) => {
          const headers = { 'X-At': String(at + offset), ...((at + offset) % 2 === 0 ? as(viewer) : {}) };
          const from = `127.0.3.${at + offset}`;
          const { status } = await ask(`/${parts.join('')}`, { headers, from });
          assert.ok(status < 500 && status !== 0, `/${parts.join('')} was answered ${status}`);
        }),
      );
    assert.ok(at.backEnd.got.length > 0, 'none of them was a good one');
    for (const { target, headers } of at.backEnd.got) {
      const at = Number(headers['x-at']);
      const path = target.split('?', 1)[0] ?? '';
      const sent = `/${targets[at]?.join('')}`;
      assert.equal(asArrived(target, sent), asArrived(sent, sent));
      assert.ok(!/\/\/|\/\.{1,2}(\/|$)|%2[ef]|%5c|;|\\/i.test(path), `${target} arrived`);
      assert.ok(path.startsWith('/open/') || (at % 2 === 0 && /^\/api\/(?!admin)/i.test(path)), `${target} arrived`);
    }
  });

  // Attack: a client says itself who it is, or which request is asked about.
  test('headers of the client never stand in the place of ours or of those of the proxy', async () => {
    for (const header of [
      'Twinkeep-Assertion',
      'twinkeep-roles',
      'TWINKEEP-SUBJECT',
      'Twinkeep-Tenant',
      'Twinkeep-Credential',
    ]) {
      const { status } = await ask('/open/page', { headers: { [header]: 'pass' } });
      assert.equal(status, 403, header);
    }
    for (const header of [
      'X-Original-URI',
      'X-Forwarded-Uri',
      'X-Forwarded-Host',
      'X-Original-Method',
      'X-Forwarded-Method',
    ])
      await ask('/api/admin/x', { headers: { [header]: header.endsWith('Host') ? 'evil.test' : '/open/page' } });
    await ask('/open/page', { headers: { Twinkeep_Assertion: 'forged', 'X-HTTP-Method-Override': 'DELETE' } });
    const { token: viewer } = await at.kit.person('ida', 'viewer');
    await ask('/api/meters', { headers: { ...as(viewer), Connection: 'close, Twinkeep-Assertion, X-Forwarded-For' } });
    for (const { headers, raw, target } of at.backEnd.got) {
      assert.ok(!raw.some((text) => /forged|evil/.test(text)), raw.join());
      assert.notEqual(target, '/api/admin/x');
      assert.ok(headers['twinkeep-roles'] === undefined || headers['twinkeep-roles'] === 'viewer');
    }
  });

  // Attack: SQL in a query, which the proxy hands on as it came.
  test('an attack in the query goes no further where its row blocks, and is named by its field', async () => {
    const attack = `q=${encodeURIComponent("1' UNION SELECT username, password FROM users--")}`;
    const { token: viewer } = await at.kit.person('edsger', 'viewer');
    const refused = await ask(`/guarded?${attack}`, { headers: as(viewer) });
    assert.deepEqual([refused.status, codeOf(refused.body)], [403, 'DETECTION_REFUSED'], refused.body);
    assert.equal(JSON.parse(refused.body).at, 'query.q');
    assert.equal((await ask('/guarded?q=union%20station', { headers: as(viewer) })).status, 200);
    const seen = await ask(`/own?${attack}`, { headers: as(viewer) });
    assert.equal(seen.status, 200, 'its row only tells of it');
    assert.equal(at.backEnd.got.length, 2);
  });

  test('a row that passes credentials leaves the back end the token and the cookies', async () => {
    assert.equal((await ask('/own', { headers: { ...as(), Cookie: 'tk_device=x' } })).status, 200);
    const { headers } = only();
    assert.deepEqual([headers.authorization, headers.cookie], [`Bearer ${at.token}`, 'tk_device=x']);
  });

  // Attack: a page of another site opens a socket, or sends a form, with the cookie of its reader.
  test('a WebSocket passes for pages of our own, and a form of another site does not', async () => {
    const socket = {
      ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
      ...{ 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', Cookie: `tk_access=${at.token}` },
    };
    const opened = await ask('/live', { headers: { ...socket, Origin: 'http://twin.test' }, tunnelled: 'hello' });
    assert.deepEqual([opened.status, opened.text], [101, 'hello'], at.proxy.log());
    assert.ok(only().headers['twinkeep-assertion']);
    assert.equal((await ask('/live', { headers: { ...socket, Origin: 'http://evil.test' } })).status, 403);
    assert.equal((await ask('/api/meters', { headers: socket })).status, 415, 'its row has no sockets');
    const form = { Cookie: `tk_access=${at.token}`, Origin: 'http://evil.test' };
    assert.equal((await ask('/api/meters', { method: 'POST', headers: form, body: 'a=1' })).status, 403);
    assert.equal(at.backEnd.got.length, 1);
  });

  test('while Twinkeep is away nothing passes', async () => {
    const away = await startProxy(name, 'http://127.0.0.1:9', at.backEnd.url);
    const { status } = await speak(away.port, '/open/page');
    await away.stop();
    assert.ok(status >= 500, String(status));
    assert.equal(at.backEnd.got.length, 0);
  });
});
