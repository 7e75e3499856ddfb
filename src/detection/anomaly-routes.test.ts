import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWith } from '../http/index.ts';
import { requestId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { type AnomalyKit, day, keyOf, minute, openKit, useOf } from './anomalies-kit.contract.ts';
import { anomalyRoutes } from './anomaly-routes.ts';

const main = tenantId('main');
const caller = { kind: 'operator', tenantId: main } as const;
const key = keyOf('meter-1');

/** Calls a route as the request line does, from its schemas to its reply. */
async function call({ anomalies, clock }: AnomalyKit, method: string, given: { params?: object; query?: object }) {
  const route = anomalyRoutes(anomalies).find((one) => one.method === method) ?? assert.fail(method);
  const sent = { requestId: requestId('request-1'), receivedAt: clock.now(), address: '', addressBlock: '' };
  const context = { ...sent, secure: false, operator: true, method, url: route.path, headers: {} };
  const read = (schema: typeof route.body, value: object | undefined, at: 'path' | 'query') =>
    schema === undefined ? undefined : parseWith(schema, value ?? {}, at);
  const input = { params: read(route.params, given.params, 'path'), query: read(route.query, given.query, 'query') };
  const reply = await route.handle({
    ...input,
    body: undefined,
    stream: undefined,
    context,
    caller,
    tenantId: main,
  });
  const schema = route.replies[reply.status] ?? assert.fail(String(reply.status));
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  const json: any = typeof schema === 'string' ? undefined : schema.parse(reply.body);
  return { status: reply.status, json };
}

const on = (what: string, work: (kit: AnomalyKit) => Promise<void>): void => {
  test(what, async () => {
    const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
    const kit = await openKit(storage);
    kit.anomalies.note(useOf(key));
    await kit.anomalies.sweep();
    for (let at = 0; at < 8 * day; at += 15 * minute) {
      kit.anomalies.note(useOf(key));
      kit.clock.advance(15 * minute);
    }
    await kit.anomalies.sweep();
    await work(kit);
    await storage.close();
  });
};

on('what is unusual is listed with its sentence, and what is usual for its principal', async (kit) => {
  for (let n = 0; n < 70; n++) kit.anomalies.note(useOf(key));
  await kit.anomalies.sweep();
  const { json } = await call(kit, 'GET', { query: { principal: 'api-key:meter-1' } });
  assert.equal(json.items.length, 1);
  assert.match(json.items[0].explanation, /^70 requests|^61 requests/);
  assert.equal(json.items[0].ended_at, null);
  assert.equal(json.baseline.learning, false);
  assert.deepEqual(json.baseline.places, ['Berlin']);
  const requests = json.baseline.measures.find((one: { measure: string }) => one.measure === 'requests');
  assert.equal(requests.expected, 1);
  assert.equal(requests.limit, 60);
});

on('what is over is listed where it is asked for, page by page', async (kit) => {
  for (const round of [1, 2]) {
    for (let n = 0; n < 70; n++) kit.anomalies.note(useOf(key));
    kit.clock.advance(round * 20 * minute);
    await kit.anomalies.sweep();
  }
  assert.deepEqual((await call(kit, 'GET', {})).json.items, []);
  const first = await call(kit, 'GET', { query: { which: 'all', limit: '1' } });
  assert.equal(first.json.items.length, 1);
  const second = await call(kit, 'GET', { query: { which: 'all', limit: '1', cursor: first.json.next_cursor } });
  assert.equal(second.json.items.length, 1);
  assert.notEqual(second.json.items[0].id, first.json.items[0].id);
});

on('a principal is learned anew, and one that is none is refused', async (kit) => {
  const params = { principal: 'api-key:meter-1' };
  assert.equal((await call(kit, 'DELETE', { params })).status, 204);
  assert.equal((await call(kit, 'GET', { query: params })).json.baseline, null);
  await assert.rejects(call(kit, 'DELETE', { params }), (error) => isFault(error, 'DETECTION_BASELINE_UNKNOWN'));
  for (const principal of ['meter-1', 'api-key:', 'api-key:a\nb', `person:${'x'.repeat(200)}`])
    await assert.rejects(call(kit, 'DELETE', { params: { principal } }), (error) => isFault(error));
});

on('they are for whoever may see the blocks of everybody', async ({ anomalies }) => {
  for (const { access } of anomalyRoutes(anomalies))
    assert.deepEqual(access, { kind: 'permission', permission: 'platform:blocks' });
});
