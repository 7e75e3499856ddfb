import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ask, type Front, type FrontOptions, startFront, startRawBackEnd } from './gateway-kit.contract.ts';

type BackEndInput = Partial<FrontOptions['backEnd']>;

/** A front before a back end that answers every request with these bytes, and then ends or waits. */
async function before(bytes: string | ((socket: Socket) => void), options: BackEndInput = {}): Promise<Front> {
  const { url } = await startRawBackEnd((socket) => {
    if (typeof bytes === 'string') socket.write(bytes, 'latin1');
    else bytes(socket);
  });
  return startFront({ backEnd: { url, responseTimeoutMs: 700, idleTimeoutMs: 700, ...options } });
}

async function outcome(front: Front, method = 'GET'): Promise<string> {
  try {
    const answer = await ask(front, method, '/x');
    if (!answer.whole) return 'cut';
    return answer.text.startsWith('{') ? JSON.parse(answer.text).code : `${answer.status} ${answer.text}`;
  } catch (error) {
    return String(Object(error).code) === 'ECONNRESET' ? 'cut' : String(error);
  }
}

const OK = 'HTTP/1.1 200 OK\r\n';

// Attack: a back end that was taken over answers with what makes proxies and clients disagree.
test('an answer that makes no sense is 502 and nothing of it goes through', async () => {
  for (const bytes of [
    'nonsense\r\n\r\n',
    `${OK}X: 1\n\n`,
    `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
    `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${OK}Content-Length: -1\r\n\r\n`,
    `${OK}Bad Name: 1\r\n\r\n`,
    `${OK}X: a\0b\r\nContent-Length: 0\r\n\r\n`,
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n',
    `${OK}${'X-Many: 1\r\n'.repeat(300)}Content-Length: 0\r\n\r\n`,
    `${OK}X-Large: ${'y'.repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`,
    'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100),
    'HTTP/1.1 100 Continue\r\n\r\n',
  ]) {
    const front = await before(bytes);
    assert.equal(await outcome(front), 'GATEWAY_ANSWER', JSON.stringify(bytes.slice(0, 80)));
    assert.equal(front.gateway.running(), 0);
  }
});

test('a back end that ends before it answered is 502', async () => {
  assert.equal(await outcome(await before((socket) => void socket.destroy())), 'GATEWAY_UNREACHABLE');
  assert.equal(await outcome(await before((socket) => void socket.resetAndDestroy())), 'GATEWAY_UNREACHABLE');
  assert.equal(await outcome(await before((socket) => void socket.end(`${OK}Conten`))), 'GATEWAY_UNREACHABLE');
});

// Attack: half an answer that ends cleanly would be taken for a whole one, and cached.
test('half an answer ends with a cut connection', async () => {
  for (const bytes of [
    `${OK}Content-Length: 100\r\n\r\nhalf`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n`,
  ]) {
    const front = await before((socket) => void socket.end(bytes));
    assert.equal(await outcome(front), 'cut', bytes);
    assert.deepEqual(front.metered, ['twin 0']);
  }
  const closed = await before((socket) => void socket.end(`${OK}Connection: close\r\n\r\nwhole until the end`));
  assert.equal(await outcome(closed), '200 whole until the end');
});

test('a back end that does not answer in time is 504, and a body on which nothing moves is cut', async () => {
  assert.equal(await outcome(await before(() => undefined)), 'GATEWAY_TIMEOUT');
  assert.equal(await outcome(await before(`${OK}Content-Length: 100\r\n\r\nhalf`)), 'cut');
});

// Attack: a head that comes byte by byte, each in time for an idle limit, and never ends.
test('a head that never ends is 504', async () => {
  const front = await before((socket) => {
    socket.write(`${OK}X: `);
    const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write('y')), 50);
  });
  const startedAt = performance.now();
  assert.equal(await outcome(front), 'GATEWAY_TIMEOUT');
  assert.ok(performance.now() - startedAt < 3_000);
});

test('an answer larger than allowed is cut', async () => {
  const front = await before(`${OK}Content-Length: 5000\r\n\r\n${'x'.repeat(5_000)}`, { maxResponseBytes: 4_000 });
  assert.equal(await outcome(front), 'cut');
});

test('trailers and reasons of the back end do not go through, 1xx are passed over, and bytes behind an answer are lost', async () => {
  const front = await before(
    `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 <script>\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n${OK}Content-Length: 4\r\n\r\nevil`,
  );
  const answer = await ask(front, 'GET', '/x');
  assert.equal(answer.text, 'body');
  assert.equal(answer.headers.trailer, undefined);
  assert.equal(await outcome(front), '200 body');
});

test('an answer to HEAD that has a body does not reach the next request', async () => {
  const front = await before(`${OK}Content-Length: 4\r\n\r\nbody`);
  const answer = await ask(front, 'HEAD', '/x');
  assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [200, '', '4']);
  assert.equal(await outcome(front), '200 body');
});

test('a status without a body has none, whatever the back end says', async () => {
  const front = await before('HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody');
  const answer = await ask(front, 'GET', '/x');
  assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [204, '', undefined]);
});

test('headers in bytes above ASCII go through as they came', async () => {
  const front = await before(`${OK}X-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n`);
  assert.equal((await ask(front, 'GET', '/x')).headers['x-name'], 'caf\xe9');
});
