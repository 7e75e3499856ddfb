import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { ask, until } from './gateway-kit.contract.ts';
import { byHand, client, fault, outcome, startIo, startTwin } from './socket-io-kit.contract.ts';

const READING = { meter: 'STEEL-01', kwh: 12.5 };
const WAYS = [['polling'], ['websocket'], ['polling', 'websocket']];
const GOOD = '40{"token":"ada"}';

for (const transports of WAYS) {
  const way = transports.join(' and then ');

  test(`a token in the CONNECT packet opens Socket.IO over ${way}`, async () => {
    const twin = await startTwin();
    const front = await startIo(twin);
    const socket = client(front, { transports, auth: { token: 'ada', room: 7 } });
    assert.deepEqual(await outcome(socket), READING);
    assert.deepEqual([twin.assertions, twin.auths], [['signed.twin'], [{ room: 7 }]]);
    await until(() => twin.transports.length === transports.length);
    const large = 'x'.repeat(200_000);
    assert.equal(await socket.timeout(5_000).emitWithAck('echo', large), large);
    const bytes = Buffer.from([0, 1, 2, 255]);
    assert.deepEqual(Buffer.from(await socket.timeout(5_000).emitWithAck('echo', bytes)), bytes, 'attachments pass');
    socket.disconnect();
    await until(() => twin.gone.length === 1);
  });

  test(`a token in the head opens Socket.IO over ${way}, and several namespaces`, async () => {
    const twin = await startTwin();
    const front = await startIo(twin);
    const socket = client(front, { transports, extraHeaders: { Authorization: 'Bearer ada' } });
    assert.deepEqual(await outcome(socket), READING);
    const other = socket.io.socket('/twin');
    assert.deepEqual(await outcome(other), READING);
    assert.deepEqual(twin.assertions, ['signed.twin', 'signed.twin']);
    assert.equal(await socket.timeout(5_000).emitWithAck('echo', 'a'), 'a');
  });

  test(`no packet reaches the back end without a good token over ${way}`, async () => {
    const twin = await startTwin();
    const front = await startIo(twin);
    for (const auth of [{}, { token: 'bad' }, { token: '' }, { other: 'ada' }]) {
      const socket = client(front, { transports, auth });
      socket.emit('echo', 'before the answer');
      const refusal = await outcome(socket);
      assert.match(String(refusal), /^refused: (?:The token is not valid|Sign in first)/, JSON.stringify(auth));
    }
    assert.deepEqual([twin.requests, twin.events], [[], []]);
  });

  test(`Socket.IO over ${way} ends within a second of its session`, async () => {
    const twin = await startTwin();
    const front = await startIo(twin);
    const socket = client(front, { transports, auth: { token: 'ada' } });
    assert.deepEqual(await outcome(socket), READING);
    await until(() => twin.transports.length === transports.length);
    const startedAt = performance.now();
    front.confirm = () => Promise.reject(fault('SESSION_TOKEN_INVALID'));
    await new Promise((resolve) => socket.once('disconnect', resolve));
    await until(() => twin.gone.length === 1);
    assert.ok(performance.now() - startedAt < 1_100, `${performance.now() - startedAt} ms`);
  });
}

test('two namespaces are asked for in one payload, each with its own token of the same caller', async () => {
  const twin = await startTwin();
  const front = await startIo(twin);
  const hand = byHand(front);
  const sid = await hand.open();
  assert.equal((await hand.post(sid, '40{"token":"ada"}\x1e40/twin,{"token":"ada-again"}')).text, 'ok');
  await until(() => twin.assertions.length === 2);
});

// Attack: an event is sent before CONNECT, beside it, or in its place.
test('an event before CONNECT ends the session, and nothing of it reaches the back end', async () => {
  const twin = await startTwin();
  const front = await startIo(twin);
  const hand = byHand(front);
  for (const body of ['42["echo",1]', `${GOOD}\x1e42["echo",1]`, 'bAAAA', '1', '6', '40{"token":"ad', '']) {
    const sid = await hand.open();
    const polled = hand.poll(sid);
    assert.equal((await hand.post(sid, body)).status, 400, body);
    assert.equal((await polled).status, 400, body);
    assert.match((await hand.post(sid, GOOD)).text, /GATEWAY_SESSION/, 'it is over for good');
  }
  assert.deepEqual(twin.requests, []);
});

// Attack: a CONNECT whose second half comes with the next poll.
test('a packet that is split over two posts is refused', async () => {
  const twin = await startTwin();
  const hand = byHand(await startIo(twin));
  const sid = await hand.open();
  assert.equal((await hand.post(sid, '40{"token":')).status, 400);
  assert.equal((await hand.post(sid, '"ada"}')).status, 400);
  assert.deepEqual(twin.requests, []);
});

// Attack: of two CONNECTs one is somebody else's.
test('two CONNECTs of different callers are refused, in one payload or at the same time', async () => {
  const twin = await startTwin();
  const front = await startIo(twin);
  const hand = byHand(front);
  const sid = await hand.open();
  const polled = hand.poll(sid);
  assert.equal((await hand.post(sid, `${GOOD}\x1e40/twin,{"token":"bob"}`)).text, 'ok');
  assert.match((await polled).text, /^44\{.*GATEWAY_SESSION_FOREIGN/);
  assert.deepEqual(twin.requests, []);
  const other = await hand.open();
  const both = await Promise.all([hand.post(other, GOOD), hand.post(other, '40{"token":"bob"}')]);
  assert.ok(both.some(({ status }) => status === 400));
  assert.ok(twin.assertions.length <= 1);
});

// Attack: somebody learns the name of a session and uses it with a credential of their own.
test("another caller's credential opens nobody's session, in a poll, a post or an upgrade", async () => {
  const twin = await startTwin();
  const front = await startIo(twin);
  const hand = byHand(front);
  const late = await hand.open();
  assert.equal((await hand.post(late, GOOD)).text, 'ok');
  const known = await hand.open('ada');
  const before = twin.requests.length;
  for (const sid of [late, known]) {
    assert.equal((await hand.poll(sid, 'bob')).status, 403);
    assert.equal((await hand.post(sid, '42["echo",1]', 'bob')).status, 403);
    const url = `ws://127.0.0.1:${front.port}/socket.io/?EIO=4&transport=websocket&sid=${sid}`;
    const socket = new WebSocket(url, { headers: { authorization: 'Bearer bob' } });
    const [error] = await once(socket, 'error');
    assert.match(error.message, /403/);
  }
  assert.equal((await hand.poll(known)).status, 401, 'one that was opened by a credential asks for it each time');
  assert.equal((await hand.poll(late, 'ada')).status, 200);
  assert.equal((await hand.poll('made-up')).status, 400);
  assert.equal(twin.requests.length, before + 1);
});

// Attack: the transport is changed to one that needs no CONNECT, or to an old version that lets everybody in.
test('an upgrade of a session that nobody signed in to waits, and ends with it', async () => {
  const twin = await startTwin();
  const front = await startIo(twin, { authTimeoutMs: 500 });
  const sid = await byHand(front).open();
  const socket = new WebSocket(`ws://127.0.0.1:${front.port}/socket.io/?EIO=4&transport=websocket&sid=${sid}`);
  const [error] = await once(socket, 'error');
  assert.match(error.message, /401/);
  for (const query of ['EIO=3&transport=polling', 'EIO=3&transport=polling&b64=1'])
    assert.equal((await ask(front, 'GET', `/socket.io/?${query}`)).status, 401);
  assert.equal((await ask(front, 'GET', '/socket.io/?EIO=4&transport=polling&j=0')).status, 400);
  assert.equal((await ask(front, 'GET', '/socket.io/?EIO=4&transport=websocket')).status, 400);
  assert.deepEqual(twin.requests, []);
});

// Attack: a thousand handshakes that never become anything, and payloads that fill the memory.
test('sessions that wait are few for each address, and what they send is small', async () => {
  const twin = await startTwin();
  const front = await startIo(twin, { authTimeoutMs: 3_000, maxWaitingPerAddress: 20 });
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, () => ask(front, 'GET', '/socket.io/?EIO=4&transport=polling')),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 20);
  assert.equal(answers.filter(({ status }) => status === 429).length, 980);
  await new Promise((resolve) => setTimeout(resolve, 3_700)); // the watch ticks twice a second
  const hand = byHand(front);
  const sid = await hand.open();
  assert.equal((await hand.post(sid, `40{"token":"${'x'.repeat(20_000)}"}`)).status, 413);
  assert.deepEqual(twin.requests, []);
});

test('a page of another origin neither polls nor connects', async () => {
  const twin = await startTwin();
  const front = await startIo(twin, {}, { origins: ['https://twin.example'] });
  const poll = (origin: string) =>
    ask(front, 'GET', '/socket.io/?EIO=4&transport=polling', { headers: { origin, authorization: 'Bearer ada' } });
  assert.equal((await poll('https://evil.example')).status, 403);
  assert.deepEqual(twin.requests, []);
  assert.equal((await poll('https://twin.example')).status, 200);
});

test('a session belongs to the address that opened it, where its name is all that its client has', async () => {
  const twin = await startTwin();
  const front = await startIo(twin);
  const hand = byHand(front);
  const sid = await hand.open();
  assert.equal((await hand.post(sid, GOOD)).text, 'ok');
  front.addressBlock = '198.51.100.9';
  assert.equal((await hand.poll(sid)).status, 403);
  assert.equal((await hand.poll(sid, 'ada')).status, 200, 'unless its owner proves to be its owner');
});

test('a hanging poll is answered with the refusal when its caller is revoked', async () => {
  const twin = await startTwin();
  const front = await startIo(twin);
  const hand = byHand(front);
  const sid = await hand.open();
  await hand.post(sid, GOOD);
  await hand.poll(sid); // what the back end had to say at once
  const hanging = hand.poll(sid);
  front.confirm = () => Promise.reject(fault('SESSION_TOKEN_INVALID'));
  const startedAt = performance.now();
  const { status } = await hanging;
  assert.ok(status === 401 || status === 200, String(status)); // a ping may have come just before
  assert.ok(performance.now() - startedAt < 1_000);
  await until(() => twin.gone.length === 1);
  assert.equal((await hand.poll(sid)).status, 400);
});

test('with `credential: pass` the back end sees the token that its own code may ask for', async () => {
  const twin = await startTwin();
  const front = await startIo(twin, {}, { credential: 'pass' });
  const socket = client(front, { transports: ['polling'], auth: { token: 'ada' } });
  await outcome(socket);
  assert.deepEqual(twin.auths, [{ token: 'ada' }]);
});
