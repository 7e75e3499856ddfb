import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Answer } from '../../../src/testing/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

let kit: ProfileKit;
let token: string;
before(async () => {
  kit = await startProfile('ems', { limitsEnabled: false });
  token = await kit.login();
});
after(() => kit.close());

const good = { meter_id: 'METER-1_a', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 42.5 };
let minute = 0;
/** A reading of a minute of its own, so that it conflicts with no other. */
const fresh = (change: object) => ({ ...good, timestamp: new Date(Date.UTC(2026, 9, 1, 0, minute++)), ...change });
const send = (body: unknown): Promise<Answer> => kit.call('POST', '/api/v1/data', { token, body });

async function assertTaken(change: object): Promise<void> {
  const { status, json, text } = await send(fresh(change));
  assert.deepEqual([status, json.stored], [200, 1], `${JSON.stringify(change)}: ${text}`);
}

/** 422 with the place of the flaw, in the form of the old framework. */
async function assertRefused(change: object, field: string): Promise<void> {
  const { status, json } = await send(fresh(change));
  assert.equal(status, 422, JSON.stringify(change));
  assert.deepEqual(
    [json.detail[0].loc, typeof json.detail[0].msg],
    [['body', field], 'string'],
    JSON.stringify(change),
  );
}

describe('E12 EnergyDataInput at POST /api/v1/data', () => {
  test('takes whole readings, with every field or with those that must be there', async () => {
    await assertTaken({});
    await assertTaken({ power_factor: 0.9, location: 'Gwangyang' });
    assert.equal((await kit.call('POST', '/api/v1/data', { body: fresh({}) })).status, 401);
  });

  test('wants a meter id of 1 to 50 letters, digits, _ and -', async () => {
    for (const meter_id of ['a', 'Z', '9', '_', '-', 'x'.repeat(50)]) await assertTaken({ meter_id });
    for (const meter_id of ['', 'x'.repeat(51), 'a b', 'a.b', 'é', "a'--", 'abc\n', 1, null, undefined, ['a']])
      await assertRefused({ meter_id }, 'meter_id');
  });

  test('wants a consumption of 0 to 100000, both within', async () => {
    for (const energy_consumption of [0, 100_000]) await assertTaken({ energy_consumption });
    for (const energy_consumption of [-1e-9, 100_000.000_01, '1', null, undefined])
      await assertRefused({ energy_consumption }, 'energy_consumption');
  });

  test('wants a power factor of 0 to 1, both within, or none', async () => {
    for (const power_factor of [0, 1, undefined]) await assertTaken({ power_factor });
    for (const power_factor of [-0.001, 1.001, '1']) await assertRefused({ power_factor }, 'power_factor');
  });

  test('wants a location of at most 200 characters, or none', async () => {
    for (const location of ['', 'x'.repeat(200), undefined]) await assertTaken({ location });
    for (const location of ['x'.repeat(201), 1, {}]) await assertRefused({ location }, 'location');
  });

  test('wants a time that is not in the future; one without a zone is UTC (D09)', async () => {
    for (const timestamp of [
      '2026-11-21T12:00:00Z',
      '2026-11-21T11:59:00',
      '2026-11-21T11:58',
      '2026-11-21T20:57:00+09:00',
    ])
      await assertTaken({ meter_id: `T${timestamp.length}`, timestamp });
    for (const timestamp of ['2026-11-21T12:10:00Z', '2026-11-21T12:10:00', 'yesterday', 5, undefined])
      await assertRefused({ timestamp }, 'timestamp');
  });

  test('forbids a field that the model does not have', async () => {
    for (const name of ['extra', 'Meter_id', '__proto__', 'tenant_id']) {
      const body = `${JSON.stringify(fresh({})).slice(0, -1)},${JSON.stringify(name)}:1}`;
      const headers = { 'content-type': 'application/json' };
      const { status, json } = await kit.call('POST', '/api/v1/data', { token, body, headers });
      assert.deepEqual([status, json.detail[0].loc], [422, ['body', name]]);
    }
  });

  test('refuses what is no such body at all, in its own error form', async () => {
    const json = { 'content-type': 'application/json' };
    for (const body of ['[]', '"x"', 'null', '7', '{', '[{}]', '\uffff', '{"a":'.repeat(40)]) {
      const { status, json: told } = await kit.call('POST', '/api/v1/data', { token, body, headers: json });
      assert.ok(status === 400 || status === 422, `${body}: ${status}`);
      assert.ok('detail' in told, body);
    }
    const xml = await kit.call('POST', '/api/v1/data', {
      token,
      body: '<a/>',
      headers: { 'content-type': 'text/xml' },
    });
    assert.equal(xml.status, 415);
  });
});

const read = (meter: string, query: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  kit.call('GET', `/api/v1/data/${encodeURIComponent(meter)}?${new URLSearchParams(query)}`, { token });

const timesOf = ({ json }: Answer): string[] =>
  json.data.map(({ timestamp }: { timestamp: string }) => timestamp).sort();

describe('E13 get_meter_data at GET /api/v1/data/{meter_id}', () => {
  test('answers between two dates, both within, and one without the other', async () => {
    const times = [
      '09-30T23:59:59.999',
      '10-01T00:00:00.000',
      '10-02T12:00:00.000',
      '10-02T23:59:59.999',
      '10-03T00:00:00.000',
    ];
    const all = times.map((time) => `2026-${time}Z`);
    for (const timestamp of all) assert.equal((await send({ ...good, meter_id: 'DATES', timestamp })).status, 200);
    const days = { start_date: '2026-10-01', end_date: '2026-10-02' };
    assert.deepEqual(timesOf(await read('DATES', days)), all.slice(1, 4));
    assert.deepEqual(timesOf(await read('DATES', { start_date: '2026-10-01' })), all.slice(1));
    assert.deepEqual(timesOf(await read('DATES', { end_date: '2026-10-02' })), all.slice(0, 4));
    const exact = { start_date: all[1] ?? '', end_date: '2026-10-02T12:00:00' };
    assert.deepEqual(timesOf(await read('DATES', exact)), all.slice(1, 3));
    assert.deepEqual(timesOf(await read('DATES', { start_date: '2026-10-02', end_date: '2026-10-01' })), []);
    assert.deepEqual(timesOf(await read('UNKNOWN')), []);
  });

  test('says Invalid meter_id to one of more than 50 characters', async () => {
    assert.equal((await read('x'.repeat(50))).status, 200);
    for (const meter of ['x'.repeat(51), 'x'.repeat(129), 'x'.repeat(2_000)]) {
      const { status, text } = await read(meter);
      assert.equal(status, 422, `${meter.length} characters`);
      assert.match(text, /Invalid meter_id/);
    }
  });

  // Attack: SQL in the id or the dates.
  test('takes ids and dates as values, and nothing else as either', async () => {
    for (const meter of ["x' OR '1'='1", 'x"; DROP TABLE reading; --', '%', 'a b', '*'])
      assert.equal((await read(meter)).status, 422, meter);
    for (const start_date of ["2026-01-01' OR 1=1 --", '2026-02-30', 'now', '20260101', '2026-10-01T00:00:00+9'])
      assert.equal((await read('DATES', { start_date })).status, 422, start_date);
    assert.equal((await read('DATES', { limit: '99999' })).status, 422, 'no other member');
    assert.equal(
      (await kit.call('GET', '/api/v1/data/DATES?end_date=2026-10-02&end_date=2026-10-03', { token })).status,
      400,
    );
    assert.equal(timesOf(await read('DATES')).length, 5);
  });

  test('answers 10,000 rows at most, and says that there are more', async () => {
    const lines = Array.from({ length: 10_001 }, (_, at) =>
      JSON.stringify({ meter_id: 'MANY', timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, at)), energy_consumption: 1 }),
    );
    const headers = { 'content-type': 'application/x-ndjson' };
    const native = await kit.signIn();
    const stored = await kit.call('POST', '/v1/readings', { token: native, headers, body: `${lines.join('\n')}\n` });
    assert.equal(stored.json.stored, 10_001);
    const whole = await read('MANY');
    assert.deepEqual([whole.status, whole.json.data.length, whole.json.truncated], [200, 10_000, true]);
    const rest = await read('MANY', { start_date: '2026-01-01T00:00:01Z' });
    assert.deepEqual([rest.json.data.length, rest.json.truncated], [10_000, false]);
  });

  test('shows nobody the readings of another tenant', async () => {
    const { house } = kit.twinkeep;
    const actor = {
      principal: { kind: 'operator', tenantId: (await house.tenants.list())[0]?.id ?? assert.fail() },
    } as const;
    const { tenantId } = await import('../../../src/kernel/brand.ts');
    await house.createTenant(actor, tenantId('rival'), 'Rival');
    await house.people.create(actor, tenantId('rival'), {
      username: 'rita',
      password: 'correct horse battery staple',
      roles: ['admin'],
    });
    const rival = await kit.login('rita');
    assert.deepEqual((await kit.call('GET', '/api/v1/data/DATES', { token: rival })).json.data, []);
    assert.equal((await kit.call('DELETE', '/api/v1/data/DATES', { token: rival })).status, 404);
  });
});
