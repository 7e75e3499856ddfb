import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlaskTwin, missing, openClient, outcomeOf, startFlaskTwin } from '../flask-twin.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const PAGE = 'https://twin.example';
const READING = { meter: 'STEEL-01', kwh: 12.5 };
const skip = missing('eventlet') ?? false;

let twin: FlaskTwin;
let kit: ProfileKit;
let token: string;
before(async () => {
  if (skip !== false) return;
  twin = await startFlaskTwin('eventlet');
  const route = { path: '/socket.io/*', to: 'twin', sockets: true, socketIo: true, profile: 'digital-twin-v2' };
  const gateway = { backEnds: { twin: { url: twin.url } }, routes: [{ ...route, origins: [PAGE] }] };
  kit = await startProfile('digital-twin-v2', { corsOrigins: [PAGE] }, { config: { gateway } });
  token = await kit.login();
});
after(async () => {
  await twin?.close();
  await kit?.close();
});

const WAYS = [['polling'], ['websocket'], ['polling', 'websocket']];
const NOTHING = [[], [], []];
const page = { extraHeaders: { Origin: PAGE } };

for (const transports of WAYS) {
  const way = transports.join(' and then ');

  for (const [form, auth] of [
    ['token', () => ({ token })],
    ['auth.token', () => ({ auth: { token } })],
  ] as const) {
    test(`B22 a token as ${form} of the connect packet opens the old socket over ${way}`, { skip }, async () => {
      twin.told.length = 0;
      const socket = openClient(kit.address, { transports, auth: auth(), ...page });
      try {
        assert.deepEqual(await outcomeOf(socket), READING);
        const [connect] = twin.of('connect');
        assert.deepEqual([connect?.['token'], connect?.['assertion']], [null, true]);
        assert.doesNotMatch(JSON.stringify(twin.told), new RegExp(token.slice(0, 40)), 'the token stays with us');
        const large = 'x'.repeat(100_000);
        assert.equal(await socket.timeout(5_000).emitWithAck('echo', large), large);
        if (transports.length === 2) assert.equal(socket.io.engine.transport.name, 'websocket', 'it was upgraded');
      } finally {
        socket.disconnect();
      }
      await twin.until('disconnect', 1);
    });
  }

  test(`B22 a token in the handshake's head opens the old socket over ${way}`, { skip }, async () => {
    twin.told.length = 0;
    const socket = openClient(kit.address, {
      transports,
      extraHeaders: { ...page.extraHeaders, Authorization: `Bearer ${token}` },
    });
    assert.deepEqual(await outcomeOf(socket), READING);
    const alerts = socket.io.socket('/alerts');
    assert.deepEqual(await outcomeOf(alerts), READING);
    assert.equal(twin.of('connect').length, 2);
    socket.disconnect();
    alerts.disconnect();
    await twin.until('disconnect', 1);
  });

  // Attack: events are sent without a valid token, before or instead of the connect packet's answer.
  test(`B22 without a valid token not one event reaches the old system over ${way}`, { skip }, async () => {
    twin.told.length = 0;
    for (const auth of [{}, { token: 'bad' }, { token: `${token}x` }, { auth: { token: '' } }]) {
      const socket = openClient(kit.address, { transports, auth, ...page });
      socket.emit('echo', 'too early');
      assert.equal(await outcomeOf(socket), 'refused');
      socket.disconnect();
    }
    assert.deepEqual(
      [twin.of('connect'), twin.of('event'), twin.of('request').filter(({ sid }) => sid !== true)],
      NOTHING,
    );
  });
}

// Attack: whoever was shut out goes on by a poll that hangs, or a socket that is open.
for (const [at, transports] of WAYS.entries()) {
  test(`B22 the old socket over ${transports.join(' and then ')} ends within a second of its person`, {
    skip,
  }, async () => {
    const { id } = await kit.person(`operator-${at}`, 'viewer');
    const mine = await kit.login(`operator-${at}`);
    twin.told.length = 0;
    const socket = openClient(kit.address, { transports, auth: { token: mine }, ...page });
    assert.deepEqual(await outcomeOf(socket), READING);
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    const admin = await kit.signIn();
    const startedAt = performance.now();
    const off = await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: true } });
    assert.ok(off.status < 300, off.text);
    await gone;
    assert.ok(performance.now() - startedAt < 1_000, `${performance.now() - startedAt} ms`);
    await twin.until('disconnect', 1);
  });
}

test('X25 B22 a page of another origin neither polls nor connects', { skip }, async () => {
  twin.told.length = 0;
  for (const origin of ['https://evil.example', 'null', `${PAGE}.evil.example`]) {
    for (const transports of WAYS.slice(0, 2)) {
      const socket = openClient(kit.address, { transports, auth: { token }, extraHeaders: { Origin: origin } });
      assert.equal(await outcomeOf(socket), 'refused', origin);
      socket.disconnect();
    }
  }
  assert.deepEqual([twin.of('connect'), twin.of('event')], [[], []]);
});
