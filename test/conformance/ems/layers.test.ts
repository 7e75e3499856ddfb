import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { decodeJwt } from 'jose';
import type { Answer, Call } from '../../../src/testing/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The services behind the gateway: they answer to whoever reaches them. */
const seen: Seen[] = [];
const backEnd = createServer((request, response) => {
  seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
  request.resume();
  request.on('end', () => response.end('{"from":"the service"}'));
});

let kit: ProfileKit;
let admin: string;
let viewer: string;
before(async () => {
  backEnd.listen(0, '127.0.0.1');
  await once(backEnd, 'listening');
  const address = backEnd.address();
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail();
  const access = { permission: { read: 'read:analysis', write: 'write:analysis' } };
  const gateway = {
    backEnds: { services: { url: `http://127.0.0.1:${port}` } },
    routes: [{ path: '/api/v1/analysis/*', to: 'services', profile: 'ems', access, maxBodyBytes: 1_024 }],
  };
  kit = await startProfile('ems', {}, { config: { gateway, detection: { failures: 5 } } });
  admin = await kit.login();
  viewer = await kit.member('vera', 'viewer');
});
beforeEach(() => {
  seen.length = 0;
});
after(async () => {
  backEnd.closeAllConnections();
  backEnd.close();
  await kit.close();
});

const PATH = '/api/v1/analysis/report';
const ask = (call: Call = {}, method = 'GET'): Promise<Answer> => kit.call(method, PATH, call);

test('E01: whom the gateway knows is handed on, with who they are signed and their own token taken away', async () => {
  const { status, text, headers } = await ask({ token: admin, headers: { 'twinkeep-assertion': 'spoofed' } });
  assert.deepEqual([status, text], [200, '{"from":"the service"}']);
  assert.equal(headers.get('x-xss-protection'), '1; mode=block');
  const [request] = seen;
  assert.equal(request?.url, PATH);
  assert.equal(request?.headers['authorization'], undefined);
  const assertion = decodeJwt(String(request?.headers['twinkeep-assertion']));
  assert.equal(assertion.aud, 'services');
});

test('E01: whom it does not know never reaches a service', async () => {
  const answers = [
    await ask(),
    await ask({ token: `${admin}x` }),
    await ask({ headers: { 'x-api-key': 'bad-key-bad-key' } }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [401, 401, 401],
  );
  assert.deepEqual(answers[0]?.json, { detail: 'Invalid authentication credentials' });
  assert.equal(seen.length, 0);
});

test('E01: nor does who may not, nor what is no proper request', async () => {
  assert.equal((await ask({ token: viewer, body: {} }, 'POST')).status, 403);
  assert.equal((await ask({ token: admin, body: 'x'.repeat(2_000) }, 'POST')).status, 413);
  assert.equal((await kit.call('GET', '/api/v1/analysis/..%2Fsecret', { token: admin })).status, 400);
  const { port } = new URL(kit.address);
  const smuggled = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(smuggled));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.equal(seen.length, 0);
});

test('E01: nor does who sends too much, nor who is blocked', async () => {
  let status = 200;
  let passed = 0;
  for (; status === 200 && passed <= 101; passed++) status = (await ask({ token: admin })).status;
  assert.equal(status, 429);
  assert.ok(seen.length <= 100, `${seen.length} came through`);
  kit.clock.advance(2 * 3_600_000);
  seen.length = 0;
  for (let each = 0; each < 5; each++) await ask({ token: 'bad' });
  assert.equal((await ask({ token: admin })).status, 403);
  assert.equal(seen.length, 0);
});
