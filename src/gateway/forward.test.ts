import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { gatewayFault } from './errors.ts';
import { ask, speak, startBackEnd, startFront } from './gateway-kit.contract.ts';

/** A back end that keeps what it got and answers by path. */
async function mirror() {
  const got: IncomingMessage[] = [];
  const bodies: string[] = [];
  const { url, server } = await startBackEnd((request, response) => {
    got.push(request);
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(body);
      response.setHeader('x-from', 'twin');
      if (request.url === '/empty') response.writeHead(204).end();
      else if (request.url === '/same') response.writeHead(304, { etag: '"1"' }).end();
      else if (request.url === '/moved') response.writeHead(302, { location: `${url}/next?x=1` }).end();
      else if (request.url === '/away') response.writeHead(302, { location: 'https://other.example/' }).end();
      else if (request.url === '/wrong') response.writeHead(500).end('no');
      else response.end(`${request.method} ${request.url}`);
    });
  });
  const valuesOf = (name: string): string[] => {
    const raw = got.at(-1)?.rawHeaders ?? [];
    return raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name);
  };
  return { url, server, got, bodies, valuesOf };
}

test('a request is handed on with its path byte for byte, and answered', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  const answer = await ask(front, 'GET', '/api/caf%C3%A9/%2B?b=2&a=%2F..%2f&&');
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'GET /api/caf%C3%A9/%2B?b=2&a=%2F..%2f&&');
  assert.equal(answer.headers['x-from'], 'twin');
  assert.deepEqual(front.statuses, [200]);
  assert.deepEqual(front.metered, ['twin 200']);
});

test('methods, bodies and answers without a body pass', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    assert.equal((await ask(front, method, '/x', { body: 'hello' })).text, `${method} /x`);
    assert.equal(twin.bodies.at(-1), 'hello');
  }
  await ask(front, 'POST', '/x', { body: 'in chunks', headers: { 'transfer-encoding': 'chunked' } });
  assert.equal(twin.bodies.at(-1), 'in chunks');
  assert.equal((await ask(front, 'POST', '/x', { headers: { 'content-length': '0' } })).status, 200);
  assert.deepEqual(twin.valuesOf('content-length'), ['0']);

  const head = await ask(front, 'HEAD', '/x');
  assert.deepEqual([head.status, head.text, head.headers['x-from']], [200, '', 'twin']);
  const empty = await ask(front, 'GET', '/empty');
  assert.deepEqual(
    [empty.status, empty.headers['content-length'], empty.headers['transfer-encoding']],
    [204, undefined, undefined],
  );
  const same = await ask(front, 'GET', '/same');
  assert.deepEqual([same.status, same.headers.etag], [304, '"1"']);
});

test('the back end learns who calls, from where, and under which id', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  await ask(front, 'GET', '/x', { headers: { host: 'twin.example' } });
  assert.deepEqual(twin.valuesOf('twinkeep-assertion'), ['signed.twin']);
  assert.deepEqual(front.asked, ['person steel twin']);
  assert.deepEqual(twin.valuesOf('x-forwarded-for'), ['192.0.2.7']);
  assert.deepEqual(twin.valuesOf('x-forwarded-proto'), ['http']);
  assert.deepEqual(twin.valuesOf('x-forwarded-host'), ['twin.example']);
  assert.deepEqual(twin.valuesOf('x-request-id'), ['r1']);
  assert.deepEqual(twin.valuesOf('host'), [new URL(twin.url).host]);

  front.caller = undefined;
  await ask(front, 'GET', '/x', { headers: { 'twinkeep-assertion': 'forged' } });
  assert.deepEqual(twin.valuesOf('twinkeep-assertion'), []);
});

// Attack: the client writes what only we may write, in every spelling that some server takes for it.
test('headers that are ours are removed in every spelling', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  const forged = {
    ...{
      'Twinkeep-Assertion': 'x',
      twinkeep_assertion: 'x',
      TWINKEEP_ASSERTION: 'x',
      'twinkeep-tenant': 'x',
      twinkeep_role: 'x',
    },
    ...{
      'X-Forwarded-For': '1.1.1.1',
      X_Forwarded_For: '1.1.1.1',
      'x-forwarded-user': 'root',
      'X-Forwarded-Prefix': '/x',
    },
    ...{
      Forwarded: 'for=1.1.1.1',
      'X-Real-IP': '1.1.1.1',
      x_real_ip: '1.1.1.1',
      'True-Client-IP': '1.1.1.1',
      'X-Request-Id': 'x',
    },
    ...{
      'X-Original-URL': '/admin',
      'X-Rewrite-URL': '/admin',
      'X-HTTP-Method-Override': 'DELETE',
      'X-HTTP-Method': 'DELETE',
    },
    ...{ Proxy: 'http://evil', 'Proxy-Authorization': 'x', 'Proxy-Connection': 'x', TE: 'trailers', 'Keep-Alive': 'x' },
  };
  await ask(front, 'GET', '/x', { headers: { ...forged, 'x-mine': '1' } });
  const names = Object.keys(twin.got[0]?.headers ?? {}).sort();
  assert.deepEqual(names, [
    ...['connection', 'host', 'twinkeep-assertion', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
    ...['x-mine', 'x-request-id'],
  ]);
  assert.equal(twin.got[0]?.headers['x-forwarded-for'], '192.0.2.7');
  assert.equal(twin.got[0]?.headers['twinkeep-assertion'], 'signed.twin');
});

// Attack: a header that the policy looked at, or that is ours, is named away by `Connection`.
test('what Connection names is removed, but nothing that gives the request its meaning', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url }, route: { credential: 'pass' } });
  const named = 'x-hop, host, content-length, content-type, authorization, cookie, twinkeep-assertion, x-forwarded-for';
  await ask(front, 'POST', '/x', {
    headers: {
      connection: named,
      'x-hop': '1',
      'content-type': 'text/plain',
      authorization: 'Bearer t',
      cookie: 'a=1',
    },
    body: 'abc',
  });
  const headers = twin.got[0]?.headers ?? {};
  assert.equal(headers['x-hop'], undefined);
  assert.deepEqual(
    ['content-length', 'content-type', 'authorization', 'cookie', 'twinkeep-assertion', 'x-forwarded-for'].map(
      (name) => headers[name],
    ),
    ['3', 'text/plain', 'Bearer t', 'a=1', 'signed.twin', '192.0.2.7'],
  );
});

test('credentials and our cookies stay here unless the route passes them', async () => {
  const twin = await mirror();
  const headers = {
    authorization: 'Bearer t',
    'x-api-key': 'k',
    x_api_key: 'k',
    cookie: 'a=1; tk_device=2; __Host-tk_x=3; b=tk_4',
  };
  const strict = await startFront({ backEnd: { url: twin.url } });
  await ask(strict, 'GET', '/x', { headers });
  assert.deepEqual(
    [twin.valuesOf('authorization'), twin.valuesOf('x-api-key'), twin.valuesOf('x_api_key')],
    [[], [], []],
  );
  assert.deepEqual(twin.valuesOf('cookie'), ['a=1;  b=tk_4'.replace('  ', ' ')]);
  await ask(strict, 'GET', '/x', { headers: { cookie: 'tk_device=2' } });
  assert.deepEqual(twin.valuesOf('cookie'), []);

  const open = await startFront({ backEnd: { url: twin.url }, route: { credential: 'pass' } });
  await ask(open, 'GET', '/x', { headers });
  assert.deepEqual([twin.valuesOf('authorization'), twin.valuesOf('x-api-key')], [['Bearer t'], ['k']]);
});

test('repeated headers keep their order, and of two content types the one that was looked at is handed on', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url }, route: { hostHeader: 'inner.example' } });
  await speak(
    front.port,
    'POST /x HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx',
  );
  assert.deepEqual(twin.valuesOf('x-a'), ['1', '3']);
  assert.deepEqual(twin.valuesOf('content-type'), ['a/b']);
  assert.deepEqual(twin.valuesOf('host'), ['inner.example']);
});

test('the answer gets our headers where it has none of its own, and loses those of its hop', async () => {
  const { url } = await startBackEnd((_request, response) => {
    response.writeHead(200, [
      ...['content-security-policy', "default-src 'self'", 'twinkeep-assertion', 'forged', 'x-request-id', 'theirs'],
      ...[
        'set-cookie',
        'tk_device=stolen',
        'set-cookie',
        'own=1; Path=/',
        'set-cookie',
        ' __Secure-TK_x=1',
        'set-cookie',
        'two=2',
      ],
      ...['connection', 'close, x-inner', 'x-inner', '1', 'keep-alive', 'timeout=5', 'x-a', '1', 'x-a', '2'],
    ]);
    response.end('page');
  });
  const front = await startFront({ backEnd: { url } });
  const { headers, rawHeaders } = await ask(front, 'GET', '/');
  assert.equal(headers['content-security-policy'], "default-src 'self'");
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['x-request-id'], 'r1');
  assert.deepEqual(headers['set-cookie'], ['own=1; Path=/', 'two=2']);
  assert.deepEqual([headers['x-inner'], headers['twinkeep-assertion']], [undefined, undefined]);
  assert.equal(headers['x-a'], '1, 2');
  assert.equal(rawHeaders.filter((name) => name === 'x-request-id').length, 1);
});

test('a redirect does not show the address of the back end', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  assert.equal((await ask(front, 'GET', '/moved')).headers.location, '/next?x=1');
  assert.equal((await ask(front, 'GET', '/away')).headers.location, 'https://other.example/');
});

test('what changes something is recorded before it is sent and after it was answered, without its query', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  front.write = async ({ outcome }) => assert.equal(twin.got.length, outcome === 'intended' ? 0 : 1);
  await ask(front, 'POST', '/x?token=secret', { body: 'y' });
  await front.gateway.close();
  assert.deepEqual(
    front.entries.map(({ action, outcome, object, facts, tenantId }) => ({ action, outcome, object, facts, tenantId })),
    [
      { outcome: 'intended', facts: { method: 'POST', path: '/x' } },
      { outcome: 'done', facts: { method: 'POST', path: '/x', status: 200 } },
    ].map((entry) => ({
      action: 'gateway.forwarded',
      object: { type: 'back-end', id: 'twin' },
      tenantId: 'steel',
      ...entry,
    })),
  );
});

test('a failed act is recorded as failed, and reads are noted without waiting', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  assert.equal((await ask(front, 'DELETE', '/wrong')).status, 500);
  await ask(front, 'GET', '/x');
  await ask(front, 'HEAD', '/x');
  await ask(front, 'GET', '/wrong');
  await front.gateway.close();
  assert.deepEqual(
    front.entries.map(({ outcome }) => outcome),
    ['intended', 'failed'],
  );
  assert.deepEqual(front.entries[1]?.facts, { method: 'DELETE', path: '/wrong', status: 500 });
  assert.deepEqual(front.reads, ['GET /*', 'HEAD /*']);
});

test('what cannot be recorded is not sent', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  front.write = () => Promise.reject(new Error('disk full'));
  const answer = await ask(front, 'POST', '/x', { body: 'y' });
  assert.equal(answer.status, 503);
  assert.equal(JSON.parse(answer.text).code, 'GATEWAY_UNRECORDED');
  assert.equal(twin.got.length, 0);
  assert.equal(front.errors.length, 1);
  assert.equal((await ask(front, 'GET', '/x')).status, 200);
});

test('a target that is not plain never reaches the back end', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  for (const path of ['/a/../b', '/a//b', '/%2e%2e/b', '/a;x=1', 'http://evil/', '/x#y']) {
    const answer = await speak(front.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 /, path);
  }
  assert.equal(twin.got.length, 0);
});

test('a fault of the identity ends the request before anything is sent', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url }, more: { assertionHeader: 'x-twin-caller' } });
  await ask(front, 'GET', '/x', { headers: { 'X-Twin-Caller': 'forged', x_twin_caller: 'forged' } });
  assert.deepEqual(twin.valuesOf('x-twin-caller'), ['signed.twin']);
  assert.deepEqual(twin.valuesOf('x_twin_caller'), []);
  front.asked.push = () => {
    throw gatewayFault('GATEWAY_CLOSING');
  };
  assert.equal((await ask(front, 'GET', '/y')).status, 503);
  assert.equal(twin.got.length, 1);
});

test('a body that the line has read and looked at is handed on as these bytes', async () => {
  const twin = await mirror();
  const front = await startFront({ backEnd: { url: twin.url } });
  front.read = Buffer.from('looked at');
  await ask(front, 'POST', '/x', { body: 'whatever', headers: { 'transfer-encoding': 'chunked' } });
  assert.equal(twin.bodies.at(-1), 'looked at');
  assert.deepEqual(twin.valuesOf('content-length'), ['9']);
  front.read = Buffer.alloc(0);
  assert.equal((await ask(front, 'POST', '/x', { headers: { 'content-length': '0' } })).status, 200);
});
