import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { SECURITY_HEADERS } from '../../../src/http/index.ts';
import { presets } from '../../../src/profiles/index.ts';
import { KNOWN_COOKIE, NATIVE_COOKIES } from '../../../src/sessions/index.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { without } from '../deploy-assets.ts';
import { createPlace } from '../started.ts';
import { freePort, HOST, type Nginx, startNginx } from './nginx-kit.ts';

const skip = without(['nginx', 'openssl'], true);

/** What Twinkeep keeps secrets in, under all of its profiles. */
const COOKIES = [
  ...Object.values(NATIVE_COOKIES),
  ...Object.values(presets).flatMap((preset) => ('cookies' in preset ? Object.values(preset.cookies) : [])),
];

/** A back end that says how it was called, streams, and echoes over a socket. */
async function startTwin(t: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    if (request.url !== '/api/events')
      return void response.end(JSON.stringify({ ...request.headers, url: request.url }));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.write('data: first\n\n'); // and the end never comes
  });
  const sockets = new WebSocketServer({ server, path: '/live' });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : assert.fail();
}

async function startAll(t: TestContext): Promise<{ readonly nginx: Nginx; readonly token: string }> {
  const place = createPlace(t, { TWINKEEP_TRUSTED_PROXIES: '127.0.0.1', TWINKEEP_ISSUER: `https://${HOST}` });
  const [to, access] = ['twin', 'signed-in'] as const;
  place.configure({
    gateway: {
      backEnds: { twin: { url: `http://127.0.0.1:${await startTwin(t)}` } },
      routes: [
        { path: '/api/*', to, access },
        { path: '/api/events', to, access, methods: ['GET'], streams: true },
        { path: '/live', to, access, methods: ['GET'], sockets: true },
      ],
    },
  });
  const { address } = await place.start();
  const nginx = await startNginx(t, Number(new URL(address).port));
  const body = JSON.stringify({ username: 'admin', password: KIT_PASSWORD });
  const { status, text } = await nginx.tls('POST', '/v1/login', {
    body,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(status, 200, text);
  return { nginx, token: JSON.parse(text).access_token };
}

/** What a raw connection gets before the other side closes it; an error is an end as well. */
async function untilClosed(socket: ReturnType<typeof connect> | TLSSocket, first: string): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(first);
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

test('B27: nginx ends TLS, sends plain HTTP away, and hands on who really calls', { skip }, async (t) => {
  const { nginx, token } = await startAll(t);
  const authorization = `Bearer ${token}`;

  await t.test(
    'plain HTTP is sent to HTTPS of the configured name, but never what may have had secrets in it',
    async () => {
      const { status, headers } = await nginx.plain('GET', '/v1/me?a=b');
      assert.deepEqual([status, headers.location], [301, `https://${HOST}/v1/me?a=b`]);
      const { 'strict-transport-security': _hsts, ...strict } = SECURITY_HEADERS; // RFC 6797 §7.2: over HTTPS alone
      for (const [name, value] of Object.entries(strict)) assert.equal(headers[name], value, name);
      assert.equal(headers['strict-transport-security'], undefined);
      assert.equal((await nginx.plain('HEAD', '/')).status, 301);
      const posted = await nginx.plain('POST', '/v1/login', { body: '{"password":"x"}' });
      assert.deepEqual([posted.status, posted.headers.location], [403, undefined]);
      const harmless = { cookie: 'theme=dark; mytk_access=x; consent=tk_access' };
      assert.equal((await nginx.plain('GET', '/', { headers: harmless })).status, 301);
      const cookies = [KNOWN_COOKIE, ...COOKIES].map((name) => ({ cookie: `theme=dark; ${name}=x` }));
      assert.equal(cookies.length, 18);
      for (const headers of [{ authorization: 'Bearer x' }, { 'x-api-key': '0' }, ...cookies]) {
        const { status, headers: said } = await nginx.plain('GET', '/v1/me', { headers });
        assert.deepEqual([status, said.location], [403, undefined], JSON.stringify(headers));
      }
    },
  );

  // Attack: a link whose Host header makes us send people on to somebody else.
  await t.test('whoever asks for another name gets no redirect and no certificate', async () => {
    await assert.rejects(nginx.plain('GET', '/', { headers: { host: 'evil.example' } }));
    const stranger = connectTls({ port: nginx.tlsPort, servername: 'evil.example', rejectUnauthorized: false });
    await assert.rejects(once(stranger, 'secureConnect'));
  });

  await t.test('TLS is 1.2 or 1.3', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { port: nginx.tlsPort, servername: HOST, ca: nginx.ca, minVersion: version, maxVersion: version };
      const socket = connectTls(options);
      await once(socket, 'secureConnect');
      assert.equal(socket.getProtocol(), version);
      socket.destroy();
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    const socket = connectTls({ port: nginx.tlsPort, servername: HOST, ca: nginx.ca, ...old });
    await assert.rejects(once(socket, 'secureConnect'));
  });

  await t.test('every answer has the headers once, whether Twinkeep spoke or nginx', async () => {
    const large = Buffer.alloc(6_000_000, ' ');
    const answers = [
      await nginx.tls('GET', '/v1/me', { headers: { authorization } }),
      await nginx.tls('GET', '/v1/me'),
      await nginx.tls('GET', '/nowhere'),
      await nginx.tls('POST', '/v1/login', { body: large, headers: { 'content-type': 'application/json' } }),
      await nginx.tls('GET', '/v1/me', { headers: { 'x-long': 'a'.repeat(20_000) } }),
      await nginx.tls('GET', '/v1/forward-auth'),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 401, 404, 413, 400, 404],
    );
    for (const { headers, status } of answers)
      for (const [name, value] of Object.entries(SECURITY_HEADERS))
        assert.equal(headers[name], value, `${name} at ${status}`);
    for (const { headers } of answers) assert.doesNotMatch(String(headers['server'] ?? ''), /\d/, 'no version');
  });

  // Attack: a client writes itself another address, to be somebody whom no block knows.
  await t.test('the address of the client is the one that nginx saw', async () => {
    const spoofed = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9', 'x-real-ip': '203.0.113.9' };
    const { text } = await nginx.tls('GET', '/api/who', { headers: { authorization, ...spoofed } });
    assert.ok(!text.includes('203.0.113.9'), text);
    const seen = JSON.parse(text);
    assert.match(seen['x-forwarded-for'], /^127\.0\.0\.1\b/);
    assert.equal(seen['x-forwarded-proto'], 'https');
    assert.equal(seen['x-forwarded-host'], HOST);
  });

  // Attack: a path that the proxy tidies up opens another row than the one that was asked for.
  await t.test('a path that can be read in two ways comes to Twinkeep as it is, and is refused there', async () => {
    for (const path of ['/api//who', '/api/%2e%2e/v1/me', '/api/..%2fwho', '/api/..;/who', '/api/a%5cb']) {
      const { status, headers } = await nginx.tls('GET', path, { headers: { authorization } });
      assert.deepEqual([status, headers['content-type']], [400, 'application/problem+json'], path);
    }
  });

  await t.test('sockets and streams pass as they come', async () => {
    const options = { ca: nginx.ca, servername: HOST, headers: { host: HOST, authorization } };
    const socket = new WebSocket(`wss://127.0.0.1:${nginx.tlsPort}/live`, options);
    await once(socket, 'open');
    socket.send('hello');
    const [data] = await once(socket, 'message');
    assert.equal(String(data), 'echo hello');
    socket.terminate();

    const stream = connectTls({ port: nginx.tlsPort, servername: HOST, ca: nginx.ca });
    stream.write(`GET /api/events HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: ${authorization}\r\n\r\n`);
    let text = '';
    for await (const chunk of stream) {
      text += chunk;
      if (text.includes('data: first')) break; // before the answer has an end
    }
    assert.match(text, /^HTTP\/1\.1 200 /);
  });

  // Attack: connections that send a byte now and then, until no honest client gets one.
  await t.test('slow clients are cut, in the head and in the body', async () => {
    const head = `POST /v1/login HTTP/1.1\r\nHost: ${HOST}\r\n`;
    const startedAt = performance.now();
    const options = { port: nginx.tlsPort, servername: HOST, ca: nginx.ca };
    await Promise.all([
      untilClosed(connectTls(options), head),
      untilClosed(connectTls(options), `${head}Content-Length: 100\r\nContent-Type: application/json\r\n\r\n{`),
      untilClosed(connect(nginx.plainPort, '127.0.0.1'), 'GET / HT'),
    ]);
    const ms = performance.now() - startedAt;
    assert.ok(ms > 900 && ms < 15_000, `after ${ms} ms`);
  });

  await t.test('what Twinkeep tells of itself is for this host alone, and the log holds no query', async () => {
    assert.equal((await nginx.tls('GET', '/metrics')).status, 200);
    await nginx.tls('GET', '/api/who?token=very-secret', { headers: { authorization } });
    const logs = nginx.logs();
    assert.match(logs, /"GET \/api\/who" 200/);
    assert.ok(!logs.includes('very-secret'));
  });
});

test('of B27: without a Twinkeep behind it nginx answers 502, with the headers and without a word of why', {
  skip,
}, async (t) => {
  const nginx = await startNginx(t, await freePort());
  const { status, headers, text } = await nginx.tls('GET', '/v1/me');
  assert.deepEqual([status, headers['content-type']], [502, 'application/problem+json']);
  assert.equal(JSON.parse(text).status, 502);
  assert.doesNotMatch(text, /nginx|127\.0\.0\.1|refused/);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) assert.equal(headers[name], value, name);
});
