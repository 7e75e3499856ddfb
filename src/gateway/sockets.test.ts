import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { isFault } from '../kernel/errors.ts';
import { gatewayFault } from './errors.ts';
import {
  type Front,
  type FrontOptions,
  portOf,
  speak,
  startBackEnd,
  startFront,
  startRawBackEnd,
  until,
} from './gateway-kit.contract.ts';
import { bearerOfProtocols } from './protocols.ts';

/** A back end that sends back whatever it gets, and says which protocols it was offered. */
async function echo() {
  const offered: (string | undefined)[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer((_request, response) => void response.writeHead(404).end('none here'));
  const sockets = new WebSocketServer({ server, handleProtocols: (names) => (names.has('app.v1') ? 'app.v1' : false) });
  sockets.on('connection', (socket, request) => {
    offered.push(request.headers['sec-websocket-protocol']);
    headers.push(request.headers);
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close().closeAllConnections();
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, offered, headers, clients: sockets.clients };
}

async function set(options: Partial<FrontOptions> = {}) {
  const twin = await echo();
  const front = await startFront({ backEnd: { url: twin.url }, route: { sockets: true }, ...options });
  return { twin, front };
}

function open(front: Front, protocols: string[] = [], headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${front.port}/live`, protocols, { headers });
  socket.on('error', () => undefined);
  after(() => socket.terminate());
  return socket;
}

async function refusal(front: Front, protocols: string[] = [], headers: Record<string, string> = {}): Promise<string> {
  const [, answer] = await once(open(front, protocols, headers), 'unexpected-response');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text.startsWith('{') ? `${answer.statusCode} ${JSON.parse(text).code}` : `${answer.statusCode} ${text}`;
}

test('a socket carries messages both ways, and is recorded when it opens and when it closes', async () => {
  const { front, twin } = await set();
  const socket = open(front, ['app.v1']);
  await once(socket, 'open');
  assert.equal(socket.protocol, 'app.v1');
  assert.equal(twin.headers[0]?.['twinkeep-assertion'], 'signed.twin');
  const large = Buffer.alloc(3 * 1_048_576, 7);
  socket.send('hello');
  assert.equal(String((await once(socket, 'message'))[0]), 'hello');
  socket.send(large);
  const [back] = await once(socket, 'message');
  assert.ok(large.equals(back));
  assert.equal(front.gateway.openSockets(), 1);
  socket.close(4_001, 'bye');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4_001);
  await front.gateway.close();
  assert.deepEqual(
    front.entries.map(({ action, outcome }) => `${action} ${outcome}`),
    ['gateway.connected intended', 'gateway.connected done'],
  );
  const facts = front.entries[1]?.facts;
  assert.ok(Number(facts?.['bytes_up']) > large.length && Number(facts?.['bytes_down']) > large.length);
  assert.deepEqual([front.gateway.openSockets(), front.statuses], [0, [101]]);
});

test('a token comes as a protocol, and the back end never sees it', async () => {
  const { front, twin } = await set();
  const socket = open(front, ['app.v1', 'twinkeep.bearer.abc.def']);
  await once(socket, 'open');
  assert.equal(socket.protocol, 'app.v1');
  const plain = open(front, ['twinkeep', 'twinkeep.bearer.abc']);
  await once(plain, 'open');
  assert.equal(plain.protocol, 'twinkeep');
  assert.deepEqual(twin.offered, ['app.v1', undefined]);
  assert.equal(await refusal(front, ['twinkeep.bearer.abc']), '400 GATEWAY_HANDSHAKE');
});

test('the token is read from the protocols, and of two none', () => {
  assert.equal(bearerOfProtocols('app.v1, twinkeep.bearer.a.b-c_d'), 'a.b-c_d');
  for (const header of [
    undefined,
    '',
    'app.v1',
    'twinkeep.bearer.',
    'twinkeep.bearer.a, twinkeep.bearer.b',
    'twinkeep.bearer.a b',
    ',',
  ]) {
    assert.equal(bearerOfProtocols(header), undefined, header);
  }
});

// Attack: a page of another site opens a socket with the cookies of whoever looks at it.
test('a page of an origin that is not listed opens no socket', async () => {
  const { front } = await set();
  for (const origin of [
    'https://evil.example',
    'null',
    `http://127.0.0.1:${front.port}.evil.example`,
    `https://127.0.0.1:${front.port}`,
  ]) {
    assert.equal(await refusal(front, [], { origin }), '403 GATEWAY_ORIGIN', origin);
  }
  await once(open(front, [], { origin: `http://127.0.0.1:${front.port}` }), 'open');

  const listed = await set({ route: { sockets: true, origins: ['https://twin.example'] } });
  await once(open(listed.front, [], { origin: 'https://twin.example' }), 'open');
  assert.equal(
    await refusal(listed.front, [], { origin: `http://127.0.0.1:${listed.front.port}` }),
    '403 GATEWAY_ORIGIN',
  );
});

test('a handshake that is none is refused, and so is a socket where none may be', async () => {
  const { front, twin } = await set();
  const good = {
    ...{
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  };
  for (const [bad, method] of [
    [{ 'Sec-WebSocket-Version': '8' }],
    [{ 'Sec-WebSocket-Key': 'short' }],
    [{ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==x' }],
    [{ Upgrade: 'h2c' }],
    [{ 'Sec-WebSocket-Protocol': 'a b' }],
    [{ 'Sec-WebSocket-Protocol': 'twinkeep.bearer.a, twinkeep.bearer.b' }],
    [{ 'Content-Length': '3' }],
    [{}, 'POST'],
  ] as const) {
    const lines = Object.entries({ ...good, ...bad }).map(([name, value]) => `${name}: ${value}\r\n`);
    const answer = await speak(front.port, `${method ?? 'GET'} /live HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*GATEWAY_HANDSHAKE/, JSON.stringify(bad));
  }
  assert.equal(twin.offered.length, 0);
  const closed = await set({ route: { sockets: false } });
  assert.equal(await refusal(closed.front), '415 GATEWAY_NO_SOCKETS');
});

test('the refusal of a back end is passed on', async () => {
  const { url } = await startBackEnd((_request, response) => void response.writeHead(404).end('unused'));
  const front = await startFront({ backEnd: { url }, route: { sockets: true } });
  assert.equal(await refusal(front), '404 unused');
  await front.gateway.close();
  assert.equal(front.entries[1]?.outcome, 'failed');
});

test('a refusal that is larger than any buffer arrives whole', async () => {
  const large = 'x'.repeat(8 * 1_048_576);
  const { url } = await startBackEnd((_request, response) => void response.writeHead(404).end(large));
  const front = await startFront({ backEnd: { url }, route: { sockets: true } });
  assert.equal((await refusal(front)).length, large.length + 4);
  await until(() => front.gateway.running() === 0);
  assert.deepEqual(front.statuses, [404]);
});

// Attack: a back end switches to something that the client did not ask for.
test('an agreement that does not fit the handshake is 502', async () => {
  const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n';
  const lines =
    'GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a\r\n\r\n';
  const tryWith = async (head: string): Promise<string> => {
    const { url } = await startRawBackEnd(
      (socket) => void socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n${head}\r\n`),
    );
    const front = await startFront({ backEnd: { url }, route: { sockets: true } });
    return speak(front.port, lines);
  };
  assert.match(await tryWith(`Upgrade: websocket\r\n${accept}Sec-WebSocket-Protocol: a\r\n`), /^HTTP\/1\.1 101 /);
  for (const head of [
    'Upgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n',
    'Upgrade: websocket\r\n',
    `Upgrade: h2c\r\n${accept}`,
    `Upgrade: websocket\r\n${accept}Sec-WebSocket-Protocol: b\r\n`,
    `Upgrade: websocket\r\n${accept}Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n`,
  ]) {
    assert.match(await tryWith(head), /^HTTP\/1\.1 502 [\s\S]*GATEWAY_ANSWER/, head);
  }
});

test('sockets and streams are closed within a second after their caller is no longer good', async () => {
  const { front } = await set();
  const streams = await startBackEnd((_request, response) => response.writeHead(200).flushHeaders());
  const other = await startFront({ backEnd: { url: streams.url }, route: { streams: true } });
  const socket = open(front);
  await once(socket, 'open');
  const asked = get(other.url, { agent: false });
  const [stream] = await once(asked, 'response');
  stream.on('error', () => undefined).resume();

  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(socket.readyState, WebSocket.OPEN);
  const revoked = () => Promise.reject(gatewayFault('GATEWAY_CLOSING', { reason: 'revoked' }));
  const startedAt = performance.now();
  front.confirm = revoked;
  other.confirm = revoked;
  await Promise.all([once(socket, 'close'), new Promise((resolve) => stream.once('close', resolve))]);
  assert.ok(performance.now() - startedAt < 1_000);
  assert.equal(stream.complete, false);
  await front.gateway.close();
  assert.equal(front.entries[1]?.facts?.['reason'], 'GATEWAY_CLOSING');
});

test('a caller who cannot be asked about is out, and an error that is no refusal is reported', async () => {
  const { front } = await set();
  const socket = open(front);
  await once(socket, 'open');
  front.confirm = () => Promise.reject(new Error('the store is away'));
  await once(socket, 'close');
  await until(() => front.errors.length > 0);
  assert.ok(!isFault(front.errors[0]));
});

test('more sockets than allowed are refused, by one caller or by all', async () => {
  const { front } = await set({ more: { sockets: { maxOpen: 2, maxPerPrincipal: 1 } } });
  const first = open(front);
  await once(first, 'open');
  assert.equal(await refusal(front), '429 GATEWAY_SOCKETS');
  front.caller = undefined;
  await once(open(front), 'open');
  front.caller = { kind: 'operator', tenantId: Object(first).tenantId };
  assert.equal(await refusal(front), '429 GATEWAY_SOCKETS');
  first.terminate();
  await until(() => front.gateway.openSockets() === 1);
  await once(open(front), 'open');
});

test('a socket on which nothing moves is cut', async () => {
  const { front } = await set({ more: { sockets: { idleTimeoutMs: 1_000 } } });
  const socket = open(front);
  await once(socket, 'open');
  await once(socket, 'close');
  await front.gateway.close();
  assert.equal(front.entries[1]?.facts?.['reason'], 'idle');
});

test('a socket whose other side ends is ended, and closing the gateway ends all', async () => {
  const { front, twin } = await set();
  const [one, two, three] = [open(front), open(front), open(front)];
  await Promise.all([one, two, three].map((socket) => once(socket, 'open')));
  one.terminate();
  await until(() => front.gateway.openSockets() === 2);
  [...twin.clients][0]?.terminate();
  await until(() => front.gateway.openSockets() === 1);
  await front.gateway.close();
  await until(() => [one, two, three].every(({ readyState }) => readyState === WebSocket.CLOSED));
  assert.deepEqual(
    front.entries.slice(3).map(({ facts }) => facts?.['reason']),
    ['client', 'back-end', 'GATEWAY_CLOSING'],
  );
});

// Attack: a client takes nothing of what a back end pours into its socket.
test('a socket that is not read holds the back end back', async () => {
  let poured = 0;
  const { url } = await startRawBackEnd((socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    );
    const pour = (): void => {
      poured += 65_536;
      if (socket.destroyed) return;
      if (socket.write(Buffer.alloc(65_536))) setImmediate(pour);
      else socket.once('drain', pour);
    };
    pour();
  });
  const front = await startFront({ backEnd: { url }, route: { sockets: true } });
  const head =
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  const client = connect(front.port, '127.0.0.1', () => client.write(head)).pause();
  client.on('error', () => undefined);
  await until(() => front.gateway.openSockets() === 1 && poured > 65_536);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.ok(poured < 32 * 1_048_576, `${poured} bytes`);
  client.destroy();
});
