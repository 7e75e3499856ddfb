import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, createKit, type Kit } from '../../../src/testing/index.ts';

const good = {
  meter_id: 'METER-1_a',
  timestamp: '2026-11-21T11:00:00Z',
  energy_consumption: 42.5,
  power_factor: 0.9,
  location: 'Gwangyang',
};

let kit: Kit;
let key: string;
before(async () => {
  kit = await createKit();
  key = await kit.key('read', 'write:meter_data');
});
after(() => kit.close());

const send = (body: unknown): Promise<Answer> => kit.call('POST', '/v1/readings', { key, body });
const read = (query: Readonly<Record<string, string>>): Promise<Answer> =>
  kit.call('GET', `/v1/readings?${new URLSearchParams(query)}`, { key });

let minute = 0;
/** A reading of a minute of its own, so that it conflicts with no other. */
const fresh = (change: object) => ({
  ...good,
  timestamp: new Date(Date.UTC(2026, 9, 1, 0, minute++)).toISOString(),
  ...change,
});

async function assertTaken(change: object): Promise<void> {
  const { status, text } = await send(fresh(change));
  assert.equal(status, 201, `${JSON.stringify(change)}: ${text}`);
}

async function assertRefused(change: object, field: string): Promise<void> {
  const { status, json } = await send(fresh(change));
  assert.deepEqual([status, json.code], [422, 'HTTP_INPUT_REFUSED'], JSON.stringify(change));
  assert.equal(json.errors[0].at, `body/${field}`);
}

describe('E12 a reading is taken', () => {
  test('with a meter id of 1 to 50 letters, digits, _ and -, and no other', async () => {
    for (const meter_id of ['a', 'Z', '9', '_', '-', 'x'.repeat(50)]) await assertTaken({ meter_id });
    for (const meter_id of ['', 'x'.repeat(51), 'a b', 'a.b', 'a/b', 'é', "a'--", 1, null, undefined, ['a']]) {
      await assertRefused({ meter_id }, 'meter_id');
    }
  });

  test('with a consumption from 0 to 100000, both within', async () => {
    for (const energy_consumption of [0, 1e-9, 100_000]) await assertTaken({ energy_consumption });
    for (const energy_consumption of [-1e-9, 100_000.000_01, '1', null, undefined, true]) {
      await assertRefused({ energy_consumption }, 'energy_consumption');
    }
  });

  test('with a power factor from 0 to 1, both within, or none', async () => {
    for (const power_factor of [0, 1, 0.5, undefined]) await assertTaken({ power_factor });
    for (const power_factor of [-0.001, 1.001, '1', true]) await assertRefused({ power_factor }, 'power_factor');
  });

  test('with a location of at most 200 characters, or none', async () => {
    for (const location of ['', 'x'.repeat(200), '😀'.repeat(200), undefined]) await assertTaken({ location });
    for (const location of ['x'.repeat(201), 1, {}]) await assertRefused({ location }, 'location');
  });

  test('with no field that the model does not have', async () => {
    for (const name of ['extra', 'Meter_id', 'tenant_id', 'company_id', '__proto__']) {
      const body = `${JSON.stringify(fresh({})).slice(0, -1)},${JSON.stringify(name)}:1}`;
      const answer = await kit.call('POST', '/v1/readings', {
        key,
        body,
        headers: { 'content-type': 'application/json' },
      });
      assert.deepEqual([answer.status, answer.json.errors[0].at], [422, `body/${name}`]);
    }
  });

  test('with a time that is not in the future', async () => {
    await assertTaken({ timestamp: '2026-11-21T12:00:00Z' });
    await assertRefused({ timestamp: '2026-11-21T12:10:00Z' }, 'timestamp');
    await assertRefused({ timestamp: '2027-01-01T00:00:00Z' }, 'timestamp');
  });
});

// Attack: the server's own time zone, or a time without one, lets a reading of tomorrow in.
test('D09 the future begins a minute from now in UTC, whatever zone a time is written in', async () => {
  const now = '2026-11-21T12:00:00Z';
  assert.equal(new Date(kit.clock.now()).toISOString().slice(0, 19), now.slice(0, 19));
  const within = ['2026-11-21T12:01:00Z', '2026-11-21T21:01:00+09:00', '2026-11-21T04:01:00-08:00'];
  for (const [at, timestamp] of within.entries()) await assertTaken({ meter_id: `SKEW-${at}`, timestamp });
  for (const timestamp of ['2026-11-21T12:01:00.001Z', '2026-11-21T21:01:01+09:00', '2026-11-21T12:30:00-08:00']) {
    await assertRefused({ timestamp }, 'timestamp');
  }
  for (const timestamp of ['2026-11-21T11:00:00', '2026-11-21', '1795262400', 1_795_262_400, '2026-02-30T00:00:00Z']) {
    await assertRefused({ timestamp }, 'timestamp');
  }
  const { json } = await read({ meter_id: 'SKEW-1' });
  assert.equal(json.items[0].timestamp, '2026-11-21T12:01:00.000Z');
});

// Attack: a line feed after the id passes a pattern that ends in $.
test('D17 a meter id is matched as a whole, in a body, a line, a query and a path', async () => {
  for (const meter_id of ['abc\n', '\nabc', 'abc\r\n', 'abc\n\n', 'a\nb']) {
    await assertRefused({ meter_id }, 'meter_id');
    const line = {
      body: `${JSON.stringify(fresh({ meter_id }))}\n`,
      headers: { 'content-type': 'application/x-ndjson' },
    };
    const streamed = await kit.call('POST', '/v1/readings', { key, ...line });
    assert.deepEqual([streamed.status, streamed.json.stored], [422, 0]);
    assert.equal((await read({ meter_id })).status, 422);
    const admin = await kit.key('delete');
    const deleted = await kit.call('DELETE', `/v1/readings/${encodeURIComponent(meter_id)}`, { key: admin });
    assert.equal(deleted.status, 422);
  }
});
