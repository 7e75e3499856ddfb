import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { renameSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { newSet, startTls, type TlsKit } from './tls-kit.ts';

const handshake = (kit: TlsKit, more: object = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: kit.port, ca: kit.ca.certificate, servername: 'localhost', ...more };
    const socket = connect(options, () => resolve(socket));
    socket.on('error', reject);
  });

async function untilShown(kit: TlsKit, sha256: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await kit.ask('/health', { rejectUnauthorized: false })).shown === sha256) return;
    await wait(100);
  }
  assert.fail('the new certificate was never served');
}

const sha256Of = (pem: string): string => new X509Certificate(pem).fingerprint256;

test('a port with a certificate speaks TLS 1.3 alone, and says so of its address', async (t) => {
  const kit = await startTls(t);
  assert.match(kit.listening.address, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await kit.ask('/health')).status, 200);
  const socket = await handshake(kit, { ALPNProtocols: ['h2', 'http/1.1'] });
  assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], ['TLSv1.3', 'http/1.1']);
  assert.match(socket.getCipher().name, /^TLS_(AES|CHACHA20)/);
  socket.destroy();
  await assert.rejects(handshake(kit, { maxVersion: 'TLSv1.2' }), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
});

// Attack: a client is made to speak plain HTTP to the port, and hopes for an answer in the clear.
test('plain HTTP on the TLS port gets no answer', async (t) => {
  const kit = await startTls(t);
  const socket = connectPlain(kit.port, '127.0.0.1');
  let got = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    got = Buffer.concat([got, chunk]);
  });
  socket.on('error', () => undefined);
  socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  assert.doesNotMatch(got.toString('latin1'), /HTTP\//);
});

test('event streams and WebSockets work over TLS as without', async (t) => {
  const kit = await startTls(t);
  const body = { name: 'reader', scopes: ['read:meter_data'] };
  const headers = { authorization: `Bearer ${await kit.token()}` };
  const { key } = JSON.parse((await kit.ask('/v1/api-keys', { method: 'POST', headers, body })).text);
  const socket = await handshake(kit);
  socket.write(`GET /v1/readings/stream HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n\r\n`);
  let got = '';
  for await (const chunk of socket) {
    got += chunk;
    if (got.includes('event: ready')) break;
  }
  assert.match(got, /^HTTP\/1\.1 200 /);
  const live = new WebSocket(`wss://127.0.0.1:${kit.port}/v1/readings/stream`, {
    ca: kit.ca.certificate,
    headers: { 'x-api-key': key },
  });
  const first = await new Promise((resolve, reject) => live.once('message', resolve).once('error', reject));
  assert.match(String(first), /ready/);
  live.terminate();
});

test('another certificate is taken up by itself under load: no request fails, and what runs goes on', async (t) => {
  const backEnd = createServer((_request, response) => {
    let left = 40;
    const timer = setInterval(() => {
      response.write('x'.repeat(50_000));
      if (--left > 0) return;
      clearInterval(timer);
      response.end();
    }, 100);
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  t.after(() => backEnd.close().closeAllConnections());
  const url = `http://127.0.0.1:${Object(backEnd.address()).port}`;
  const gateway = {
    backEnds: { twin: { url } },
    routes: [{ path: '/big', to: 'twin', access: 'public' as const, because: 'of a test' }],
  };
  const kit = await startTls(t, () => ({ gateway, limits: { enabled: false, refusalMs: 0 } }));
  const next = await newSet();
  const trusted = [kit.ca.certificate, next.ca.certificate];
  const kept = new Agent({ keepAlive: true, maxSockets: 2, ca: trusted });
  t.after(() => kept.destroy());

  let going = true;
  const shown = new Set<string>();
  const failures: unknown[] = [];
  const load = async (agent?: Agent): Promise<number> => {
    let count = 0;
    for (; going; count++) {
      const asked = kit.ask('/health', { ca: trusted, ...(agent === undefined ? {} : { agent }) });
      await asked.then(
        (answer) => (answer.status === 200 ? shown.add(answer.shown) : failures.push(answer)),
        (error) => failures.push(error),
      );
    }
    return count;
  };
  const running = [load(), load(), load(kept)];
  const download = kit.ask('/big', { ca: trusted });
  await wait(500);
  for (const [name, text] of [
    ['server.key', next.server.key],
    ['server.pem', next.server.certificate],
  ] as const) {
    renameSync(kit.file(`${name}.new`, text), join(kit.folder, name)); // as a renewal does: one file after the other
    await wait(30);
  }
  await untilShown(kit, sha256Of(next.server.certificate));
  const downloaded = await download;
  await wait(300);
  going = false;
  const counts = await Promise.all(running);
  assert.deepEqual(failures, []);
  assert.ok(
    counts.every((count) => count > 10),
    String(counts),
  );
  assert.deepEqual([downloaded.text.length, downloaded.shown], [2_000_000, sha256Of(kit.server.certificate)]);
  assert.equal(shown.size, 2);
});

test('a broken new pair is not taken up, and a good one after it is', async (t) => {
  const kit = await startTls(t);
  const next = await newSet();
  kit.file('server.pem', 'no certificate');
  await wait(2_500);
  assert.equal((await kit.ask('/health')).shown, sha256Of(kit.server.certificate));
  kit.file('server.pem', next.server.certificate); // whose key is another one
  await wait(2_500);
  assert.equal((await kit.ask('/health')).shown, sha256Of(kit.server.certificate));
  kit.file('server.key', next.server.key);
  await untilShown(kit, sha256Of(next.server.certificate));
});

test('an older profile is served over TLS 1.2 where that is allowed, and the native API is not', async (t) => {
  const kit = await startTls(t, () => ({
    profiles: ['coretwin'],
    profile: { coretwin: { secret: 'A7x9Qm2Lp8Rt5Vw3Zk6Nc1Bd4Fg0Hj2Y' } },
    tls: { minVersion: '1.2' as const },
  }));
  const old = { maxVersion: 'TLSv1.2' as const, ca: kit.ca.certificate };
  const theirs = await kit.ask('/api/v1/auth/login', { ...old, method: 'POST', body: {} });
  assert.equal(theirs.status, 422);
  const ours = await kit.ask('/v1/me', old);
  assert.deepEqual([ours.status, JSON.parse(ours.text).code], [403, 'TLS_TOO_OLD']);
  assert.deepEqual(
    [ours.headers.upgrade, ours.headers['strict-transport-security']?.slice(0, 8)],
    ['TLS/1.3', 'max-age='],
  );
  assert.equal((await kit.ask('/health', old)).status, 200);
  assert.equal((await kit.ask('/v1/me')).status, 401);
  await assert.rejects(kit.ask('/health', { ...old, ciphers: 'AES128-GCM-SHA256' }), /SSL|handshake/i);
});
