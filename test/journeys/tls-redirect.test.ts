import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWire, type WireAnswer } from '../hostile/wire.ts';
import { startTls, type TlsKit } from './tls-kit.ts';

async function ask(kit: TlsKit, request: string, head?: 'HEAD'): Promise<WireAnswer> {
  const wire = await openWire(kit.listening.redirectAddress ?? '');
  wire.send(request);
  const answer = await wire.answer(head);
  wire.end();
  return answer;
}

test('browsers are sent to HTTPS, to the same page', async (t) => {
  const kit = await startTls(t, () => ({ tls: { redirectPort: 0 } }));
  for (const method of ['GET', 'HEAD'] as const) {
    const host = method === 'GET' ? 'LocalHost:80' : 'localhost.'; // with the dot of the root it is the same name
    const answer = await ask(kit, `${method} /a/b?c=d HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'HEAD');
    assert.equal(answer.status, 308);
    assert.equal(answer.headers.get('location'), `https://localhost:${kit.port}/a/b?c=d`);
    assert.equal(answer.headers.get('content-length'), '0');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.has('strict-transport-security'), false, 'RFC 6797 §7.2');
  }
});

// Attack: a link or a poisoned cache makes the redirect lead to somebody else.
test('a redirect leads to no name but those of the certificate', async (t) => {
  const kit = await startTls(t, () => ({ tls: { redirectPort: 0 } }));
  const hosts = [
    'evil.example',
    'localhost.evil.example',
    'evil.example:80',
    '127.0.0.2',
    '[::1]',
    '',
    'localhost@evil.example',
  ];
  for (const host of hosts) {
    const answer = await ask(kit, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.deepEqual([answer.status, answer.headers.has('location')], [400, false], host);
  }
  for (const path of ['//evil.example/', '/\\evil.example', '/%0d%0aset-cookie:a=b']) {
    const answer = await ask(kit, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assert.equal(answer.headers.get('location'), `https://localhost:${kit.port}${path}`);
  }
  const absolute = await ask(kit, 'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal(absolute.status, 400);
});

test('a host that is set is where all are sent', async (t) => {
  const kit = await startTls(t, () => ({ tls: { redirectPort: 0, redirectHost: 'twin.example' } }));
  const answer = await ask(kit, 'GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  assert.equal(answer.headers.get('location'), `https://twin.example:${kit.port}/x`);
});

// Attack: a program follows redirects, and each of its secrets goes over the network in the clear first.
test('what brings a secret is refused and not redirected, and nothing else is served there', async (t) => {
  const kit = await startTls(t, () => ({ tls: { redirectPort: 0 } }));
  const host = 'Host: localhost\r\n';
  const requests = [
    `POST /v1/login HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\n{}`,
    `PUT /v1/login HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\n{}`,
    `GET /v1/me HTTP/1.1\r\n${host}Authorization: Bearer x\r\n\r\n`,
    `GET /v1/me HTTP/1.1\r\n${host}X-Api-Key: x\r\n\r\n`,
    `OPTIONS /v1/me HTTP/1.1\r\n${host}\r\n`,
    `GET /v1/me HTTP/1.1\r\n${host}Proxy-Authorization: Basic x\r\n\r\n`,
    `GET /live HTTP/1.1\r\n${host}Sec-WebSocket-Protocol: chat, Twinkeep.Bearer.x\r\n\r\n`,
    ...['tk_access', 'tk_refresh', 'tk_csrf', 'tk_device', 'tk_known', 'access_token_cookie', 'aivillage_refresh'].map(
      (name) => `GET /v1/me HTTP/1.1\r\n${host}Cookie: theme=dark\r\nCookie: ${name}=x; ${name}=y\r\n\r\n`,
    ),
  ];
  for (const request of requests) {
    const answer = await ask(kit, request);
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [403, 'TLS_NEEDED'], request);
    assert.equal(answer.headers.has('location'), false);
    assert.equal(answer.headers.get('x-frame-options'), 'DENY');
  }
  for (const cookie of ['', 'Cookie: theme=dark; consent=tk_access; my_tk_access=x\r\n'])
    assert.equal((await ask(kit, `GET /health HTTP/1.1\r\n${host}${cookie}\r\n`)).status, 308);
});
