import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlaskTwin, type Mode, missing, openClient, outcomeOf, startFlaskTwin } from '../flask-twin.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const PAGE = 'https://twin.example';
const READING = { meter: 'STEEL-01', kwh: 12.5 };
const MODES = ['threading', 'eventlet'] as const satisfies readonly Mode[];

const twins = new Map<Mode, { readonly twin: FlaskTwin; readonly kit: ProfileKit; readonly token: string }>();
before(async () => {
  for (const mode of MODES) {
    if (missing(mode) !== undefined) continue;
    const twin = await startFlaskTwin(mode);
    const route = { path: '/socket.io/*', to: 'twin', sockets: true, socketIo: true, profile: 'digital-twin-v1' };
    const gateway = { backEnds: { twin: { url: twin.url } }, routes: [{ ...route, origins: [PAGE] }] };
    const kit = await startProfile('digital-twin-v1', { corsOrigins: [PAGE] }, { config: { gateway } });
    twins.set(mode, { twin, kit, token: await kit.login() });
  }
});
after(async () => {
  for (const { twin, kit } of twins.values()) {
    await twin.close();
    await kit.close();
  }
});

const startedAs = (mode: Mode) => twins.get(mode) ?? assert.fail(`${mode} was not started`);

for (const mode of MODES) {
  const skip = missing(mode) ?? false;

  test(`A13 the page of the old system speaks Socket.IO with it as before (${mode})`, { skip }, async () => {
    const { twin, kit, token } = startedAs(mode);
    twin.told.length = 0;
    const options = { auth: { token }, extraHeaders: { Origin: PAGE } }; // polling, then whatever the server can do
    const socket = openClient(kit.address, options);
    assert.deepEqual(await outcomeOf(socket), READING);
    for (const value of ['a', { deep: [1, null, 'ü'] }, 'x'.repeat(50_000)])
      assert.deepEqual(await socket.timeout(5_000).emitWithAck('echo', value), value);
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // longer than a ping of the server takes
    assert.equal(await socket.timeout(5_000).emitWithAck('echo', 'still here'), 'still here');
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    socket.emit('leave');
    assert.equal(await gone, 'io server disconnect');
    socket.disconnect();
    assert.equal(twin.of('connect').length, 1);
    assert.equal(twin.of('event').length, 4);
  });

  // Attack: an old system that was public is reached by whoever finds it.
  test(`A13 a stranger's Socket.IO never reaches the old system (${mode})`, { skip }, async () => {
    const { twin, kit } = startedAs(mode);
    twin.told.length = 0;
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const socket = openClient(kit.address, { transports, extraHeaders: { Origin: PAGE } });
      socket.emit('echo', 1);
      assert.equal(await outcomeOf(socket), 'refused');
      socket.disconnect();
    }
    assert.deepEqual([twin.of('connect'), twin.of('event')], [[], []]);
  });
}
