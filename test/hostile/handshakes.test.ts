import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { speak } from '../faults/gateway-speak.ts';

const HANDSHAKE =
  'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

const LONG = 'x'.repeat(2_000_000);
const backEnd = createServer();
/** One that knows of no handshakes, and answers them as it answers everything. */
const plain = createServer((_request, response) => response.writeHead(404).end(LONG));
let kit: Kit;
before(async () => {
  const live = new WebSocketServer({ noServer: true });
  backEnd.on('upgrade', (request, socket, head) => {
    live.handleUpgrade(request, socket, head, (opened) => opened.send('hello'));
  });
  for (const server of [backEnd, plain]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const urlOf = (server: Server): string => `http://127.0.0.1:${Object(server.address()).port}`;
  const backEnds = { twin: { url: urlOf(backEnd) }, plain: { url: urlOf(plain) } };
  const routes = [
    { path: '/live', to: 'twin', sockets: true },
    { path: '/gone', to: 'plain', sockets: true },
  ];
  kit = await createKit({ config: { gateway: { backEnds, routes, closeGraceMs: 100 } } });
});
after(() => {
  for (const server of [backEnd, plain]) server.close().closeAllConnections();
});

async function open(): Promise<Socket> {
  const socket = connect({ port: Number(new URL(kit.address).port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function answerTo(text: string): Promise<string> {
  const socket = await open();
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk;
  });
  socket.write(text);
  await Promise.race([once(socket, 'close'), once(socket, 'end'), wait(5_000)]);
  socket.destroy();
  return got;
}

// Attack: one packet of a stranger ends the process, for the handshake behind a request takes the connection of its answer.
test('a handshake sent behind a request that is not answered yet costs its sender the connection, and nobody else', async () => {
  for (let round = 0; round < 20; round++)
    await answerTo(`GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /live HTTP/1.1\r\n${HANDSHAKE}`);
  assert.equal((await kit.call('GET', '/health')).status, 200);
});

// Attack: strangers whose handshakes were refused keep their side open, until no descriptor is left.
test('a refused handshake gives its connection back, whatever its client does', async () => {
  const openFiles = (): number => readdirSync('/proc/self/fd').length;
  const before = openFiles();
  const sockets: Socket[] = [];
  for (let each = 0; each < 50; each++) {
    const socket = await open();
    socket.write(`GET /nothing HTTP/1.1\r\n${HANDSHAKE}`);
    socket.resume(); // reads the refusal, and ends nothing
    sockets.push(socket);
  }
  await Promise.all(sockets.map((socket) => (socket.readableEnded ? undefined : once(socket, 'end'))));
  await wait(200);
  assert.ok(openFiles() - before < 50 + 20, 'one descriptor each is our own end of it'); // the server's are closed
  for (const socket of sockets) socket.destroy();
});

test('a handshake that the back end refuses with a long answer is answered whole', async () => {
  const token = await kit.signIn();
  const got = await answerTo(`GET /gone HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n${HANDSHAKE}`);
  assert.match(got, /^HTTP\/1\.1 404 /);
  assert.ok(got.length > 2_000_000, `${got.length} bytes`);
});

// Attack: a handshake at a page that is larger than any buffer keeps its connection, and the server from ending, for ever.
test('a handshake is answered whole with whatever there is, and its connection ends', async () => {
  const answer = await speak(kit.address, `GET /openapi.json HTTP/1.1\r\n${HANDSHAKE}`);
  const [head = '', body = ''] = answer.text.split('\r\n\r\n');
  assert.ok(answer.closed);
  assert.equal(body.length, Number(/content-length: (\d+)/.exec(head)?.[1]));
});

test('an open WebSocket does not keep a server from ending', async () => {
  const token = await kit.signIn();
  const socket = new WebSocket(`${kit.address.replace('http', 'ws')}/live`, ['live', `twinkeep.bearer.${token}`]);
  await once(socket, 'message');
  const closed = once(socket, 'close');
  await Promise.race([kit.close(), wait(8_000).then(() => assert.fail('it did not end'))]);
  await closed;
});
