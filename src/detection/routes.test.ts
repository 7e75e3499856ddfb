import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Context, parseWith } from '../http/index.ts';
import { requestId, tenantId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { inMemory, type Kit, minute, nobody, offence, withKit } from './blocks-kit.contract.ts';
import { blockRoutes } from './routes.ts';

const main = tenantId('main');

type Shown = { readonly value: string };

/** Calls a route as the request line does, from its schemas to its reply. */
async function call({ blocks, clock }: Kit, method: string, given: { params?: object; query?: object; body?: object }) {
  const route = blockRoutes(blocks, clock).find((one) => one.method === method) ?? assert.fail(method);
  const context: Context = {
    requestId: requestId('request-1'),
    receivedAt: clock.now(),
    address: '',
    addressBlock: '',
    secure: false,
    operator: true,
    method,
    url: route.path,
    headers: {},
  };
  const read = (schema: typeof route.body, value: object | undefined, at: 'path' | 'query' | 'body') =>
    schema === undefined ? undefined : parseWith(schema, value ?? {}, at);
  const params = read(route.params, given.params, 'path');
  const input = { params, query: read(route.query, given.query, 'query'), body: read(route.body, given.body, 'body') };
  const caller = { kind: 'operator', tenantId: main } as const;
  const reply = await route.handle({ ...input, stream: undefined, context, caller, tenantId: main });
  const schema = route.replies[reply.status] ?? assert.fail(String(reply.status));
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  const json: any = typeof schema === 'string' ? undefined : schema.parse(reply.body);
  return { status: reply.status, json };
}

const on = (what: string, work: (kit: Kit) => Promise<void>): void => {
  test(what, () => withKit(inMemory, work));
};

on('an operator blocks an address, sees it, and lifts it by its address', async (kit) => {
  const body = { address: '2001:db8::7', reason: 'scans the console', ends_in: 3_600 };
  const made = await call(kit, 'POST', { body });
  assert.equal(made.status, 201);
  const { id, ...rest } = made.json;
  assert.deepEqual(rest, {
    kind: 'address',
    value: '2001:db8:0:0::/64',
    address: '2001:db8:0:0::/64',
    profile: null,
    violation: 'ip_blocked',
    reason: 'operator',
    evidence: { note: 'scans the console' },
    live: true,
    stored: true,
    created_at: '2026-11-21T12:00:00.000Z',
    created_by: 'operator',
    ends_at: '2026-11-21T13:00:00.000Z',
    lifted_at: null,
    lifted_by: null,
  });
  assert.deepEqual((await call(kit, 'GET', {})).json, { items: [made.json], next_cursor: null });
  assert.equal((await call(kit, 'DELETE', { params: { id: '2001:db8:0:0::/64' } })).status, 204);
  assert.deepEqual((await call(kit, 'GET', {})).json.items, []);
  const [lifted] = (await call(kit, 'GET', { query: { which: 'all' } })).json.items;
  assert.deepEqual([lifted.id, lifted.live, lifted.lifted_by], [id, false, 'operator']);
});

on('a block that ran out is listed with the others, as over', async (kit) => {
  await kit.blocks.impose(nobody, offence('203.0.113.9'));
  kit.clock.advance(15 * minute);
  assert.deepEqual((await call(kit, 'GET', {})).json.items, []);
  const [ended] = (await call(kit, 'GET', { query: { which: 'all', address: '203.0.113.9' } })).json.items;
  assert.deepEqual([ended.live, ended.ends_at, ended.created_by], [false, '2026-11-21T12:15:00.000Z', 'detection']);
});

on('pages follow their cursor', async (kit) => {
  for (let at = 0; at < 5; at++) {
    await kit.blocks.impose(nobody, offence(`203.0.113.${at}`));
    kit.clock.advance(1);
  }
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const query: object = { limit: '2', ...(cursor === null ? {} : { cursor }) };
    const { json } = await call(kit, 'GET', { query });
    seen.push(...json.items.map(({ address }: { address: string }) => address));
    cursor = json.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(
    seen,
    [4, 3, 2, 1, 0].map((at) => `203.0.113.${at}`),
  );
});

on('an operator blocks a key, finds it by kind, and lifts it by its name', async (kit) => {
  const made = await call(kit, 'POST', { body: { kind: 'api-key', value: 'pump', reason: 'leaked', permanent: true } });
  assert.equal(made.status, 201);
  const { kind, value, address, violation } = made.json;
  assert.deepEqual([kind, value, address, violation], ['api-key', 'pump', null, 'principal_blocked']);
  await call(kit, 'POST', { body: { kind: 'address', value: '203.0.113.9', reason: 'scans', ends_in: 60 } });
  const found = async (query: object) => (await call(kit, 'GET', { query })).json.items.map((one: Shown) => one.value);
  assert.deepEqual(await found({ kind: 'api-key' }), ['pump']);
  assert.deepEqual(await found({ kind: 'address' }), ['203.0.113.9']);
  assert.deepEqual(await found({ kind: 'person' }), []);
  assert.deepEqual(await found({ value: 'pump' }), ['pump']);
  assert.equal((await call(kit, 'DELETE', { params: { id: 'api-key:pump' } })).status, 204);
  assert.deepEqual(await found({ kind: 'api-key' }), []);
});

on('a wish that is not clear is refused', async (kit) => {
  const good = { address: '203.0.113.9', reason: 'r', ends_in: 60 };
  const { ends_in: _, ...endless } = good;
  const bad = [
    endless,
    { ...good, permanent: true },
    { ...endless, permanent: false },
    { ...good, ends_in: 0 },
    { ...good, ends_in: 1.5 },
    { ...good, ends_in: days(4_000) },
    { ...good, address: '203.0.113.0/24' },
    { ...good, address: 'x'.repeat(10_000) },
    { ...good, reason: '' },
    { ...good, reason: 'a\0b' },
    { ...good, more: 1 },
    { ...good, kind: 'address', value: '203.0.113.9' },
    { ...good, kind: 'person' },
    { ...good, value: 'a' },
    { reason: 'r', ends_in: 60 },
    { reason: 'r', ends_in: 60, value: 'a' },
    { reason: 'r', ends_in: 60, kind: 'operator', value: 'a' },
    { reason: 'r', ends_in: 60, kind: 'person', value: 'a b' },
    { reason: 'r', ends_in: 60, kind: 'address', value: 'office' },
  ];
  for (const body of bad) {
    await assert.rejects(
      call(kit, 'POST', { body }),
      (error) => isFault(error, 'HTTP_INPUT_REFUSED'),
      JSON.stringify(body),
    );
  }
  for (const id of ['', '../x', 'person:', 'operator:x', 'person:a:b', '203.0.113.0/24', `a'; drop table block; --`]) {
    await assert.rejects(call(kit, 'DELETE', { params: { id } }), (error) => isFault(error, 'HTTP_INPUT_REFUSED'), id);
  }
  await assert.rejects(call(kit, 'DELETE', { params: { id: 'unknown' } }), (error) =>
    isFault(error, 'DETECTION_BLOCK_UNKNOWN'),
  );
  await assert.rejects(call(kit, 'POST', { body: { ...endless, permanent: true, address: '198.51.100.1' } }), (error) =>
    isFault(error, 'DETECTION_NEVER_BLOCKED'),
  );
});

// Attack: the administrator of one tenant reads the addresses of another's clients.
on('every route asks for a right of the platform', async ({ blocks, clock }) => {
  for (const { access } of blockRoutes(blocks, clock)) {
    assert.deepEqual(access, { kind: 'permission', permission: 'platform:blocks' });
  }
});
