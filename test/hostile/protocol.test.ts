import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';
import { assertGuarded, assertProblem, openWire } from './wire.ts';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const HOST = 'Host: twin.example\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const GOOD = `GET /health HTTP/1.1\r\n${HOST}\r\n`;

/** One request, its answer, and whether the connection goes on. */
async function ask(request: string | Uint8Array, head?: 'HEAD') {
  const wire = await openWire(kit.address);
  wire.send(request);
  const answer = await wire.answer(head);
  const closes = answer.headers.get('connection') === 'close';
  if (closes) assert.equal(await wire.closed(), '', 'nothing follows the last word');
  else {
    wire.send(GOOD);
    assert.equal((await wire.answer()).status, 200, 'the connection is still usable');
  }
  wire.end();
  return { ...answer, closes };
}

// Attack: two readers of one request disagree about where it ends (request smuggling).
test('a request whose length can be read in two ways is refused, and the connection with it', async () => {
  const post = `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}`;
  const smuggled = `0\r\n\r\nGET /v1/users HTTP/1.1\r\n${HOST}\r\n`;
  const requests = [
    `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${smuggled}`,
    `${post}Content-Length: 4\r\nContent-Length: 5\r\n\r\n${smuggled}`,
    `${post}Content-Length: +4\r\n\r\n${smuggled}`,
    `${post}Content-Length: 4, 4\r\n\r\n${smuggled}`,
    `${post}Content-Length: -1\r\n\r\n${smuggled}`,
    `${post}Content-Length: 0x4\r\n\r\n${smuggled}`,
    `${post}Content-Length: 99999999999999999999\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding: chunked, identity\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding:\x0bchunked\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding : chunked\r\n\r\n${smuggled}`,
    `${post}X: y\nContent-Length: 4\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n${smuggled}`,
    `${post}Transfer-Encoding: chunked\r\n\r\n4\nabcd\n0\n\n${smuggled}`,
  ];
  for (const request of requests) {
    const answer = await ask(request);
    assertProblem(answer, 400, 'HTTP_MALFORMED');
    assert.equal(answer.closes, true, JSON.stringify(request.slice(90, 180)));
  }
});

// Attack: a large body is sent for nothing, for it was asked for before anybody had looked at the head.
test('a body that its sender holds back is asked for when it is read, and not where the head is refused', async () => {
  const login = `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Expect: 100-continue\r\n`;
  const good = await openWire(kit.address);
  const body = JSON.stringify({ username: 'admin', password: KIT_PASSWORD });
  for (const _again of [1, 2]) {
    good.send(`${login}Content-Length: ${body.length}\r\n\r\n`);
    assert.equal((await good.answer()).status, 100);
    good.send(body);
    assert.equal((await good.answer()).status, 200);
  }
  good.end();
  for (const refused of [
    login.replace('/v1/login', '/v1/nowhere'),
    login.replace(JSON_TYPE, 'Content-Type: text/plain\r\n'),
    `${login}Authorization: Bearer x\r\n`.replace('POST /v1/login', 'PATCH /v1/me'),
  ]) {
    const wire = await openWire(kit.address);
    wire.send(`${refused}Content-Length: 20\r\n\r\n`);
    const answer = await wire.answer();
    assert.ok(answer.status >= 400, `${answer.status}`);
    assert.equal(answer.headers.get('connection'), 'close', 'nobody knows whether the body follows');
    wire.end();
  }
});

test('what is not HTTP gets a last word and a closed connection', async () => {
  const requests = [
    'hello\r\n\r\n',
    'GET  HTTP/1.1\r\n\r\n',
    'GET /health HTTP/9.9\r\nHost: a\r\n\r\n',
    'FROB /health HTTP/1.1\r\nHost: a\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    `GET /health HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${HOST}X-A : b\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${HOST}X-A: a\r\n folded\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${HOST}: no name\r\n\r\n`,
    `GET /hea lth HTTP/1.1\r\n${HOST}\r\n`,
    Buffer.from('16030100a5010000a10303', 'hex'), // TLS on the plain port
  ];
  for (const request of requests) {
    const answer = await ask(request);
    assertProblem(answer, 400, 'HTTP_MALFORMED');
    assert.equal(answer.closes, true);
  }
});

// Attack: a proxy before us routes by one of two hosts, and we answer for the other.
test('HTTP/1.1 needs one Host, and HTTP/1.0 none', async () => {
  assertProblem(await ask('GET /health HTTP/1.1\r\n\r\n'), 400, 'HTTP_MALFORMED');
  assertProblem(await ask(`GET /health HTTP/1.1\r\n${HOST}host: evil.example\r\n\r\n`), 400, 'HTTP_MALFORMED');
  assertProblem(await ask('POST /v1/login HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}'), 400, 'HTTP_MALFORMED');
  const old = await ask('GET /health HTTP/1.0\r\n\r\n');
  assert.deepEqual([old.status, old.closes, old.body], [200, true, '{"status":"ok"}']);
  assertProblem(await ask('GET /nothing HTTP/1.0\r\n\r\n'), 404, 'HTTP_NOT_FOUND');
});

test('a head that is too large is refused with 431 and a closed connection', async () => {
  const large = [
    `GET /health HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(20_480)}\r\n\r\n`,
    `GET /${'a'.repeat(20_480)} HTTP/1.1\r\n${HOST}\r\n`,
    `GET /health HTTP/1.1\r\n${HOST}${'X-A: b\r\n'.repeat(4_000)}\r\n`,
    `GET /health HTTP/1.1\r\n${HOST}Cookie: ${'a=b; '.repeat(4_000)}\r\n\r\n`,
  ];
  for (const request of large) {
    const answer = await ask(request);
    assertProblem(answer, 431, 'HTTP_MALFORMED');
    assert.equal(answer.closes, true);
  }
});

test('a long address is answered like any other that is not there', async () => {
  assertProblem(await ask(`GET /${'a'.repeat(15_000)} HTTP/1.1\r\n${HOST}\r\n`), 404, 'HTTP_NOT_FOUND');
  const query = `GET /v1/me?${'a=b&'.repeat(3_000)} HTTP/1.1\r\n${HOST}\r\n`;
  assertProblem(await ask(query), 401, 'ACCESS_UNAUTHENTICATED');
  const long = `DELETE /v1/readings/${'a'.repeat(2_000)} HTTP/1.1\r\n${HOST}\r\n`;
  assertProblem(await ask(long), 401, 'ACCESS_UNAUTHENTICATED');
});

test('an address that is not percent-encoded UTF-8 is refused, and one with odd characters leads nowhere', async () => {
  for (const path of ['/v1/%zz', '/%', '/v1/readings/%c3%28', '/v1/readings/%ff', '/%u0041', '/v1/users/%ed%a0%80']) {
    assertProblem(await ask(`DELETE ${path} HTTP/1.1\r\n${HOST}\r\n`), 400, 'HTTP_MALFORMED');
  }
  const nowhere = [
    '//health',
    '/health/',
    '/HEALTH',
    '/health;a=b',
    '/./health',
    '/v1/../health',
    '/v1/%2e%2e/health',
    '*',
  ];
  for (const path of nowhere) assertProblem(await ask(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`), 404, 'HTTP_NOT_FOUND');
});

test('an expectation that cannot be met is refused, and the usual one is met', async () => {
  const post = `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 2\r\n`;
  assertProblem(await ask(`${post}Expect: magic\r\n\r\n{}`), 400, 'HTTP_MALFORMED');
  const wire = await openWire(kit.address);
  wire.send(`${post}Expect: 100-continue\r\n\r\n`);
  assert.equal((await wire.answer()).status, 100);
  wire.send('{}');
  assertProblem(await wire.answer(), 422, 'HTTP_INPUT_REFUSED');
  wire.end();
});

test('methods that no address takes are refused, and none of them echoes or tunnels', async () => {
  for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'MKCOL']) {
    const answer = await ask(`${method} /health HTTP/1.1\r\n${HOST}X-Secret: echo-me\r\n\r\n`);
    assert.ok(answer.status === 404 || answer.status === 405);
    assert.ok(!answer.body.includes('echo-me'));
    assertGuarded(answer.headers);
  }
  const tunnel = await ask('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  assertProblem(tunnel, 400, 'HTTP_MALFORMED');
  assert.equal(tunnel.closes, true);
});

test('an upgrade that is not offered is answered as a plain request', async () => {
  const answer = await ask(`GET /health HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  assert.equal(answer.status, 200);
});

test('requests that are sent without waiting are answered in order', async () => {
  const wire = await openWire(kit.address);
  const bad = `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 1\r\n\r\n{`;
  wire.send([GOOD, bad, GOOD, `GET /nothing HTTP/1.1\r\n${HOST}\r\n`, GOOD].join(''));
  const statuses: number[] = [];
  for (let each = 0; each < 5; each++) statuses.push((await wire.answer()).status);
  assert.deepEqual(statuses, [200, 400, 200, 404, 200]);
  wire.end();
});

// Attack: a body that is announced and never sent, or cut off half way, holds or kills the server.
test('a client that leaves in the middle of a body harms nobody', async () => {
  for (let each = 0; each < 20; each++) {
    const wire = await openWire(kit.address);
    wire.send(`POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 1000\r\n\r\n{"username":`);
    wire.end();
  }
  assert.equal((await kit.call('GET', '/ready')).status, 200);
});

test('HEAD is answered like GET without a body', async () => {
  for (const [path, status] of [
    ['/health', 200],
    ['/v1/me', 401],
    ['/nothing', 404],
    ['/v1/login', 405],
  ] as const) {
    const answer = await ask(`HEAD ${path} HTTP/1.1\r\n${HOST}\r\n`, 'HEAD');
    assert.equal(answer.status, status, path);
    assertGuarded(answer.headers);
    assert.ok(Number(answer.headers.get('content-length')) > 0);
  }
});
