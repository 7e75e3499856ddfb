import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryBus } from '../storage/index.ts';
import { north, sample, sampleItem, series, south } from './readings-kit.contract.ts';
import { openEvents, openIo, openSocket, revoked, type StreamKit, until, withStream } from './stream-kit.contract.ts';

const send = async (kit: StreamKit, body: unknown, actor = north) => kit.live.store(actor, await kit.live.parse(body));

const eventsIn = (text: string): string[] => [...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name ?? '');

test('a reading that is stored is told in every form, opened, and noted as read', () =>
  withStream(async (kit) => {
    const events = await openEvents(kit, 'north');
    const { heard } = openSocket(kit, 'north');
    const io = openIo(kit, { transports: ['websocket'], extraHeaders: { authorization: 'north' } });
    await until(() => kit.stream.open() === 3 && heard.length === 1 && io.heard.length === 1);
    assert.deepEqual(await send(kit, [sample, { ...sample, meter_id: 'STEEL-02' }]), { stored: 2, repeated: 0 });
    await until(() => heard.length === 2 && io.heard.length === 2 && eventsIn(events.text()).length === 2);
    const items = [sampleItem, { ...sampleItem, meter_id: 'STEEL-02' }];
    assert.deepEqual([heard[1].items, io.heard[1].items], [items, items]);
    assert.deepEqual(
      heard.map(({ type }) => type),
      ['ready', 'readings'],
    );
    assert.match(events.text(), /"meter_id":"STEEL-01"/);
    assert.deepEqual(
      kit.reads.map(({ records, tenantId }) => `${records} ${tenantId}`),
      Array(3).fill('2 north'),
    );
    assert.deepEqual(kit.errors, []);
  }));

test('what was stored already, or was undone, is not told again', () =>
  withStream(async (kit) => {
    const { heard } = openSocket(kit, 'north');
    await until(() => heard.length === 1);
    await send(kit, sample);
    assert.deepEqual(await send(kit, [sample, { ...sample, meter_id: 'NEW' }]), { stored: 1, repeated: 1 });
    await assert.rejects(
      send(kit, [
        { ...sample, meter_id: 'UNDONE' },
        { ...sample, energy_consumption: 9 },
      ]),
    );
    await send(kit, { ...sample, meter_id: 'LAST' });
    await until(() => heard.length === 4);
    assert.deepEqual(
      heard.slice(1).map(({ items }) => items.map(({ meter_id: meter }: { meter_id: string }) => meter)),
      [['STEEL-01'], ['NEW'], ['LAST']],
    );
  }));

// Attack: somebody of another tenant listens, with an id or a meter of this one.
test('nobody hears of readings of another tenant', () =>
  withStream(async (kit) => {
    const mine = openSocket(kit, 'north');
    const theirs = openSocket(kit, 'south', '?meter_id=STEEL-01');
    await until(() => mine.heard.length === 1 && theirs.heard.length === 1);
    await send(kit, sample);
    await until(() => mine.heard.length === 2);
    const id = mine.heard[1].id;
    const resumed = openSocket(kit, 'south', `?last_event_id=${mine.heard[0].id}`);
    await until(() => resumed.heard.length === 2);
    assert.deepEqual(
      resumed.heard.map(({ type }) => type),
      ['gap', 'ready'],
      id,
    );
    await send(kit, { ...sample, meter_id: 'SOUTH' }, south);
    await until(() => resumed.heard.length === 3);
    assert.equal(theirs.heard.length, 1);
    assert.equal(mine.heard.length, 2);
  }));

test('a client asks for some meters alone', () =>
  withStream(async (kit) => {
    const { heard } = openSocket(kit, 'north', '?meter_id=A&meter_id=B');
    const io = openIo(kit, { auth: { token: 'north', meter_id: ['B'] } });
    await until(() => heard.length === 1 && io.heard.length === 1);
    for (const meter of ['A', 'B', 'C', 'A']) await send(kit, series(1, meter, Date.UTC(2020, 0, heard.length)));
    await until(() => heard.length >= 3 && io.heard.length === 2);
    assert.deepEqual([...new Set(heard.slice(1).map(({ items }) => items[0].meter_id))], ['A', 'B']);
    for (const query of [
      '?meter_id=',
      '?meter_id=a%00b',
      '?more=1',
      `?${'meter_id=A&'.repeat(101)}`,
      '?last_event_id=a b',
    ])
      assert.equal((await openEvents(kit, 'north', encodeURI(query))).status, 422, query);
  }));

test('a client that comes back hears what it has missed, or that it has missed something', () =>
  withStream(
    async (kit) => {
      const first = await openEvents(kit, 'north');
      await until(() => eventsIn(first.text()).length === 1);
      await send(kit, series(1, 'A'));
      await until(() => eventsIn(first.text()).length === 2);
      const id = /id: (\S+)\nevent: readings/.exec(first.text())?.[1] ?? assert.fail('no id');
      first.leave();
      await until(() => kit.stream.open() === 0);
      await send(kit, series(1, 'B'));
      await send(kit, series(1, 'C'));
      const again = await openEvents(kit, 'north', '', { 'last-event-id': id });
      await until(() => eventsIn(again.text()).length === 3);
      assert.deepEqual(eventsIn(again.text()), ['readings', 'readings', 'ready']);
      assert.match(again.text(), /"B".*\n[\s\S]*"C"/);
      for (let meter = 0; meter < 20; meter++) await send(kit, series(1, `M${meter}`));
      for (const lost of [id, 'made-up', `${id}0000`, 'x.y.z']) {
        const { text } = await openEvents(kit, 'north', '', { 'last-event-id': lost });
        await until(() => eventsIn(text()).length === 2);
        assert.deepEqual(eventsIn(text()), ['gap', 'ready'], lost);
      }
    },
    { limits: { recent: 20 } },
  ));

test('readings of other processes are told, and so is that some were lost on the way', () => {
  const bus = createMemoryBus();
  return withStream(
    (kit) =>
      withStream(
        async (elsewhere) => {
          const { heard } = openSocket(kit, 'north');
          await until(() => heard.length === 1);
          const publish = (seq: number) =>
            bus.publish('readings.stored', { from: 'p2', seq, tenant: 'north', rows: [['R', seq, 1, null, null]] });
          await publish(1);
          await publish(2);
          await publish(4);
          bus.miss();
          await bus.publish('readings.stored', { from: 'p3', of: 'another version' });
          await until(() => heard.length === 7);
          assert.deepEqual(
            heard.slice(1).map(({ type }) => type),
            ['readings', 'readings', 'gap', 'readings', 'gap', 'gap'],
          );
          const other = openSocket(elsewhere, 'north');
          await until(() => other.heard.length === 1);
          await publish(5);
          await until(() => other.heard.length === 2);
        },
        { bus },
      ),
    { bus },
  );
});

test('a location that does not open is a gap, and not a silence', () =>
  withStream(async (kit) => {
    const { heard } = openSocket(kit, 'north');
    await until(() => heard.length === 1);
    const rows = [['R', 1, 1, null, 'tk1.v_20240827_140523_a1b2.AAAA']];
    await kit.bus.publish('readings.stored', { from: 'p2', seq: 1, tenant: 'north', rows });
    await until(() => heard.length === 2);
    assert.equal(heard[1].type, 'gap');
    assert.equal(kit.errors.length, 1);
  }));

for (const form of ['events', 'socket', 'io polling', 'io websocket'] as const) {
  test(`the end of a session ends its stream within a second (${form})`, () =>
    withStream(async (kit) => {
      let ended: Promise<unknown>;
      if (form === 'events') ended = (await openEvents(kit, 'north')).ended;
      else if (form === 'socket') ended = openSocket(kit, 'north').closed;
      else ended = openIo(kit, { auth: { token: 'north' }, transports: [form.slice(3)] }).refused;
      await until(() => kit.stream.open() === 1);
      kit.confirm = () => Promise.reject(revoked());
      const startedAt = performance.now();
      const said = await ended;
      assert.ok(performance.now() - startedAt < 1_000);
      if (form === 'socket') assert.deepEqual(said, [4401, 'SESSION_REVOKED']);
      await until(() => kit.stream.open() === 0);
    }));
}

// Attack: a client never reads, so that what it is sent fills our memory.
test('a client that does not read is cut, and the others go on', () =>
  withStream(async (kit) => {
    const slow = openSocket(kit, 'north');
    const good = openSocket(kit, 'north');
    const events = await openEvents(kit, 'other');
    await until(() => slow.heard.length === 1 && good.heard.length === 1);
    slow.socket.pause();
    events.pause();
    const batch = series(10_000, 'BIG');
    let at = 0;
    while (kit.stream.open() > 1 && at < 40)
      await send(
        kit,
        batch.map((one) => ({ ...one, meter_id: `BIG-${at}` })),
        north,
      ).then(() => at++);
    await until(() => kit.stream.open() === 1, 10_000);
    await until(() => good.heard.flatMap(({ items = [] }) => items).length === at * 10_000, 20_000);
    assert.equal(good.socket.readyState, good.socket.OPEN);
  }));
