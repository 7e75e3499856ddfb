import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { type Front, startBackEnd, startFront, startRawBackEnd } from './gateway-kit.contract.ts';

/** The status and the bytes of an answer; `undefined` where it was cut. */
function bytesOf(front: Front, method = 'GET'): Promise<{ status: number; length: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: front.port, host: '127.0.0.1', path: '/', method, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const length = answer.headers['content-length'];
        resolve({ status: answer.statusCode ?? 0, length, body: Buffer.concat(chunks) });
      });
    });
    asked.on('error', reject).end();
  });
}

test('an answer arrives byte for byte, whatever its size and its bytes', async () => {
  for (const size of [0, 1, 255, 8_191, 8_192, 8_193, 16_384, 100_000]) {
    const sent = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) % 256));
    const { url } = await startBackEnd((_request, response) => {
      response.writeHead(200, { 'content-length': size, 'x-own': 'caf\u00e9' }).end(sent);
    });
    const { status, length, body } = await bytesOf(await startFront({ backEnd: { url } }));
    assert.deepEqual([status, length, body.equals(sent)], [200, String(size), true], `${size} bytes`);
  }
});

test('an answer in several pieces, or of no told length, arrives whole', async () => {
  const { url } = await startBackEnd((asked, response) => {
    if (asked.method === 'GET') response.writeHead(200, { 'content-length': 6 });
    response.write('abc');
    setTimeout(() => response.end('\u0001\u007fz'), 20);
  });
  const front = await startFront({ backEnd: { url } });
  for (const method of ['GET', 'POST']) {
    assert.equal((await bytesOf(front, method)).body.toString('latin1'), 'abc\u0001\u007fz');
  }
});

test('a HEAD is answered with the length of what a GET would bring, and nothing more', async () => {
  const { url } = await startBackEnd(
    (_request, response) => void response.writeHead(200, { 'content-length': 5 }).end(),
  );
  const { length, body } = await bytesOf(await startFront({ backEnd: { url } }), 'HEAD');
  assert.deepEqual([length, body.length], ['5', 0]);
});

// Attack: a back end tells a length and ends before it, so that half an answer would look like a whole one.
test('an answer that is shorter than its length is cut', async () => {
  const { url } = await startRawBackEnd((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd'));
  await assert.rejects(bytesOf(await startFront({ backEnd: { url } })), { code: 'ECONNRESET' });
});
