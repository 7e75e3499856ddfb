import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createUpload } from './upload.ts';

const taken = { accepted: 1, stored: 1, repeated: 0, resume_line: 2, bad_lines: [] };

/** A server that answers in the order of `answers`, and an upload to it that waits in no time. */
async function upload(t: TestContext, ...answers: readonly RequestListener[]) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const turn = answers[Math.min(bodies.length, answers.length - 1)];
    bodies.push(Buffer.concat(await request.toArray()).toString());
    turn?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const pauses: number[] = [];
  const sentences: string[] = [];
  const send = createUpload({
    url: new URL(`http://127.0.0.1:${port}`),
    key: 'tk_secret',
    onWait: (sentence) => sentences.push(sentence),
    pause: async (ms) => pauses.push(ms),
  });
  return { send, bodies, pauses, sentences };
}

const problem =
  (status: number, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(JSON.stringify({ title: 'Too much.', status, code: 'X' }));

const accept: RequestListener = (_request, response) => response.end(JSON.stringify(taken));
const hangUp: RequestListener = (request) => request.socket.destroy();

test('a busy server is asked again after as long as it says, and a lost connection is made anew', async (t) => {
  const busy = [problem(429, { 'retry-after': '3' }), problem(503), hangUp, accept];
  const { send, bodies, pauses, sentences } = await upload(t, ...busy);
  assert.deepEqual(await send(['{"a":1}', '{"a":2}']), taken);
  assert.deepEqual(pauses, [3_000, 1_000, 2_000]);
  assert.deepEqual(new Set(bodies), new Set(['{"a":1}\n{"a":2}\n']));
  assert.match(sentences[0] ?? '', /429 .* in 3 s \(2 of 8\)$/);
});

// Attack: a server (or who plays it) keeps an import waiting for a year.
test('waiting is bounded in length and in number', async (t) => {
  const { send, bodies, pauses } = await upload(t, problem(503, { 'retry-after': '31536000' }));
  await assert.rejects(send(['{}']), (error) => isFault(error, 'CLI_FAILED'));
  assert.equal(bodies.length, 8);
  assert.deepEqual(new Set(pauses), new Set([60_000]));
});

// Attack: the server sends the key's owner to another one.
test('the key follows no redirect', async (t) => {
  const { send, bodies } = await upload(t, problem(307, { location: 'http://127.0.0.1:1/' }));
  await assert.rejects(send(['{}']), (error) => isFault(error, 'CLI_FAILED') && error.message.includes('127.0.0.1:1'));
  assert.equal(bodies.length, 1);
});

test('what trying again cannot mend is told at once', async (t) => {
  for (const status of [400, 401, 403, 404, 413, 500]) {
    const { send, pauses } = await upload(t, problem(status));
    await assert.rejects(send(['{}']), (error) => isFault(error, 'CLI_FAILED'));
    assert.deepEqual(pauses, [], String(status));
  }
});
