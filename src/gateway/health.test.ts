import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { ask, startBackEnd, startFront, startRawBackEnd, until } from './gateway-kit.contract.ts';

const codeOf = ({ text }: { readonly text: string }): string => JSON.parse(text).code;

/** An address on which nobody listens. */
async function nobody(): Promise<string> {
  const { url, stop } = await startBackEnd(() => undefined);
  await stop();
  return url;
}

const named = (name: string) => startBackEnd((_request, response) => void response.end(name));

test('several URLs are asked in turn', async () => {
  const [a, b] = [await named('a'), await named('b')];
  const front = await startFront({ backEnd: { urls: [a.url, b.url] } });
  const texts: string[] = [];
  for (let each = 0; each < 4; each++) texts.push((await ask(front, 'GET', '/')).text);
  assert.deepEqual(texts.sort(), ['a', 'a', 'b', 'b']);
});

test('a back end that cannot be reached is 502, and 503 once that is known; it is tried again', async () => {
  const url = await nobody();
  const front = await startFront({ backEnd: { url } });
  for (let each = 0; each < 3; each++) assert.equal(codeOf(await ask(front, 'GET', '/')), 'GATEWAY_UNREACHABLE');
  const down = await ask(front, 'GET', '/');
  assert.deepEqual([down.status, codeOf(down)], [503, 'GATEWAY_DOWN']);
  assert.deepEqual(
    front.events.map(({ kind, reason }) => [kind, reason]),
    [['down', 'ECONNREFUSED']],
  );
  const [status] = front.gateway.backEnds();
  assert.deepEqual([status?.healthy, status?.lastError], [false, 'ECONNREFUSED']);

  const server = createServer((_request, response) => void response.end('back'));
  server.listen(Number(new URL(url).port), '127.0.0.1');
  await until(() => front.gateway.backEnds()[0]?.healthy === true);
  assert.equal((await ask(front, 'GET', '/')).text, 'back');
  server.close().closeAllConnections();
});

test('what may be repeated goes to another URL when no connection was made, and nothing else does', async () => {
  const alive = await named('alive');
  const backEnd = { urls: [await nobody(), alive.url], health: { everyMs: 60_000, failures: 100 } };
  const front = await startFront({ backEnd });
  const empty = { headers: { 'content-length': '0' } };
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    for (let each = 0; each < 2; each++) assert.equal((await ask(front, method, '/', empty)).status, 200, method);
  }
  const posts = [await ask(front, 'POST', '/'), await ask(front, 'POST', '/')].map(({ status }) => status);
  assert.deepEqual(posts.sort(), [200, 502]);
  const puts = [await ask(front, 'PUT', '/', { body: 'x' }), await ask(front, 'PUT', '/', { body: 'x' })];
  assert.deepEqual(puts.map(({ status }) => status).sort(), [200, 502]);
});

// Attack: a request that kills a back end is carried from one to the next until none is left.
test('a request that was sent is not sent to another back end', async () => {
  let deaths = 0;
  const die = () =>
    startRawBackEnd((socket) => {
      deaths += 1;
      socket.destroy();
    });
  const front = await startFront({ backEnd: { urls: [(await die()).url, (await die()).url] } });
  assert.equal(codeOf(await ask(front, 'GET', '/')), 'GATEWAY_UNREACHABLE');
  assert.equal(deaths, 1);
});

test('a kept connection that had ended is no failure of a read', async () => {
  let requests = 0;
  const { url } = await startRawBackEnd((socket, text) => {
    const asked = text.split('\r\n\r\n').length - 1;
    requests += 1;
    if (asked === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    else socket.end(); // as a server that had just decided to end an idle connection
  });
  const front = await startFront({ backEnd: { url, connections: 1 } });
  assert.equal((await ask(front, 'GET', '/')).text, 'ok');
  assert.equal((await ask(front, 'GET', '/')).text, 'ok');
  assert.equal(requests, 3);
  assert.equal((await ask(front, 'POST', '/')).status, 502);
  assert.equal(requests, 4);
});

test('probes take a URL out and in again', async () => {
  let well = true;
  const { url } = await startBackEnd((request, response) => {
    response.statusCode = request.url === '/live' && !well ? 503 : 200;
    response.end('ok');
  });
  const health = { path: '/live', everyMs: 50, timeoutMs: 40, failures: 2, successes: 2 };
  const front = await startFront({ backEnd: { url, health } });
  well = false;
  await until(() => front.events.length === 1);
  assert.equal(codeOf(await ask(front, 'GET', '/')), 'GATEWAY_DOWN');
  well = true;
  await until(() => front.events.length === 2);
  assert.equal((await ask(front, 'GET', '/')).status, 200);
  assert.deepEqual(
    front.events.map(({ kind, name }) => [kind, name]),
    [
      ['down', 'twin'],
      ['up', 'twin'],
    ],
  );
  assert.equal(front.events[0]?.reason, 'it answered 503');
});

test('a probe that is not answered in time has failed', async () => {
  const { url } = await startBackEnd(() => undefined);
  const front = await startFront({ backEnd: { url, health: { everyMs: 50, timeoutMs: 50, failures: 1 } } });
  await until(() => front.events.length === 1);
  assert.equal(front.gateway.backEnds()[0]?.healthy, false);
});

// Attack: requests are piled up before a back end that answers slowly.
test('more requests than may wait are refused', async () => {
  const release: (() => void)[] = [];
  const { url } = await startBackEnd((_request, response) => void release.push(() => response.end('ok')));
  const front = await startFront({
    backEnd: { url, connections: 2, queue: 1, maxPerPrincipal: 4, connectionsPerPrincipal: 2 },
  });
  const waiting = [1, 2, 3].map(() => ask(front, 'GET', '/'));
  await until(() => release.length === 2 && front.gateway.running() === 3);
  const refused = await ask(front, 'GET', '/');
  assert.deepEqual([refused.status, codeOf(refused)], [503, 'GATEWAY_BUSY']);
  for (const one of release.splice(0)) one();
  await until(() => release.length === 1);
  for (const one of release.splice(0)) one();
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ text }) => text),
    ['ok', 'ok', 'ok'],
  );
});

test('a request that waits too long for a connection is 503, and never sent', async () => {
  const release: (() => void)[] = [];
  const { url } = await startBackEnd((_request, response) => void release.push(() => response.end('ok')));
  const backEnd = { url, connections: 1, responseTimeoutMs: 5_000 };
  const routes = [
    { path: '/slow', to: 'twin' },
    { path: '/hasty', to: 'twin', responseTimeoutMs: 100 },
  ];
  const front = await startFront({ backEnd, routes });
  const first = ask(front, 'GET', '/slow');
  await until(() => release.length === 1);
  assert.equal(codeOf(await ask(front, 'GET', '/hasty')), 'GATEWAY_BUSY');
  for (const one of release.splice(0)) one();
  assert.equal((await first).text, 'ok');
  const after = ask(front, 'GET', '/slow');
  await until(() => release.length === 1);
  for (const one of release.splice(0)) one();
  assert.equal((await after).text, 'ok');
});

test('closing lets what runs end, and cuts it after the grace', async () => {
  const release: (() => void)[] = [];
  const { url } = await startBackEnd((_request, response) => void release.push(() => response.end('ok')));
  const front = await startFront({ backEnd: { url } });
  const [ends, hangs] = [ask(front, 'GET', '/'), ask(front, 'GET', '/')];
  await until(() => release.length === 2);
  const closing = front.gateway.close();
  release[0]?.();
  const late = ask(front, 'GET', '/'); // admitted before, and only now on its way
  await until(() => release.length === 3);
  release[2]?.();
  assert.equal((await late).text, 'ok');
  await closing;
  const [one, other] = [await ends, await hangs].map(({ status }) => status).sort();
  assert.deepEqual([one, other], [200, 503]);
  assert.equal(codeOf(await ask(front, 'GET', '/')), 'GATEWAY_CLOSING');
});
