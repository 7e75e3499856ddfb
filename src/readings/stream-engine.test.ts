import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { tenantId } from '../kernel/brand.ts';
import { north, sample } from './readings-kit.contract.ts';
import { openSocket, revoked, type StreamKit, until, withStream } from './stream-kit.contract.ts';

const PATH = '/v1/socket.io/?EIO=4';

const handshake = (kit: StreamKit, authorization?: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${kit.port}${PATH}&transport=polling`, {
    headers: { connection: 'close', ...(authorization === undefined ? {} : { authorization }) },
  });

/** A client of Engine.IO that says what it is told to, and nothing else. */
async function openEngine(kit: StreamKit, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${kit.port}${PATH}&transport=websocket`, { headers });
  const heard: string[] = [];
  socket.on('error', () => undefined).on('message', (data) => void heard.push(String(data)));
  const closed = once(socket, 'close');
  after(() => socket.terminate());
  await once(socket, 'open');
  const said = (what: string): boolean => heard.some((text) => text.includes(what));
  return { socket, heard, said, closed };
}

/** Bytes as they are. @returns all that came within the time */
async function speak(kit: StreamKit, text: string, ms: number): Promise<string> {
  const socket = connect(kit.port, '127.0.0.1', () => socket.write(text));
  let answer = '';
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      answer += chunk.toString();
    });
  await pause(ms);
  socket.destroy();
  return answer;
}

// Attack: one segment of a stranger asks for more places than there are, before the first is taken.
test('of handshakes that come at once as many are refused as there is no place for', () =>
  withStream(async (kit) => {
    const one = `GET ${PATH}&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n`;
    const statuses = (await speak(kit, one.repeat(25), 500)).match(/HTTP\/1.1 \d+/g) ?? [];
    assert.equal(statuses.filter((line) => line.endsWith('200')).length, 20);
    assert.equal(statuses.filter((line) => line.endsWith('429')).length, 5);
    const upgrades = Array.from({ length: 25 }, () => openSocket(kit, undefined));
    const outcomes = upgrades.map(({ socket }) =>
      Promise.race([
        once(socket, 'open').then(() => 'open'),
        once(socket, 'unexpected-response').then(() => 'refused'),
      ]),
    );
    assert.deepEqual(new Set(await Promise.all(outcomes)), new Set(['refused']));
    assert.deepEqual(kit.errors, []);
  }));

// Attack: the connection is kept without its namespace over a logout, and asked for what came since.
test('a connection ends with its namespace, and hears nothing after a logout', () =>
  withStream(async (kit) => {
    for (const headers of [{}, { authorization: 'north' }]) {
      kit.confirm = () => Promise.resolve();
      const { socket, heard, said, closed } = await openEngine(kit, headers);
      socket.send('40{"token":"north"}');
      await until(() => said('"ready"'));
      const id = /"id":"([^"]+)"/.exec(heard.at(-1) ?? '')?.[1];
      socket.send('41');
      kit.confirm = () => Promise.reject(revoked());
      await kit.live.store(north, await kit.live.parse({ ...sample, meter_id: `M-${headers.authorization}` }));
      socket.send(`40{"token":"nonsense","last_event_id":"${id}"}`);
      await closed;
      assert.ok(!said('"readings"'));
      await until(() => kit.stream.open() === 0);
    }
  }));

// Attack: a session that was revoked asks for what came since its last event.
test('nothing is replayed before the right to it was asked for', () =>
  withStream(async (kit) => {
    const { heard, socket } = openSocket(kit, 'north');
    await until(() => heard.length === 1);
    await kit.live.store(north, await kit.live.parse(sample));
    await until(() => heard.length === 2);
    socket.terminate();
    const told: string[] = [];
    const sink = {
      send: ({ kind }: { readonly kind: string }) => void told.push(kind),
      ...{ backlog: () => 0, beat: () => undefined, end: () => undefined },
    };
    const caller = { kind: 'operator', tenantId: tenantId('north') } as const;
    const consumer = { caller, tenantId: caller.tenantId, meters: undefined, after: heard[0].id, sink };
    await assert.rejects(kit.stream.attach({ ...consumer, confirm: () => Promise.reject(revoked()) }), {
      code: 'SESSION_REVOKED',
    });
    assert.deepEqual(told, []);
    await until(() => kit.stream.open() === 0);
    const detach = await kit.stream.attach({ ...consumer, confirm: () => Promise.resolve() });
    assert.deepEqual(told, ['readings', 'ready']);
    detach();
    kit.stream.close();
    await assert.rejects(kit.stream.attach({ ...consumer, confirm: undefined }), { code: 'READING_STREAM_OVER' });
  }));

// Attack: sessions are begun and never gone on with, so that nobody else of the address finds a place.
test('a session that nobody signs in to gives its place back as soon as its time is up', () =>
  withStream(
    async (kit) => {
      for (const status of [200, 200, 429]) assert.equal((await handshake(kit)).status, status);
      await pause(500);
      const silent = await openEngine(kit);
      await silent.closed;
      assert.equal((await handshake(kit)).status, 200);
    },
    { limits: { maxWaitingPerAddress: 2, authTimeoutMs: 300 } },
  ));

// Attack: connections without a namespace, which nobody counts.
test('sessions of a known caller are counted before they have a namespace', () =>
  withStream(
    async (kit) => {
      for (const status of [200, 200, 429]) assert.equal((await handshake(kit, 'north')).status, status);
      assert.equal((await handshake(kit, 'other')).status, 200);
      await until(() => kit.stream.open() === 0, 1_500);
    },
    { limits: { maxPerPrincipal: 2, authTimeoutMs: 300 } },
  ));

// Attack: of two sign-ins at once each is let in, and one of them is nobody's to end.
test('a session signs in once', () =>
  withStream(async (kit) => {
    const { socket, said } = await openEngine(kit);
    socket.send('40{"token":"north"}');
    socket.send('40{"token":"north"}');
    await until(() => said('44{'));
    assert.ok(kit.stream.open() <= 1);
  }));

// Attack: one bad packet over polling, and the process is held for half a minute after it should have ended.
test('a session that ends by a bad packet over polling leaves no timer behind', () =>
  withStream(async (kit) => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const { sid } = JSON.parse((await (await handshake(kit, 'north')).text()).slice(1));
    const url = `http://127.0.0.1:${kit.port}${PATH}&transport=polling&sid=${sid}`;
    await fetch(url, { method: 'POST', body: 'x', headers: { connection: 'close', authorization: 'north' } });
    await until(() => kit.stream.open() === 0, 1_500);
    kit.stream.close();
    await until(() => timers() <= before, 1_500);
  }));
