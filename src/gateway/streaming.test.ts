import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ask, speak, startBackEnd, startFront, until } from './gateway-kit.contract.ts';

const codeOf = ({ text }: { readonly text: string }): string => JSON.parse(text.slice(text.indexOf('{'))).code;

test('an answer comes as the back end sends it, head first', async () => {
  let next = (): void => undefined;
  const { url } = await startBackEnd((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    next = () => void response.write('data: 1\n\n');
  });
  const front = await startFront({ backEnd: { url }, route: { streams: true } });
  const asked = get(`${front.url}/events`);
  const [answer]: [IncomingMessage] = await once(asked, 'response').then(([one]) => [one]);
  assert.equal(answer.headers['content-type'], 'text/event-stream');
  for (let each = 0; each < 3; each++) {
    next();
    assert.equal(String((await once(answer, 'data'))[0]), 'data: 1\n\n');
  }
  answer.on('error', () => undefined).destroy();
  await until(() => front.gateway.running() === 0);
});

test('a body reaches the back end while it still comes', async () => {
  const seen: string[] = [];
  const { url } = await startBackEnd((asked, response) => {
    asked.on('data', (chunk) => void seen.push(String(chunk)));
    asked.on('end', () => response.end('done'));
  });
  const front = await startFront({ backEnd: { url } });
  const sent = request(`${front.url}/x`, { method: 'POST' });
  sent.write('one');
  await until(() => seen.length === 1);
  sent.write('two');
  await until(() => seen.length === 2);
  sent.end();
  const [answer] = await once(sent, 'response');
  assert.equal(answer.statusCode, 200);
  answer.resume();
});

test('an answer that its client does not take holds the back end back', async () => {
  let written = 0;
  const piece = Buffer.alloc(65_536);
  const { url } = await startBackEnd((_asked, response) => {
    const more = (): void => {
      written += piece.length;
      if (response.write(piece)) setImmediate(more);
      else response.once('drain', more);
    };
    more();
  });
  const front = await startFront({ backEnd: { url, idleTimeoutMs: 1_000 } });
  const socket = connect(front.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  socket.on('error', () => undefined).pause();
  await until(() => written > 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(written < 32 * 1_048_576, `${written} bytes were taken from the back end`);
  await until(() => front.gateway.running() === 0); // and it is cut once nothing moves for the idle time
  assert.deepEqual(front.metered, ['twin 0']);
  socket.destroy();
});

// Attack: a body without a stated length grows until something breaks.
test('a body that is larger than allowed gets 413, announced or not, and the back end half a request', async () => {
  const ends: boolean[] = [];
  const { url } = await startBackEnd((asked) => {
    asked.on('error', () => undefined).on('close', () => ends.push(asked.complete));
    asked.resume();
  });
  const front = await startFront({ backEnd: { url }, route: { maxBodyBytes: 1_000 } });
  const announced = await ask(front, 'POST', '/x', { body: 'x'.repeat(1_001) });
  assert.deepEqual([announced.status, codeOf(announced)], [413, 'HTTP_BODY_TOO_LARGE']);
  assert.deepEqual([front.entries.length, ends.length], [0, 0]);

  const chunked = await ask(front, 'POST', '/x', {
    body: 'x'.repeat(200_000),
    headers: { 'transfer-encoding': 'chunked' },
  });
  assert.deepEqual([chunked.status, codeOf(chunked)], [413, 'HTTP_BODY_TOO_LARGE']);
  await front.gateway.close();
  assert.ok(!ends.includes(true));
  assert.deepEqual(
    front.entries.map(({ outcome }) => outcome),
    ['intended', 'failed'],
  );
});

test('a client that leaves in the middle of an answer or a body ends the exchange with the back end', async () => {
  let gone = 0;
  const { url } = await startBackEnd((asked, response) => {
    asked.on('error', () => undefined).resume();
    response.on('close', () => {
      gone += 1;
    });
    if (asked.method === 'GET') response.write('half');
  });
  const front = await startFront({ backEnd: { url } });
  const asked = get(`${front.url}/x`, { agent: false });
  const [answer] = await once(asked, 'response');
  answer.on('error', () => undefined);
  asked.on('error', () => undefined).destroy();
  await until(() => gone === 1);

  const sent = request(`${front.url}/x`, { method: 'POST', agent: false });
  sent.on('error', () => undefined).write('half');
  await until(() => front.gateway.running() === 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  sent.destroy();
  await until(() => gone === 2);
  await front.gateway.close();
  assert.deepEqual(front.statuses, [200, 499]);
  assert.deepEqual(front.entries[1]?.facts?.['reason'], 'the client left');
  assert.equal(front.entries[1]?.outcome, 'failed');
});

// Attack: a body that never ends holds a connection to the back end.
test('a body that stops coming gets 408', async () => {
  const { url } = await startBackEnd((asked, response) => void asked.resume().on('end', () => response.end()));
  const front = await startFront({ backEnd: { url, idleTimeoutMs: 500 } });
  const answer = await speak(
    front.port,
    'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf',
    3_000,
  );
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /HTTP_BODY_TOO_SLOW/);
});

// Attack: one byte before each limit of silence, so that a body of a thousand holds a connection for hours.
test('a body that comes slower than the least rate gets 408', async () => {
  const { url } = await startBackEnd((asked, response) => void asked.resume().on('end', () => response.end()));
  const front = await startFront({ backEnd: { url, idleTimeoutMs: 1_000 } });
  const socket = connect(front.port, '127.0.0.1');
  let answer = '';
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      answer += chunk;
    });
  socket.write('POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n');
  const drip = setInterval(() => socket.write('x'), 100);
  const startedAt = performance.now();
  await until(() => answer.includes('\r\n\r\n')).finally(() => clearInterval(drip));
  assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*HTTP_BODY_TOO_SLOW/);
  assert.ok(performance.now() - startedAt < 3_000);
  socket.destroy();
});

test('a body that is slow but fast enough arrives, and so does any where no rate is asked', async () => {
  const { url } = await startBackEnd((asked, response) => void asked.resume().on('end', () => response.end('whole')));
  for (const [bytes, minUploadBytesPerSecond] of [
    [200, 500],
    [1, 0],
  ] as const) {
    const front = await startFront({ backEnd: { url, idleTimeoutMs: 500, minUploadBytesPerSecond } });
    const sent = request(`${front.url}/x`, { method: 'POST', agent: false });
    const drip = setInterval(() => sent.write('x'.repeat(bytes)), 100);
    setTimeout(() => {
      clearInterval(drip);
      sent.end();
    }, 1_800);
    const [answer] = await once(sent, 'response');
    assert.equal(answer.statusCode, 200);
    answer.resume();
  }
});

test('a client that waits for 100 Continue is told to go on', async () => {
  const { url } = await startBackEnd((asked, response) => {
    asked.resume().on('end', () => response.end(String(asked.headers.expect)));
  });
  const front = await startFront({ backEnd: { url } });
  const sent = request(`${front.url}/x`, { method: 'POST', headers: { expect: '100-continue', 'content-length': 3 } });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.end('abc');
  const [answer] = await once(sent, 'response');
  assert.equal(String((await once(answer, 'data'))[0]), 'undefined');
});

test('an answer that comes before the body is read reaches the client, whose rest is thrown away', async () => {
  const { url } = await startBackEnd((_asked, response) => void response.writeHead(401).end('no'));
  const front = await startFront({ backEnd: { url } });
  const answer = await ask(front, 'POST', '/x', { body: Buffer.alloc(2 * 1_048_576) });
  assert.deepEqual([answer.status, answer.text], [401, 'no']);
  await until(() => front.gateway.running() === 0);
});

// Attack: a request says in two ways where it ends, so that two servers see two requests.
test('ambiguous framing never reaches the back end', async () => {
  let asked = 0;
  const { url } = await startBackEnd((_request, response) => {
    asked += 1;
    response.end();
  });
  const front = await startFront({ backEnd: { url } });
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
  for (const framing of [
    `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef${inner}`,
    `Content-Length: +5\r\n\r\nabcde${inner}`,
    `Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${inner}`,
    `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  ]) {
    const answer = await speak(front.port, `POST /x HTTP/1.1\r\nHost: x\r\n${framing}`);
    assert.match(answer, /^HTTP\/1\.1 400 /, framing);
    assert.doesNotMatch(answer, /HTTP\/1\.1 200/, framing);
  }
  const withBody = await speak(
    front.port,
    `GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde`,
  );
  assert.match(withBody, /^HTTP\/1\.1 400 [\s\S]*GATEWAY_FRAMING/);
  assert.equal(asked, 0);
});
