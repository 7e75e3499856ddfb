import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { createKit } from '../../src/testing/index.ts';
import { speak } from './forward-auth-client.ts';
import { DEPLOY, findProxy, type Recipe, startProxy } from './forward-auth-proxy.ts';
import { newSet, startTls } from './tls-kit.ts';

const ASK = '/v1/forward-auth';
const TOLD = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'twin.example' };
const lacking = findProxy('nginx') === undefined && process.env['CI'] !== 'true';
const skip = lacking ? 'nginx is not on this system: apt-get install nginx, or npm test as root' : false;

// Attack: the public asks through the proxy in front of Twinkeep, which is trusted, and is told an assertion.
test('nginx in front of Twinkeep hands no question on from outside', { skip }, async (t) => {
  const routes = [{ path: '/api/*', audience: 'twin' }];
  const gateway = { forwardAuth: { proxies: ['127.0.0.1'], routes } }; // as where one nginx does both
  const kit = await createKit({ config: { trustedProxies: ['127.0.0.1'], gateway } });
  t.after(() => kit.close());
  const token = await kit.signIn();
  const { ca, server } = await newSet(['twin.example']);
  const nginx = await startProxy('nginx', kit.address, kit.address, inFront(server.certificate, server.key));
  t.after(() => nginx.stop());
  const own = { 'x-forwarded-method': 'DELETE', 'x-forwarded-uri': '/api/everything' };
  const headers = { host: 'twin.example', authorization: `Bearer ${token}`, ...own };
  const get = (path: string) =>
    send({ port: nginx.port, path, ca: ca.certificate, servername: 'twin.example', headers });
  assert.equal((await get('/v1/me')).status, 200, nginx.log());
  for (const path of [
    ...[ASK, `${ASK}?for=nginx`, `${ASK}/api/x`, `${ASK}/`, '/v1/Forward-Auth', '/V1/FORWARD-AUTH/api/x'],
    ...['/v1/%66orward-auth', '/x/../v1/forward-auth', '//v1/forward-auth', '/v1/forward-auth;x/api/x'],
  ]) {
    const { status, assertion } = await get(path);
    assert.deepEqual([status >= 400 && status < 500, assertion], [true, undefined], `${path} was answered ${status}`);
  }
  await kit.twinkeep.house.audit.integrate();
  const { json } = await kit.call('GET', '/v1/audit/entries?action=gateway.admitted', { token });
  assert.deepEqual(json.items, [], 'nothing was carried');
});

/** The configuration for Twinkeep's own traffic, on a free port. */
function inFront(certificate: string, key: string): Recipe {
  const read = (name: string): string => readFileSync(join(DEPLOY, 'nginx', name), 'utf8');
  return {
    file: 'nginx/upstream.conf',
    write: ({ folder, port }, upstream) => {
      mkdirSync(join(folder, 'tls'));
      writeFileSync(join(folder, 'tls/fullchain.pem'), certificate);
      writeFileSync(join(folder, 'tls/privkey.pem'), key);
      writeFileSync(join(folder, 'upstream.conf'), upstream);
      writeFileSync(join(folder, 'proxy.conf'), read('proxy.conf'));
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      const own = read('nginx.conf')
        .replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`)
        .replace(/^error_log .*$/m, 'error_log stderr;')
        .replace(/access_log .*;/, `access_log off;\n${temporary.join('\n')}`)
        .replace(/^ *listen \[::].*$/gm, '')
        .replaceAll('listen 80', `listen unix:${folder}/plain.sock`)
        .replaceAll('listen 443', `listen 127.0.0.1:${port}`);
      return `user root;\ndaemon off;\n${own}`;
    },
    args: (file, { folder }) => ['-p', folder, '-c', file, '-e', 'stderr'],
  };
}

function send(options: RequestOptions): Promise<{ readonly status: number; readonly assertion: unknown }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', agent: false, ...options }, (reply) => {
      reply.resume();
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, assertion: reply.headers['twinkeep-assertion'] }));
    });
    asked.on('error', reject).end();
  });
}

test('nginx tells each refusal under the status that was meant', { skip }, async (t) => {
  let status = 0;
  const server = createServer((_request, response) => {
    const told = { 'twinkeep-status': status, 'twinkeep-refusal-type': 'application/problem+json' };
    response.writeHead(403, { ...told, 'twinkeep-refusal': `{"status":${status}}` }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  const url = `http://127.0.0.1:${address.port}`;
  const nginx = await startProxy('nginx', url, url);
  t.after(() => nginx.stop());
  for (status of [400, 401, 403, 404, 405, 413, 415, 421, 422, 426, 429, 431, 500, 502, 503, 504]) {
    const spoken = await speak(nginx.port, '/x');
    assert.deepEqual([spoken.status, JSON.parse(spoken.body)], [status, { status }]);
  }
});

// Attack: a row of a profile that asks for TLS 1.3 is opened over 1.2, for the question itself belongs to no profile.
test('over TLS 1.2 only rows of profiles that take it may be asked about, whoever asks', async (t) => {
  const why = 'it asks for a sign-in itself';
  const routes = [
    { path: '/old', access: 'public' as const, because: why, profile: 'coretwin' },
    { path: '/new', access: 'public' as const, because: why },
  ];
  const kit = await startTls(t, () => ({
    profiles: ['coretwin'],
    profile: { coretwin: { secret: 'A7x9Qm2Lp8Rt5Vw3Zk6Nc1Bd4Fg0Hj2Y' } },
    tls: { minVersion: '1.2' as const },
    trustedProxies: ['127.0.0.1', '::1'],
    gateway: { forwardAuth: { proxies: ['127.0.0.1', '::1'], routes } },
  }));
  const old = { maxVersion: 'TLSv1.2' as const, ca: kit.ca.certificate };
  const about = (uri: string) => ({ headers: { ...TOLD, 'x-forwarded-method': 'GET', 'x-forwarded-uri': uri } });
  assert.equal((await kit.ask(ASK, { ...old, ...about('/old') })).status, 200);
  const refused = await kit.ask(ASK, { ...old, ...about('/new') });
  assert.deepEqual([refused.status, JSON.parse(refused.text).code], [403, 'TLS_TOO_OLD']);
  assert.equal((await kit.ask(`${ASK}?for=nginx`, { ...old, ...about('/new') })).headers['twinkeep-status'], '403');
  assert.equal((await kit.ask(ASK, about('/new'))).status, 200);
});
