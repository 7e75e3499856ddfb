import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { z } from 'zod';
import { type Input, parseWith, type Reply, type Route } from '../http/index.ts';
import { requestId } from '../kernel/brand.ts';
import { readingFault, readingPermissions, readingRoutes, sealedFields } from './index.ts';
import { readingMigrations } from './migrations/index.ts';
import {
  expectFault,
  inMemory,
  type Kit,
  linesOf,
  NOW,
  north,
  sample,
  sampleItem,
  series,
  withKit,
} from './readings-kit.contract.ts';

type Sent = Partial<Pick<Input, 'params' | 'query' | 'body' | 'stream'>> & { readonly encoding?: string };

const context = {
  requestId: requestId('request-1'),
  receivedAt: NOW,
  address: '192.0.2.1',
  addressBlock: '192.0.2.1',
  secure: true,
  operator: false,
  method: 'POST',
  url: '/v1/readings',
  headers: {},
};

function routeOf(kit: Kit, method: string): Route {
  const route = readingRoutes(kit.readings).find((each) => each.method === method);
  return route ?? assert.fail(`no route takes ${method}`);
}

/** Does what the request line does around a handler: parses by the route's schemas, and holds the answer to its own. */
async function ask(kit: Kit, method: string, { encoding, ...sent }: Sent): Promise<Reply> {
  const route = routeOf(kit, method);
  const parsed = (schema: z.ZodType | undefined, value: unknown, root: string) =>
    schema === undefined ? undefined : parseWith(schema, value, root);
  const reply = await route.handle({
    context: encoding === undefined ? context : { ...context, headers: { 'content-encoding': encoding } },
    caller: north.principal,
    tenantId: north.tenantId,
    params: parsed(route.params, sent.params ?? {}, 'path'),
    query: parsed(route.query, sent.query ?? {}, 'query'),
    body: sent.stream === undefined ? parsed(route.body, sent.body, 'body') : undefined,
    stream: sent.stream,
  });
  const schema = route.replies[reply.status];
  assert.ok(schema instanceof z.ZodType, `no schema for ${reply.status}`);
  assert.deepEqual(schema.parse(reply.body), reply.body);
  return reply;
}

const asked = (query: Readonly<Record<string, unknown>>): Sent => ({ query });

test('one reading, and many of which some were stored already, are answered with 201 and counts', () =>
  withKit(inMemory, async (kit) => {
    const one = await ask(kit, 'POST', { body: sample });
    assert.deepEqual([one.status, one.body], [201, { stored: 1, repeated: 0 }]);
    const many = await ask(kit, 'POST', { body: [sample, ...series(3)] });
    assert.deepEqual([many.status, many.body], [201, { stored: 3, repeated: 1 }]);
  }));

test('a stream is answered with 200 and where it ended', () =>
  withKit(inMemory, async (kit) => {
    const text = linesOf(series(3));
    const reply = await ask(kit, 'POST', { stream: Readable.from([Buffer.from(text)]) });
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, {
      lines: 3,
      accepted: 3,
      stored: 3,
      repeated: 0,
      resume_line: 4,
      resume_byte: text.length,
      bad_lines: [],
    });
  }));

// Attack: a compressed stream that unpacks to a thousand times its size.
test('a compressed stream is refused', () =>
  withKit(inMemory, async (kit) => {
    const stream = Readable.from([Buffer.from(linesOf(series(1)))]);
    await expectFault('HTTP_BODY_ENCODING', ask(kit, 'POST', { stream, encoding: 'gzip' }));
  }));

test('a page is answered with what was read, for the audit log', () =>
  withKit(inMemory, async (kit) => {
    await ask(kit, 'POST', { body: [sample, ...series(2)] });
    const all = await ask(kit, 'GET', {});
    assert.deepEqual([all.records, all.object], [3, undefined]);
    const query = { meter_id: 'STEEL-01', from: sample.timestamp, to: sampleItem.timestamp, limit: '1' };
    const one = await ask(kit, 'GET', asked(query));
    assert.deepEqual([one.status, one.records, one.object], [200, 1, 'meter STEEL-01']);
    assert.deepEqual(one.body, { items: [sampleItem], next_cursor: null });
  }));

test('a page has 1,000 readings unless told', () =>
  withKit(inMemory, async (kit) => {
    await ask(kit, 'POST', { body: series(1_001) });
    assert.equal((await ask(kit, 'GET', {})).records, 1_000);
    assert.equal((await ask(kit, 'GET', asked({ limit: '10000' }))).records, 1_001);
  }));

test('query parameters that are unknown, repeated or malformed are refused by name', () =>
  withKit(inMemory, async (kit) => {
    const refused: readonly (readonly [string, unknown])[] = [
      ['meter', 'STEEL-01'],
      ['__proto__', 'x'],
      ['meter_id', ['A', 'B']],
      ['meter_id', ''],
      ['meter_id', "A' or '1'='1"],
      ['meter_id', 'abc\n'],
      ['meter_id', 'm'.repeat(51)],
      ['from', '2018-01-01'],
      ['from', '2018-01-01T00:00:00 09:00'],
      ['to', '2018-02-30T00:00:00Z'],
      ['to', ['2018-01-01T00:00:00Z', '2018-01-02T00:00:00Z']],
      ['limit', '0'],
      ['limit', '10001'],
      ['limit', '1e3'],
      ['limit', '-1'],
      ['limit', ''],
      ['limit', 5],
      ['cursor', ''],
      ['cursor', 'x'.repeat(513)],
    ];
    for (const [name, value] of refused) {
      const query = Object.fromEntries([[name, value]]);
      const facts = await expectFault('HTTP_INPUT_REFUSED', ask(kit, 'GET', { query }));
      assert.match(JSON.stringify(facts['errors']), new RegExp(`"at":"query/${name}`), `${name}=${value}`);
    }
    await expectFault('READING_CURSOR', ask(kit, 'GET', asked({ cursor: 'abc' })));
  }));

test('a meter is deleted once', () =>
  withKit(inMemory, async (kit) => {
    await ask(kit, 'POST', { body: series(5) });
    const reply = await ask(kit, 'DELETE', { params: { meter_id: 'M' } });
    assert.deepEqual([reply.status, reply.body], [200, { deleted: 5 }]);
    await expectFault('READING_UNKNOWN_METER', ask(kit, 'DELETE', { params: { meter_id: 'M' } }));
    await expectFault('HTTP_INPUT_REFUSED', ask(kit, 'DELETE', { params: { meter_id: 'M M' } }));
  }));

test('each route asks for its own permission and names faults that exist', () =>
  withKit(inMemory, async (kit) => {
    const needs = { GET: 'read:meter_data', POST: 'write:meter_data', DELETE: 'delete:meter_data' };
    for (const [method, permission] of Object.entries(needs)) {
      const route = routeOf(kit, method);
      assert.deepEqual(route.access, { kind: 'permission', permission });
      assert.equal(route.records, method === 'GET' ? 'read' : 'change');
      for (const code of route.faults) assert.ok(code in readingFault.table, code);
    }
    assert.deepEqual([...readingPermissions].sort(), Object.values(needs).sort());
  }));

test('the body of a reading is described for OpenAPI as it is checked', () =>
  withKit(inMemory, async (kit) => {
    const { body } = routeOf(kit, 'POST');
    const described = body === undefined ? {} : z.toJSONSchema(body, { io: 'input' });
    const text = JSON.stringify(described);
    assert.match(text, /"additionalProperties":false/);
    assert.match(text, /"required":\["meter_id","timestamp","energy_consumption"\]/);
    assert.match(text, /"maxItems":10000/);
    assert.match(text, /"maxLength":200\b/);
    assert.match(text, /"format":"date-time"/);
  }));

test('every sealed field is a column of the room', () => {
  const columns = readingMigrations.flatMap(({ changes }) =>
    changes.flatMap((change) =>
      change.kind === 'table' ? Object.keys(change.columns).map((name) => `${change.name}.${name}`) : [],
    ),
  );
  for (const { table, column } of sealedFields) assert.ok(columns.includes(`${table}.${column}`));
});
