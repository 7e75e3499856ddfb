import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { type ConfigInput, configSchema, loadConfig } from '../../src/app/index.ts';
import { SECURITY_HEADERS } from '../../src/http/index.ts';
import { isFault } from '../../src/kernel/errors.ts';
import { createKit } from '../../src/testing/index.ts';
import { openWire, type WireAnswer } from './wire.ts';

const OURS = 'https://app.example';
const FOREIGN = [
  ...['null', '*', 'https://evil.example', 'https://app.example.evil.example', 'https://evil-app.example'],
  ...['http://app.example', 'https://app.example:444', 'HTTPS://APP.EXAMPLE', `${OURS}/`],
];
const SECRET = 'hG7wQz2VxN9rTb4LmK8sYc3Jd6PfA1uE';
const LEGACY = ['digital-twin-v1', 'digital-twin-v2', 'ems', 'aivillage', 'coretwin'] as const;

async function placesOf(config: ConfigInput): Promise<readonly string[]> {
  const refused = await loadConfig({ NODE_ENV: 'production' }, { production: true, ...config }).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (refused === undefined) return [];
  assert.ok(isFault(refused, 'CONFIG_INVALID'), String(refused));
  const { errors } = JSON.parse(JSON.stringify(refused.facts));
  return errors.map(({ at, reason }: { at: string; reason: string }) => (reason.includes('not hold *') ? at : ''));
}

// Attack: an installation is copied from a sample that lets every page of every site call, and is put into production.
test('X25: no profile starts in production with `*` among its origins', async () => {
  assert.deepEqual((await placesOf({ corsOrigins: ['*'] })).filter(Boolean), ['TWINKEEP_CORS_ORIGINS']);
  for (const name of LEGACY) {
    const of = (corsOrigins: string[]) => ({ profiles: [name], profile: { [name]: { secret: SECRET, corsOrigins } } });
    for (const origins of [['*'], [OURS, '*']])
      assert.equal((await placesOf(of(origins))).filter(Boolean).length, 1, `${name}: ${origins}`);
    assert.deepEqual((await placesOf(of([OURS]))).filter(Boolean), [], name);
  }
});

test('X25: a socket of the gateway takes no `*`, wherever it runs', () => {
  const route = { path: '/live', to: 'twin', sockets: true };
  for (const origin of ['*', 'null', 'https://app.example/', 'app.example']) {
    const gateway = { backEnds: { twin: { url: 'http://127.0.0.1:1' } }, routes: [{ ...route, origins: [origin] }] };
    assert.equal(configSchema.safeParse({ gateway }).success, false, origin);
  }
});

async function startBackEnd(): Promise<{ readonly url: string; close(): void }> {
  const backEnd = createServer();
  const live = new WebSocketServer({ noServer: true });
  backEnd.on('upgrade', (request, socket, head) => live.handleUpgrade(request, socket, head, () => undefined));
  live.on('headers', (lines) => lines.push('Access-Control-Allow-Origin: *', 'Server: old/1', 'X-Powered-By: PHP'));
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${Object(backEnd.address()).port}`,
    close: () => backEnd.close().closeAllConnections(),
  };
}

const SOCKETS = ['/v1/readings/stream', '/v1/socket.io/?EIO=4&transport=websocket', '/live'];

// Attack: a page of another site opens a socket, with which the cookies of its visitor go along.
test('no handshake lets a page of a stranger in, or tells it that it may read', { timeout: 60_000 }, async (t) => {
  const backEnd = await startBackEnd();
  t.after(() => backEnd.close());
  const routes = [{ path: '/live', to: 'twin', sockets: true, origins: [OURS] }];
  const gateway = { backEnds: { twin: { url: backEnd.url } }, routes, closeGraceMs: 100 };
  const kit = await createKit({ config: { corsOrigins: [OURS], gateway } });
  t.after(() => kit.close());
  const token = await kit.signIn();
  const shake = async (path: string, origin: string): Promise<WireAnswer> => {
    const wire = await openWire(kit.address);
    wire.send(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\nOrigin: ${origin}\r\n\r\n`,
    );
    const answer = await wire.answer();
    wire.end();
    return answer;
  };
  for (const path of SOCKETS) {
    const { status, headers } = await shake(path, OURS);
    assert.equal(status, 101, path);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) assert.equal(headers.get(name), value, path + name);
    assert.equal(headers.get('access-control-allow-origin'), OURS, path);
    for (const telling of ['server', 'x-powered-by']) assert.equal(headers.has(telling), false, path);
    for (const origin of FOREIGN) {
      const refused = await shake(path, origin);
      assert.equal(refused.status, 403, `${path} ${origin}`);
      for (const name of ['access-control-allow-origin', 'access-control-allow-credentials'])
        assert.equal(refused.headers.has(name), false, `${path} ${origin}`);
    }
  }
});
