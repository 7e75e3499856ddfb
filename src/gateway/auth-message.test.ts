import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { defineFaults } from '../kernel/errors.ts';
import { ada, ask, type Front, portOf, startFront, until } from './gateway-kit.contract.ts';

const fault = defineFaults({
  SESSION_TOKEN_INVALID: ['unauthenticated', 'The token is not valid.'],
  ACCESS_FORBIDDEN: ['forbidden', 'Not allowed.'],
});

const PAGE = 'https://twin.example';
const route = {
  path: '/live',
  to: 'twin',
  methods: ['GET' as const],
  sockets: true,
  authMessage: true,
  origins: [PAGE],
};

interface Twin {
  readonly url: string;
  readonly opened: IncomingMessage[];
  readonly messages: string[];
}

/** A back end that repeats what it hears. */
async function startTwin(status?: number): Promise<Twin> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  const twin = { opened: [] as IncomingMessage[], messages: [] as string[] };
  server.on('upgrade', (request, socket, head) => {
    twin.opened.push(request);
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    sockets.handleUpgrade(request, socket, head, (peer) => {
      peer.send('hello');
      peer.on('message', (data) => {
        twin.messages.push(String(data));
        peer.send(`echo ${String(data)}`);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    for (const peer of sockets.clients) peer.terminate();
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(twin, { url: `http://127.0.0.1:${portOf(server)}` });
}

async function start(twin: Twin, sockets: object = {}): Promise<Front> {
  const front = await startFront({ backEnd: { url: twin.url }, routes: [route], more: { sockets } });
  front.caller = undefined;
  front.admit = async (token) => {
    if (token === 'weak') throw fault('ACCESS_FORBIDDEN');
    if (token !== 'good') throw fault('SESSION_TOKEN_INVALID');
    return { caller: ada, tenantId: ada.tenantId, confirm: () => front.confirm() };
  };
  return front;
}

function open(front: Front, options: { protocols?: string[]; origin?: string } = {}) {
  const { protocols = [], ...more } = options;
  const socket = new WebSocket(`ws://127.0.0.1:${front.port}/live`, protocols, more);
  socket.on('error', () => undefined);
  after(() => socket.terminate());
  return socket;
}

const auth = (token: string): string => JSON.stringify({ type: 'auth', token });

const closed = async (socket: WebSocket): Promise<readonly [code: number, reason: string]> => {
  const [code, reason] = await once(socket, 'close');
  return [code, String(reason)];
};

test('a socket signs in by its first message, and the back end is asked with its assertion only then', async () => {
  const twin = await startTwin();
  const front = await start(twin);
  const socket = open(front);
  const heard: string[] = [];
  socket.on('message', (data) => void heard.push(String(data)));
  await once(socket, 'open');
  assert.equal(socket.extensions, '', 'nothing is compressed as long as nobody is known');
  assert.equal(twin.opened.length, 0);
  socket.send(auth('good'));
  socket.send('right behind it');
  await until(() => heard.length === 2);
  assert.deepEqual(heard, ['hello', 'echo right behind it']);
  assert.deepEqual(twin.messages, ['right behind it'], 'the token stays with us');
  const [request] = twin.opened;
  assert.equal(request?.headers['twinkeep-assertion'], 'signed.twin');
  assert.equal(request?.headers['sec-websocket-extensions'], undefined);
  assert.deepEqual(
    front.entries.map(({ action, outcome }) => `${action} ${outcome}`),
    ['gateway.connected intended'],
  );
  socket.close();
  await until(() => front.gateway.openSockets() === 0);
});

// Attack: messages that are no auth message, or carry a token that is no good.
test('any other first message closes the socket, and nothing reaches the back end', async () => {
  const twin = await startTwin();
  const front = await start(twin);
  for (const [message, code] of [
    ['hello', 1008],
    ['{}', 1008],
    ['{"type":"auth"}', 1008],
    ['{"type":"auth","token":""}', 1008],
    ['{"type":"auth","token":"good","more":1}', 1008],
    [auth('x'.repeat(8_192)), 1008],
    [Buffer.from(auth('good')), 1008],
    [auth('bad'), 4401],
    [auth('weak'), 4403],
  ] as const) {
    const socket = open(front);
    await once(socket, 'open');
    socket.send(message);
    assert.equal((await closed(socket))[0], code, String(message).slice(0, 40));
  }
  assert.equal(twin.opened.length, 0);
});

// Attack: a message in two fragments, or unmasked, is read differently by two programs.
test('a first message that is split or not masked closes the socket', async () => {
  const twin = await startTwin();
  const front = await start(twin);
  const split = open(front);
  await once(split, 'open');
  split.send(auth('good').slice(0, 5), { fin: false });
  assert.equal((await closed(split))[0], 1008);
  const bare = open(front);
  await once(bare, 'open');
  bare.send(auth('good'), { mask: false });
  assert.equal((await closed(bare))[0], 1008);
  assert.equal(twin.opened.length, 0);
});

test('a socket that says nothing is closed when its time is over, and frees its place', async () => {
  const twin = await startTwin();
  const front = await start(twin, { authTimeoutMs: 200, maxWaitingPerAddress: 1 });
  const socket = open(front);
  await once(socket, 'open');
  assert.deepEqual(await closed(socket), [4401, 'GATEWAY_CREDENTIAL']);
  const next = open(front);
  await once(next, 'open');
  next.send(auth('good'));
  await until(() => twin.opened.length === 1);
});

// Attack: sockets without end that never say who they are.
test('no more than so many sockets of an address wait at the same time', async () => {
  const twin = await startTwin();
  const front = await start(twin, { maxWaitingPerAddress: 3 });
  const waiting = Array.from({ length: 3 }, () => open(front));
  await Promise.all(waiting.map((socket) => once(socket, 'open')));
  const refused = open(front);
  const [response] = await once(refused, 'unexpected-response').then(([, answer]) => [answer]);
  assert.equal(response.statusCode, 429);
  assert.equal(twin.opened.length, 0);
});

test('the refusal of a back end becomes the code of the close', async () => {
  for (const [status, code] of [
    [403, 4403],
    [503, 4503],
    [302, 4502],
  ] as const) {
    const front = await start(await startTwin(status));
    const socket = open(front);
    await once(socket, 'open');
    socket.send(auth('good'));
    assert.equal((await closed(socket))[0], code);
  }
  const gone = await startFront({ backEnd: { url: 'http://127.0.0.1:1' }, routes: [route] });
  gone.caller = undefined;
  gone.admit = async () => ({ caller: ada, tenantId: ada.tenantId, confirm: async () => undefined });
  const socket = open(gone);
  await once(socket, 'open');
  socket.send(auth('good'));
  assert.deepEqual(await closed(socket), [4502, 'GATEWAY_UNREACHABLE']);
});

test('a socket that signed in by message ends within a second of its session', async () => {
  const twin = await startTwin();
  const front = await start(twin);
  const socket = open(front);
  await once(socket, 'open');
  socket.send(auth('good'));
  await once(socket, 'message');
  front.confirm = () => Promise.reject(fault('SESSION_TOKEN_INVALID'));
  const startedAt = performance.now();
  await closed(socket);
  assert.ok(performance.now() - startedAt < 1_000);
});

test('pages of other origins and protocols of the back end are refused before 101', async () => {
  const twin = await startTwin();
  const front = await start(twin);
  for (const [origin, protocols, status] of [
    ['https://evil.example', [], 403],
    [PAGE, ['chat'], 400],
  ] as const) {
    const socket = open(front, { origin, protocols: [...protocols] });
    const [, answer] = await once(socket, 'unexpected-response');
    assert.equal(answer.statusCode, status);
  }
  const plain = open(front, { protocols: ['twinkeep'], origin: PAGE });
  await once(plain, 'open');
  assert.equal(plain.protocol, 'twinkeep');
  assert.equal(twin.opened.length, 0);
});

test('a plain request without a credential is no socket that could still say who it is', async () => {
  const front = await start(await startTwin());
  const answer = await ask(front, 'GET', '/live');
  assert.equal(answer.status, 401);
  assert.match(answer.text, /GATEWAY_CREDENTIAL/);
});

// Attack: the client is gone before its token is looked at.
test('a client that leaves while it waits leaves nothing behind', async () => {
  const twin = await startTwin();
  const front = await start(twin, { maxWaitingPerAddress: 1 });
  for (let turn = 0; turn < 5; turn++) {
    const socket = connect(front.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      'GET /live HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1.1 101/);
    socket.destroy();
    await until(() => front.gateway.running() === 0);
  }
  assert.equal(twin.opened.length, 0);
});
