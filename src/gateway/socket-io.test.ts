import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { ada, type Front, portOf, startFront, until } from './gateway-kit.contract.ts';

/** The digital twin's server as it stands behind us: Socket.IO over long polling and WebSocket. */
async function startTwin() {
  const transports: string[] = [];
  const assertions: unknown[] = [];
  const tokens: unknown[] = [];
  const server = createServer();
  const twin = new Server(server, { pingInterval: 2_000 });
  twin.on('connection', (socket) => {
    transports.push(socket.conn.transport.name);
    socket.conn.once('upgrade', () => transports.push(socket.conn.transport.name));
    assertions.push(socket.handshake.headers['twinkeep-assertion']);
    tokens.push(socket.handshake.headers.authorization);
    socket.on('echo', (value: unknown, answer: (value: unknown) => void) => answer(value));
    socket.emit('reading', { meter: 'STEEL-01', kwh: 12.5 });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => twin.close());
  return { url: `http://127.0.0.1:${portOf(server)}`, transports, assertions, tokens };
}

function client(front: Front, transports: string[]): Socket {
  const socket = io(front.url, {
    transports,
    extraHeaders: { Authorization: 'Bearer t' },
    reconnection: false,
    forceNew: true,
  });
  after(() => socket.disconnect());
  return socket;
}

const route = { path: '/socket.io/*', to: 'twin', sockets: true };

for (const [name, transports, seen] of [
  ['long polling alone', ['polling'], ['polling']],
  ['a WebSocket alone', ['websocket'], ['websocket']],
  ['long polling that becomes a WebSocket', ['polling', 'websocket'], ['polling', 'websocket']],
] as const) {
  test(`Socket.IO passes over ${name}`, async () => {
    const twin = await startTwin();
    const front = await startFront({ backEnd: { url: twin.url }, routes: [route] });
    const socket = client(front, [...transports]);
    const reading = new Promise((resolve) => socket.once('reading', resolve));
    assert.deepEqual(await reading, { meter: 'STEEL-01', kwh: 12.5 });
    await until(() => twin.transports.length === seen.length);
    assert.deepEqual(twin.transports, [...seen]);
    const large = 'x'.repeat(200_000);
    assert.equal(await socket.timeout(5_000).emitWithAck('echo', large), large);
    assert.deepEqual([twin.assertions, twin.tokens], [['signed.twin'], [undefined]]);
    socket.disconnect();
    await until(() => front.gateway.openSockets() === 0);
  });
}

test('Socket.IO loses its connection when its caller is revoked', async () => {
  const twin = await startTwin();
  const front = await startFront({ backEnd: { url: twin.url }, routes: [route] });
  const socket = client(front, ['websocket']);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  front.confirm = () => Promise.reject(new Error(`${ada.kind} revoked`));
  const startedAt = performance.now();
  assert.equal(await new Promise((resolve) => socket.once('disconnect', resolve)), 'transport close');
  assert.ok(performance.now() - startedAt < 1_000);
});
