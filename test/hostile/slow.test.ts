import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { configSchema } from '../../src/app/index.ts';
import { startTls } from '../journeys/tls-kit.ts';

const SHORT = { handshakeMs: 3_000, headMs: 3_000, paceMs: 3_000 };
const UPGRADE = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n`;
const HELLO = Buffer.from('16030100a5010000a10303', 'hex'); // the beginning of a ClientHello

/** How one slow client behaves: what it says at first, and again and again. */
interface Manner {
  readonly port: number;
  readonly count: number;
  readonly first?: string | Buffer;
  readonly drip?: string | Buffer;
  /** Reads nothing of what it is sent. */
  readonly deaf?: true;
}

interface Slow {
  readonly socket: Socket;
  /** When the server had enough; not yet without it. */
  cutAfterMs?: number;
}

function startSlow({ port, first, drip, deaf }: Manner): Slow {
  const socket = connect({ port, host: '127.0.0.1' });
  const since = performance.now();
  const slow: Slow = { socket };
  socket.on('error', () => undefined);
  if (deaf) socket.pause();
  else socket.resume();
  if (first !== undefined) socket.write(first);
  const timer = setInterval(() => (drip === undefined ? undefined : socket.write(drip)), 500);
  socket.once('close', () => {
    clearInterval(timer);
    slow.cutAfterMs = performance.now() - since;
  });
  return slow;
}

async function startBackEnd(t: TestContext): Promise<string> {
  const chunk = Buffer.alloc(65_536);
  const backEnd = createServer((_request, response) => {
    const push = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', push);
    push();
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  t.after(() => backEnd.close().closeAllConnections());
  return `http://127.0.0.1:${Object(backEnd.address()).port}`;
}

/**
 * How long this process would have run and was not let, on a machine that others keep busy; 0 where the system does not
 * say. Both ends of these tests are in it, and what it waits for a processor no server could be faster by.
 *
 * @see sched-stats in the documentation of Linux: the second number
 */
function starvedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1_000_000;
  } catch {
    return 0;
  }
}

/** What an honest client waits for an answer, on a new connection each time, until it is told to end. */
async function waits(
  ask: () => Promise<{ readonly status: number }>,
  going: () => boolean,
): Promise<readonly number[]> {
  const ms: number[] = [];
  while (going()) {
    const [since, starved] = [performance.now(), starvedMs()];
    assert.equal((await ask()).status, 200);
    ms.push(performance.now() - since - (starvedMs() - starved));
    await wait(10);
  }
  return ms.sort((a, b) => a - b);
}

// Attack: a thousand connections that each take as long as they may hold all the places there are.
test('a thousand slow connections leave honest clients in peace, and are cut', { timeout: 60_000 }, async (t) => {
  const gateway = {
    backEnds: { twin: { url: await startBackEnd(t) } },
    routes: [{ path: '/big', to: 'twin', access: 'public' as const, because: 'of a test' }],
  };
  const common = { gateway, connections: SHORT, limits: { enabled: false, refusalMs: 0 } };
  const [secure, plain] = [
    await startTls(t, () => common),
    await startTls(t, () => ({ ...common, tls: { enabled: false } })),
  ];
  assert.match(plain.listening.address, /^http:/);
  const head = 'Host: x\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n';
  const manners: readonly Manner[] = [
    { port: secure.port, count: 250 },
    { port: secure.port, count: 200, first: HELLO, drip: '\0' },
    { port: plain.port, count: 200 },
    { port: plain.port, count: 180, first: 'GET /health HTTP/1.1\r\nHost: x\r\n', drip: 'x: y\r\n' },
    { port: plain.port, count: 150, first: `POST /v1/login HTTP/1.1\r\n${head}{`, drip: ' ' },
    { port: plain.port, count: 20, first: 'GET /big HTTP/1.1\r\nHost: x\r\n\r\n', deaf: true },
  ];
  const all: { readonly manner: Manner; readonly slow: Slow }[] = [];
  t.after(() => {
    for (const { slow } of all) slow.socket.destroy();
  });
  const begin = async (): Promise<void> => {
    for (const manner of manners)
      for (let at = 0; at < manner.count; at++) {
        all.push({ manner, slow: startSlow(manner) });
        if (all.length % 50 === 0) await wait(25); // all of them are of this process, too, which honest clients wait for
      }
  };

  const isOpen = (): boolean =>
    all.length < 1_000 || all.some(({ slow, manner }) => slow.cutAfterMs === undefined && !manner.deaf);
  const until = performance.now() + 16_000;
  const going = (): boolean => isOpen() && performance.now() < until;
  const beginning = begin();
  const honest = await Promise.all([
    waits(() => secure.ask('/health'), going),
    waits(() => fetch(`${plain.listening.address}/health`), going),
  ]);
  await beginning;
  assert.equal(all.length, 1_000);
  for (const ms of honest) {
    const p99 = ms[Math.floor(ms.length * 0.99)] ?? Number.POSITIVE_INFINITY;
    t.diagnostic(
      `${ms.length} honest requests: p50 ${Math.round(ms[ms.length >> 1] ?? 0)} ms, p99 ${Math.round(p99)} ms`,
    );
    assert.ok(p99 < 1_000, `p99 ${p99} ms of ${ms.length}`);
  }
  // One that reads nothing does not notice its end, so the server is asked.
  for (let tries = 0; tries < 50 && (await openOf(plain.twinkeep.server)) > 2; tries++) await wait(200);
  assert.ok((await openOf(plain.twinkeep.server)) <= 2, 'those who read nothing were cut too');
  for (const { manner, slow } of all) {
    if (manner.deaf) continue;
    assert.ok((slow.cutAfterMs ?? 99_999) < 20_000, `${String(manner.first).slice(0, 20)}: ${slow.cutAfterMs}`);
  }
});

/** Asks for more than the system holds for it, and takes nothing of it: what is left waits in the system, where nobody looks. */
function startDeaf(port: number, requests: number): Slow {
  return startSlow({
    port,
    count: 1,
    deaf: true,
    first: 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(requests),
  });
}

// Attack: large pages are asked for, several at once, by clients with a window of a few bytes (slowhttptest -X).
test('who asks for pages and takes none is cut, whatever the system took for them', { timeout: 60_000 }, async (t) => {
  const settings = { connections: SHORT, limits: { enabled: false, refusalMs: 0 } };
  const kit = await startTls(t, () => ({ ...settings, tls: { enabled: false } }));
  assert.equal((await fetch(`${kit.listening.address}/openapi.json`)).status, 200);
  const all = Array.from({ length: 300 }, () => startDeaf(kit.port, 3));
  t.after(() => {
    for (const { socket } of all) socket.destroy();
  });
  const since = performance.now();
  let open = all.length;
  const count = async (): Promise<void> => {
    while (open > 2 && performance.now() - since < 25_000) {
      await wait(250);
      open = await openOf(kit.twinkeep.server);
    }
  };
  const counting = count();
  const ms = await waits(
    () => fetch(`${kit.listening.address}/health`, { headers: { connection: 'close' } }),
    () => open > 2 && performance.now() - since < 25_000,
  );
  await counting;
  const p99 = ms[Math.floor(ms.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  t.diagnostic(
    `${ms.length} honest requests: p99 ${Math.round(p99)} ms; cut after ${Math.round(performance.now() - since)} ms`,
  );
  assert.ok(open <= 2, `${open} are left`);
  assert.ok(p99 < 1_000, `p99 ${p99} ms of ${ms.length}`);
  assert.match(await kit.twinkeep.metrics.text(), /^twinkeep_connections_cut_total (?:[3-9]\d\d|2[5-9]\d)$/m);
});

/** Ways to have a large answer and to be gone for Node: the system alone would know of it. */
const PARTINGS = ['Connection: close\r\n', UPGRADE, 'half'];

// Attack: the answer is the last one of its connection, or that of a handshake which is refused, and nobody reads it.
test('who never takes its last answer is cut as well, and counted until then', { timeout: 60_000 }, async (t) => {
  const settings = { connections: { ...SHORT, paceMs: 2_000 }, limits: { enabled: false, refusalMs: 0 } };
  const kit = await startTls(t, () => ({ ...settings, tls: { enabled: false } }));
  for (const how of PARTINGS) {
    const header = how === 'half' ? '' : how;
    const first = `GET /openapi.json HTTP/1.1\r\nHost: x\r\n${header}\r\n`;
    const { socket } = startSlow({ port: kit.port, count: 1, deaf: true, first });
    if (how === 'half') setTimeout(() => socket.end(), 500); // before, it would get no answer
    t.after(() => socket.destroy());
  }
  await wait(1_500);
  const open = /^twinkeep_connections (\d+)$/m;
  assert.equal((await kit.twinkeep.metrics.text()).match(open)?.[1], '3', 'the system keeps them, so they count');
  for (let tries = 0; tries < 60 && (await openOf(kit.twinkeep.server)) > 0; tries++) await wait(200);
  assert.equal(await openOf(kit.twinkeep.server), 0);
  assert.match(await kit.twinkeep.metrics.text(), /^twinkeep_connections_cut_total 3$/m);
});

test('over TLS, too', async (t) => {
  const kit = await startTls(t, () => ({ connections: SHORT, limits: { enabled: false, refusalMs: 0 } }));
  for (let each = 0; each < 5; each++) {
    const socket = connectTls({ port: kit.port, host: '127.0.0.1', ca: kit.ca.certificate, servername: 'localhost' });
    socket.on('error', () => undefined).pause();
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(12));
    t.after(() => socket.destroy());
  }
  await wait(1_000);
  assert.equal(await openOf(kit.twinkeep.server), 5);
  for (let tries = 0; tries < 60 && (await openOf(kit.twinkeep.server)) > 0; tries++) await wait(200);
  assert.equal(await openOf(kit.twinkeep.server), 0);
  assert.match(await kit.twinkeep.metrics.text(), /^twinkeep_connections_cut_total 5$/m);
});

test('who takes a page slowly, and keeps the pace, gets it whole', async (t) => {
  const kit = await startTls(t, () => ({ tls: { enabled: false }, connections: { ...SHORT, paceMs: 2_000 } }));
  const socket = connect(kit.port, '127.0.0.1').pause();
  socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  let got = 0;
  while (!socket.readableEnded && !socket.destroyed) {
    await wait(250);
    got += socket.read()?.length ?? 0;
    if (got > 0 && socket.readableLength === 0 && socket.readableEnded) break;
  }
  const whole = Buffer.byteLength(await (await fetch(`${kit.listening.address}/openapi.json`)).text());
  assert.ok(got > whole, `${got} of ${whole} and a head`);
});

// Attack: a slow route is asked for over and over on one connection, each request costing memory until it is answered.
test('a connection with too many requests that wait is cut, and one with some is served', async (t) => {
  const held = createServer(() => undefined);
  await new Promise<void>((resolve) => held.listen(0, '127.0.0.1', resolve));
  t.after(() => held.close().closeAllConnections());
  const url = `http://127.0.0.1:${Object(held.address()).port}`;
  const route = { path: '/held', to: 'twin', access: 'public' as const, because: 'of a test' };
  const gateway = { backEnds: { twin: { url } }, routes: [route] };
  const kit = await startTls(t, () => ({ tls: { enabled: false }, gateway, limits: { enabled: false, refusalMs: 0 } }));
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const greedy = startSlow({ port: kit.port, count: 1, first: get('/held').repeat(200) });
  await once(greedy.socket, 'close');
  const some = connect(kit.port, '127.0.0.1');
  let text = '';
  some.on('data', (chunk) => {
    text += chunk;
  });
  some.write(get('/health').repeat(100));
  for (let tries = 0; tries < 50 && text.split('HTTP/1.1 200').length < 101; tries++) await wait(100);
  assert.equal(text.split('HTTP/1.1 200').length, 101);
  some.destroy();
});

const openOf = (server: { getConnections(done: (error: Error | null, count: number) => void): unknown }) =>
  new Promise<number>((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });

test('as it is set by default nobody is slow for longer than 30 s', () => {
  const { connections } = configSchema.parse({});
  const SWEEP_MS = 2_000; // of the server and of the guard
  for (const ms of [connections.handshakeMs, connections.headMs, 2 * connections.paceMs])
    assert.ok(ms + SWEEP_MS <= 30_000, String(ms));
});

// Attack: a body comes byte by byte, each just in time for the idle limit.
test('a body that is too slow is answered 408, with what stands in every answer', async (t) => {
  const kit = await startTls(t, () => ({ tls: { enabled: false }, connections: { ...SHORT, paceMs: 2_000 } }));
  const socket = connect(kit.port, '127.0.0.1');
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk;
  });
  socket.write('POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{');
  const drip = setInterval(() => socket.write(' '), 300);
  await once(socket, 'close');
  clearInterval(drip);
  assert.match(got, /^HTTP\/1\.1 408 /);
  assert.match(got, /x-content-type-options: nosniff\r\n/);
  assert.match(got, /"code":"HTTP_MALFORMED"/);
});

test('a body that takes long and keeps its pace is read to its end', async (t) => {
  const kit = await startTls(t, () => ({ tls: { enabled: false }, connections: { ...SHORT, paceMs: 2_000 } }));
  const socket = connect(kit.port, '127.0.0.1');
  socket.write('POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3600\r\n\r\n');
  for (let sent = 0; sent < 3_600; sent += 200) {
    socket.write(' '.repeat(200));
    await wait(300);
  }
  const [chunk] = await once(socket, 'data');
  assert.match(String(chunk), /^HTTP\/1\.1 400 /);
  socket.destroy();
});

// Attack: one address takes all the connections that a server may have.
test('one address has its share of connections, and a trusted proxy has no share', async (t) => {
  const limited = { connections: { ...SHORT, headMs: 60_000, maxPerAddress: 20 }, tls: { enabled: false } };
  const kit = await startTls(t, () => limited);
  const opened = Array.from({ length: 30 }, () => startSlow({ port: kit.port, count: 1 }));
  await wait(500);
  assert.equal(opened.filter(({ cutAfterMs }) => cutAfterMs !== undefined).length, 10);
  for (const { socket } of opened) socket.destroy();
  await wait(100);
  assert.equal((await fetch(`${kit.listening.address}/health`)).status, 200, 'whoever leaves makes room');
  assert.match(await kit.twinkeep.metrics.text(), /^twinkeep_connections_refused_total 10$/m);

  const proxied = await startTls(t, () => ({ ...limited, trustedProxies: ['127.0.0.1'] }));
  const many = Array.from({ length: 30 }, () => startSlow({ port: proxied.port, count: 1 }));
  await wait(300);
  assert.equal(many.filter(({ cutAfterMs }) => cutAfterMs !== undefined).length, 0);
  for (const { socket } of many) socket.destroy();
});

test('a full server lets idle connections go for new ones', async (t) => {
  const kit = await startTls(t, () => ({ connections: { max: 10 }, tls: { enabled: false } }));
  const idle = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const slow = startSlow({ port: kit.port, count: 1, first: 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' });
      await once(slow.socket, 'data');
      return slow;
    }),
  );
  assert.equal(
    await fetch(`${kit.listening.address}/health`).then(
      () => 'served',
      () => 'shut',
    ),
    'shut',
  );
  await wait(200);
  assert.ok(idle.every(({ cutAfterMs }) => cutAfterMs !== undefined));
  assert.equal((await fetch(`${kit.listening.address}/health`)).status, 200);
});
