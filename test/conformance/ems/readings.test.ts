import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { type Answer, createKit, type Kit } from '../../../src/testing/index.ts';

let kit: Kit;
let key: string;

before(async () => {
  kit = await createKit();
  key = await kit.key('read:meter_data', 'write:meter_data');
});
after(() => kit.close());

const reading = { meter_id: 'E12', timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 };

const post = (body: unknown, headers = {}): Promise<Answer> => kit.call('POST', '/v1/readings', { key, body, headers });
const get = (query: string): Promise<Answer> => kit.call('GET', `/v1/readings?${query}`, { key });
const ndjson = { 'content-type': 'application/x-ndjson' };

/** The place and code of what is refused. */
const placesOf = ({ status, json }: Answer) => [status, json.errors.map(({ at }: { at: string }) => at)];

test('E12: a reading is taken at both ends of each bound', async () => {
  const ends = [
    { meter_id: 'm' },
    { meter_id: 'aZ09_-'.padEnd(50, 'x') },
    { meter_id: 'E12-0', energy_consumption: 0, power_factor: 0, location: '' },
    { meter_id: 'E12-1', energy_consumption: 100_000, power_factor: 1, location: 'x'.repeat(200) },
    { meter_id: 'E12-2', power_factor: null, location: null },
  ];
  for (const change of ends) {
    const answer = await post({ ...reading, ...change });
    assert.deepEqual([answer.status, answer.json], [201, { stored: 1, repeated: 0 }], JSON.stringify(change));
  }
});

test('E12: what lies beyond a bound, is of another type or unknown is 422 with its place', async () => {
  const refused: readonly (readonly [string, unknown])[] = [
    ['meter_id', ''],
    ['meter_id', 'x'.repeat(51)],
    ['meter_id', 'a b'],
    ['meter_id', 5],
    ['timestamp', '2026-01-01'],
    ['timestamp', '2026-02-30T00:00:00Z'],
    ['timestamp', 1_700_000_000],
    ['energy_consumption', -0.1],
    ['energy_consumption', 100_000.1],
    ['energy_consumption', '1'],
    ['power_factor', 1.1],
    ['location', 'x'.repeat(201)],
    ['location', 'a\0b'],
    ['role', 'admin'],
  ];
  for (const [name, value] of refused) {
    const body = { ...reading, [name]: value };
    assert.deepEqual(placesOf(await post(body)), [422, [`body/${name}`]], name);
    assert.deepEqual(placesOf(await post([reading, body])), [422, [`body/1/${name}`]], name);
  }
  assert.deepEqual(placesOf(await post(`{"__proto__":1,${JSON.stringify(reading).slice(1)}`, json)), [
    422,
    ['body/__proto__'],
  ]);
  const overflow = '{"meter_id":"m","timestamp":"2026-01-01T00:00:00Z","energy_consumption":1e999}';
  assert.deepEqual(placesOf(await post(overflow, json)), [422, ['body/energy_consumption']]);
});

const json = { 'content-type': 'application/json' };

test('D09: a reading may lie one minute ahead of the clock and no more, whatever its offset', async () => {
  const ahead = (ms: number) => new Date(kit.clock.now() + ms).toISOString();
  assert.equal((await post({ ...reading, meter_id: 'D09', timestamp: ahead(60_000) })).status, 201);
  assert.deepEqual(placesOf(await post({ ...reading, timestamp: ahead(60_001) })), [422, ['body/timestamp']]);
  const local = `${ahead(9 * 3_600_000).slice(0, -1)}+09:00`;
  assert.equal((await post({ ...reading, meter_id: 'D09', timestamp: local })).status, 201);
});

test('D17: a meter id that ends in a line feed is refused', async () => {
  assert.deepEqual(placesOf(await post({ ...reading, meter_id: 'abc\n' })), [422, ['body/meter_id']]);
  assert.deepEqual(placesOf(await get('meter_id=abc%0A')), [422, ['query/meter_id']]);
  assert.equal((await kit.call('DELETE', '/v1/readings/abc%0A', { token: await kit.signIn() })).status, 422);
});

test('E13: both dates are within, and what is sent as a meter is a value, never SQL', async () => {
  const days = ['2025-03-01', '2025-03-02', '2025-03-03', '2025-03-04'].map((day) => `${day}T00:00:00Z`);
  await post(days.map((timestamp) => ({ ...reading, meter_id: 'E13', timestamp })));
  const found = await get(`meter_id=E13&from=${days[1]}&to=${days[2]}`);
  assert.deepEqual(
    found.json.items.map((item: { timestamp: string }) => item.timestamp),
    ['2025-03-02T00:00:00.000Z', '2025-03-03T00:00:00.000Z'],
  );
  for (const meter of ["E13' or '1'='1", 'E13"; drop table reading; --', 'x'.repeat(51), '']) {
    assert.deepEqual(placesOf(await get(`meter_id=${encodeURIComponent(meter)}`)), [422, ['query/meter_id']], meter);
  }
  assert.equal((await get('meter_id=E13')).json.items.length, 4);
});

test('E13: an answer has at most 10,000 rows, and the rest is on the next page', async () => {
  const lines = Array.from({ length: 10_001 }, (_, index) => {
    const timestamp = new Date(Date.UTC(2020, 0, 1) + index * 60_000).toISOString();
    return `${JSON.stringify({ ...reading, meter_id: 'E13-many', timestamp, location: 'hall 1' })}\n`;
  });
  const taken = await post(lines.join(''), ndjson);
  assert.deepEqual([taken.status, taken.json.stored, taken.json.resume_line], [200, 10_001, 10_002]);
  const first = await get('meter_id=E13-many&limit=10000');
  assert.equal(first.json.items.length, 10_000);
  const rest = await get(`meter_id=E13-many&limit=10000&cursor=${first.json.next_cursor}`);
  assert.deepEqual([rest.json.items.length, rest.json.next_cursor], [1, null]);
  assert.equal((await get('limit=10001')).status, 422);
});

test('E12: a bad line of a stream is named, and what stands before its batch is kept', async () => {
  const lines = Array.from({ length: 1_200 }, (_, index) => ({
    ...reading,
    meter_id: 'E12-lines',
    energy_consumption: index === 1_100 ? -1 : index,
    timestamp: new Date(Date.UTC(2020, 0, 1) + index * 60_000).toISOString(),
  }));
  const answer = await post(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''), ndjson);
  assert.deepEqual([answer.status, answer.json.code], [422, 'READING_LINES_REFUSED']);
  assert.deepEqual([answer.json.lines, answer.json.accepted, answer.json.resume_line], [1_200, 1_000, 1_001]);
  assert.deepEqual(
    answer.json.bad_lines.map(({ line, field }: { line: number; field: string }) => [line, field]),
    [[1_101, 'energy_consumption']],
  );
});

// Attack: a line without end keeps the server reading for as long as the sender likes.
test('E12: a line without end is answered while it is still being sent', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request(`${kit.address}/v1/readings`, { method: 'POST', headers: { ...ndjson, 'x-api-key': key } });
    const chunk = Buffer.alloc(65_536, 'x');
    const send = () => {
      while (!call.destroyed && call.write(chunk));
    };
    call.on('drain', send);
    call.on('error', reject);
    call.on('response', (response) => {
      call.off('drain', send);
      resolve(response.statusCode);
      call
        .off('error', reject)
        .on('error', () => undefined)
        .destroy();
    });
    send();
  });
  assert.equal(status, 422);
});
