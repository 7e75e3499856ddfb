import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { north, sample } from './readings-kit.contract.ts';
import { openEvents, openIo, openSocket, type StreamKit, until, withStream } from './stream-kit.contract.ts';

const auth = (token: string): string => JSON.stringify({ type: 'auth', token });

const statusOf = async ({ socket }: { readonly socket: WebSocket }): Promise<number> => {
  const [, response] = await once(socket, 'unexpected-response');
  response.resume();
  return response.statusCode;
};

const call = (kit: StreamKit, query: string, options: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${kit.port}/v1/socket.io/?${query}`, options);

test('a socket signs in by its first message', () =>
  withStream(async (kit) => {
    const { socket, heard } = openSocket(kit);
    await once(socket, 'open');
    assert.equal(kit.stream.open(), 0);
    socket.send(auth('north'));
    await until(() => heard.length === 1);
    await kit.live.store(north, await kit.live.parse(sample));
    await until(() => heard.length === 2);
  }));

// Attack: whoever has no token waits for readings all the same, or says something else.
test('a socket without a good first message is closed, and hears nothing', () =>
  withStream(
    async (kit) => {
      for (const [message, code] of [
        [auth('bad'), 4401],
        ['{}', 1008],
        ['[', 1008],
        [auth(''), 1008],
        [Buffer.from(auth('north')), 1008],
        [auth('x'.repeat(9_000)), 1009],
        [undefined, 4401],
      ] as const) {
        const { socket, heard, closed } = openSocket(kit);
        await once(socket, 'open');
        if (message !== undefined) socket.send(message);
        assert.equal((await closed)[0], code, String(message).slice(0, 30));
        assert.ok(heard.every(({ type }) => type === 'end'));
      }
      const chatty = openSocket(kit, 'north');
      await until(() => chatty.heard.length === 1);
      chatty.socket.send('anything');
      assert.equal((await chatty.closed)[0], 1008);
      await until(() => kit.stream.open() === 0);
    },
    { limits: { authTimeoutMs: 300 } },
  ));

test('events need a credential in the head, and pages of other origins open no sockets', () =>
  withStream(async (kit) => {
    assert.equal((await openEvents(kit, '')).status, 401);
    assert.equal(await statusOf(openSocket(kit, 'north', '', { origin: 'https://evil.example' })), 403);
    assert.equal(
      (await call(kit, 'EIO=4&transport=polling', { headers: { origin: 'https://evil.example' } })).status,
      403,
    );
    const page = openSocket(kit, undefined, '', { origin: 'https://twin.example', protocols: ['twinkeep'] });
    await once(page.socket, 'open');
    assert.equal(page.socket.protocol, 'twinkeep');
  }));

// Attack: sockets without end, by one caller or by addresses that never say who they are.
test('streams are limited by caller, and those that wait by address', () =>
  withStream(
    async (kit) => {
      const open = [openSocket(kit, 'north'), openSocket(kit, 'north')];
      await until(() => kit.stream.open() === 2);
      assert.equal((await openEvents(kit, 'north')).status, 429);
      assert.equal((await openSocket(kit, 'north').closed)[0], 4429);
      assert.equal((await openEvents(kit, 'other')).status, 200);
      open[0]?.socket.terminate();
      await until(() => kit.stream.open() === 2);
      const waiting = [openSocket(kit), openSocket(kit)];
      await Promise.all(waiting.map(({ socket }) => once(socket, 'open')));
      assert.equal(await statusOf(openSocket(kit)), 429);
      assert.equal((await call(kit, 'EIO=4&transport=polling')).status, 429);
    },
    { limits: { maxPerPrincipal: 2, maxWaitingPerAddress: 2 } },
  ));

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  const way = transports.join(' and then ');

  test(`Socket.IO takes the token of its connect packet over ${way}`, () =>
    withStream(async (kit) => {
      for (const given of [{ token: 'north' }, { auth: { token: 'north' } }, { token: 'Bearer north' }]) {
        const { socket, heard } = openIo(kit, { transports, auth: given });
        await until(() => heard.length === 1);
        await kit.live.store(north, await kit.live.parse({ ...sample, meter_id: `M-${kit.reads.length}` }));
        await until(() => heard.length === 2);
        assert.equal(heard[1].type, 'readings');
        socket.disconnect();
        await until(() => kit.stream.open() === 0);
      }
    }));

  // Attack: events before and without a token.
  test(`Socket.IO refuses whoever has no good token over ${way}`, () =>
    withStream(async (kit) => {
      for (const given of [{}, { token: 'bad' }, { token: 7 }, { token: 'x'.repeat(9_000) }]) {
        const { socket, heard, refused } = openIo(kit, { transports, auth: given });
        socket.emit('anything', 1);
        assert.match(await refused, /^(?:Sign in first|The session is no longer valid)/);
        assert.deepEqual(heard, []);
      }
      assert.equal(kit.stream.open(), 0);
    }));
}

// Attack: the name of somebody's session is used with another credential, or from another place.
test("Socket.IO: another caller's credential goes on with nobody's session", () =>
  withStream(async (kit) => {
    const open = async (headers: Record<string, string>): Promise<string> => {
      const answer = await call(kit, 'EIO=4&transport=polling', { headers });
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      return JSON.parse((await answer.text()).slice(1)).sid;
    };
    const known = await open({ authorization: 'north' });
    const late = await open({});
    assert.equal(
      (await call(kit, `EIO=4&transport=polling&sid=${late}`, { method: 'POST', body: '40{"token":"north"}' })).status,
      200,
    );
    for (const sid of [known, late]) {
      for (const authorization of ['other', 'south']) {
        const poll = await call(kit, `EIO=4&transport=polling&sid=${sid}`, { headers: { authorization } });
        assert.equal(poll.status, 403);
        const url = `ws://127.0.0.1:${kit.port}/v1/socket.io/?EIO=4&transport=websocket&sid=${sid}`;
        const socket = new WebSocket(url, { headers: { authorization } });
        socket.on('error', () => undefined);
        assert.equal(await statusOf({ socket }), 403);
      }
    }
    assert.equal((await call(kit, `EIO=4&transport=polling&sid=${known}`)).status, 401);
    kit.addressBlock = '198.51.100.9';
    assert.equal((await call(kit, `EIO=4&transport=polling&sid=${late}`)).status, 403);
    for (const query of [
      'EIO=4&transport=polling&sid=made-up',
      'EIO=4&transport=polling&j=0',
      'EIO=4&transport=polling&sid=a&sid=b',
      'EIO=3&transport=polling',
    ])
      assert.equal((await call(kit, query)).status, 400, query);
  }));

test('closing the stream ends all that listen to it', () =>
  withStream(async (kit) => {
    const socket = openSocket(kit, 'north');
    const events = await openEvents(kit, 'north');
    await until(() => kit.stream.open() === 2);
    kit.stream.close();
    assert.deepEqual(await socket.closed, [4503, 'READING_STREAM_OVER']);
    await events.ended;
    assert.match(events.text(), /event: end\ndata: \{"code":"READING_STREAM_OVER"\}/);
  }));
