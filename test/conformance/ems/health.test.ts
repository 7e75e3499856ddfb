import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startTls } from '../../journeys/tls-kit.ts';
import { SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const ems = { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' };

async function portOf(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : assert.fail();
}

const healthy: RequestListener = (_request, response) => void response.end('{"status":"ok"}');

test('D13 the probe is the runtime itself, follows TWINKEEP_HOST and TWINKEEP_PORT, and says with its exit code', async (t) => {
  const place = createPlace(t, ems);
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  const server = await place.start();
  const { port } = new URL(server.address);
  const env = { TWINKEEP_HOST: '0.0.0.0', TWINKEEP_PORT: port };
  // A PATH without curl and wget, as in a slim image: `node` is named in full by bin/twinkeep, and `dirname` is needed.
  const bare = { ...env, PATH: join(place.folder, 'bin') };
  execFileSync('sh', ['-c', `mkdir ${bare.PATH} && ln -s "$(command -v dirname)" ${bare.PATH}/`]);
  const good = await place.cli.start(['health'], { env: bare, shell: true }).ended();
  assert.deepEqual([good.code, good.stderr], [0, '']);
  assert.match(good.stdout, /healthy/);
  const json = await place.cli.run(['health', '--json', '--url', server.address]);
  assert.deepEqual([json.code, json.json.status], [0, 'ok']);

  place.configure({ port: -1 });
  assert.equal((await place.cli.run(['health'], { env })).code, 0, 'a spoilt file does not make the server look dead');
  await server.running.stop('SIGTERM');
  const dead = await place.cli.run(['health'], { env });
  assert.equal(dead.code, 1);
  assert.match(dead.stderr, /not healthy: ECONNREFUSED/);
});

test('D13 the probe follows a configuration file where the environment does not say', async (t) => {
  const place = createPlace(t, ems);
  const port = await portOf(t, createServer(healthy));
  place.configure({ port });
  const kubernetes = { TWINKEEP_PORT: 'tcp://10.0.0.1:80' }; // of a Service that is called twinkeep
  assert.equal((await place.cli.run(['health'], { env: kubernetes })).code, 0);
  place.configure({ port: 1 });
  assert.equal((await place.cli.run(['health'], { env: kubernetes })).code, 1);
});

test('D13 the probe speaks TLS where the port does', async (t) => {
  const place = createPlace(t, ems);
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(place.folder, name));
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=twin.example',
  ];
  execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key ?? '', '-out', cert ?? ''], { stdio: 'ignore' });
  const pem = { key: readFileSync(key ?? ''), cert: readFileSync(cert ?? '') };
  const port = await portOf(t, createTlsServer(pem, healthy));
  const over = await place.cli.run(['health', '--url', `https://127.0.0.1:${port}`]);
  assert.deepEqual([over.code, over.stderr], [0, '']);
  const plain = await place.cli.run(['health', '--url', `http://127.0.0.1:${port}`]);
  assert.equal(plain.code, 1, 'plain HTTP where the port speaks TLS');
});

// Attack on ourselves: a supervisor ends every Twinkeep that is as strict as it should be, again and again.
test('D13 the probe finds a server alive that asks everybody for a certificate, and no other', async (t) => {
  const clients = 'required' as const;
  const kit = await startTls(t, (file) => ({ tls: { clients, clientCaFile: file('ca.pem', '-') } }), true);
  const place = createPlace(t);
  const at = { TWINKEEP_HOST: '127.0.0.1', TWINKEEP_PORT: String(kit.port) };
  const alive = await place.cli.run(['health', '--json'], { env: { ...at, TWINKEEP_DATA: join(kit.folder, 'data') } });
  assert.deepEqual([alive.code, alive.json?.url], [0, `https://127.0.0.1:${kit.port}/health`], alive.stderr);
  const stranger = await place.cli.run(['health'], { env: { ...at, TWINKEEP_DATA: place.folder } });
  assert.deepEqual([stranger.code, /not healthy: ENOENT/.test(stranger.stderr)], [1, true], stranger.stderr);
  const named = await place.cli.run(['health', '--url', `https://127.0.0.1:${kit.port}`]);
  assert.equal(named.code, 1, 'of a server that is named nobody knows an owner');
});

test('D13 the probe ends within three seconds, and takes nobody else for a healthy server', async (t) => {
  const place = createPlace(t, ems);
  const refuse =
    (status: number, body: string): RequestListener =>
    (_request, response) => {
      response.statusCode = status;
      response.end(body);
    };
  const others: readonly RequestListener[] = [
    () => undefined, // takes the request and never answers
    (_request, response) => void response.write('{'), // nor does this one, to its end
    refuse(200, '<html>welcome to nginx</html>'),
    refuse(200, 'x'.repeat(100_000)),
    refuse(503, '{"status":"ok"}'),
    refuse(302, '{"status":"ok"}'),
  ];
  for (const [index, listener] of others.entries()) {
    const port = await portOf(t, createServer(listener));
    const startedAt = performance.now();
    const { code, stderr } = await place.cli.run(['health', '--url', `http://127.0.0.1:${port}`]);
    const ms = performance.now() - startedAt;
    assert.deepEqual([code, /not healthy/.test(stderr)], [1, true], `${index}: ${stderr}`);
    assert.ok(ms < 3_500, `${index} took ${Math.round(ms)} ms with the start of the process`);
  }
  for (const url of ['nonsense', 'file:///etc/passwd', 'http://user:word@127.0.0.1'])
    assert.equal((await place.cli.run(['health', '--url', url])).code, 2, url);
});

test('D13 /health is outside of the limits: three hundred calls are all answered, and cost nobody anything', async () => {
  const kit = await startProfile('ems');
  try {
    for (let left = 300; left > 0; left -= 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => kit.call('GET', '/health')));
      assert.ok(answers.every(({ status }) => status === 200));
    }
    assert.equal((await kit.call('GET', '/nothing')).status, 404, 'the hundred of the address are still there');
  } finally {
    await kit.close();
  }
});

test('D13 /health is outside of the blocks, so that a block never looks like a dead process', async () => {
  const kit = await startProfile('ems', {}, { config: { detection: { failures: 2 } } });
  try {
    for (let each = 0; each < 2; each++) await kit.call('GET', '/api/v1/data/secure', { token: 'bad' });
    assert.equal((await kit.call('GET', '/nothing')).status, 403);
    for (let each = 0; each < 5; each++) assert.equal((await kit.call('GET', '/health')).status, 200);
    assert.equal((await kit.call('GET', '/health', { token: 'bad' })).status, 200, 'whoever asks');
  } finally {
    await kit.close();
  }
});
