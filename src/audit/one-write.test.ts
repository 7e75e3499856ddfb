import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { platform, type Tx } from '../kernel/tx.ts';
import { createSqliteStorage, type Storage, storageFault } from '../storage/index.ts';
import { createKit, createTestClock, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import { auditStore } from './store.ts';

/** The table into which nothing can be written at the moment. */
let full: string | undefined;

let kit: Kit;
before(async () => {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  const guard = (tx: Tx): Tx => ({
    ...tx,
    insert: (insertion, rows) => {
      if (insertion.table === full) throw storageFault('STORAGE_FULL');
      return tx.insert(insertion, rows);
    },
  });
  const failing: Storage = { ...storage, write: (scope, work) => storage.write(scope, (tx) => work(guard(tx))) };
  kit = await createKit({ clock, storage: failing });
});
after(() => kit.close());

let token: string;
let person: string;
let keyId: string;
let count = 0;
beforeEach(async () => {
  full = undefined;
  person = (await kit.person(`person${++count}`, 'viewer')).id;
  token = await kit.signIn();
  await kit.key('read');
  await kit.call('POST', '/v1/readings', { token, body: reading('OLD') });
  const { json } = await kit.call('GET', '/v1/api-keys', { token });
  keyId = json.items.at(-1).id;
});

const reading = (meter_id: string) => ({ meter_id, timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 });

/** All that can be seen of what was done, and all that was written down of it. */
async function view(): Promise<{ readonly seen: readonly string[]; readonly entries: readonly string[] }> {
  const paths = ['/v1/users', '/v1/api-keys', '/v1/readings', '/v1/sessions', '/v1/me'];
  const seen = await Promise.all(paths.map(async (path) => (await kit.call('GET', path, { token })).text));
  const { house, storage } = kit.twinkeep;
  await house.audit.integrate();
  const rows = await storage.read(platform, (tx) => auditStore.from(tx, 0, 5_000));
  return { seen, entries: rows.map(({ action }) => action).filter((action) => action !== 'access.read') };
}

/** Every route that changes something, with a call that works. */
const ACTS: Readonly<Record<string, () => readonly [string, string, object?]>> = {
  'POST /v1/users': () => ['POST', '/v1/users', { username: `new${count}`, password: KIT_PASSWORD, roles: ['viewer'] }],
  'PATCH /v1/users/:id': () => ['PATCH', `/v1/users/${person}`, { roles: ['analyst'], disabled: true }],
  'POST /v1/api-keys': () => ['POST', '/v1/api-keys', { name: 'new', scopes: ['read'] }],
  'DELETE /v1/api-keys/:id': () => ['DELETE', `/v1/api-keys/${keyId}`],
  'POST /v1/readings': () => ['POST', '/v1/readings', reading('NEW')],
  'DELETE /v1/readings/:meter_id': () => ['DELETE', '/v1/readings/OLD'],
  'POST /v1/logout': () => ['POST', '/v1/logout'],
};

test('every route that changes something is tried here, or shown elsewhere', () => {
  const elsewhere = ['DELETE /v1/sessions/:id', 'POST /v1/tenants']; // the first is a logout by id; the second the operator's
  const changing = kit.twinkeep.routes.filter(({ records }) => records === 'change');
  const names = changing.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(names.sort(), [...Object.keys(ACTS), ...elsewhere].sort());
});

for (const [name, act] of Object.entries(ACTS)) {
  test(`${name}: where the entry cannot be written nothing is done`, async () => {
    const before_ = await view();
    full = 'audit_entry';
    const [method, path, body] = act();
    const answer = await kit.call(method, path, { token, body });
    full = undefined;
    assert.deepEqual([answer.status, answer.json.code], [503, 'STORAGE_FULL']);
    assert.ok(answer.headers.get('retry-after'));
    assert.deepEqual(await view(), before_);
    const again = await kit.call(method, path, { token, body });
    assert.ok(again.status < 300, `and then it works: ${again.text}`);
  });
}

test('where the act fails half way there is no entry of its first half', async () => {
  for (const table of ['role_grant', 'membership', 'person']) {
    const before_ = await view();
    full = table;
    const body = { username: `half-${table}`, password: KIT_PASSWORD, roles: ['viewer'] };
    const answer = await kit.call('POST', '/v1/users', { token, body });
    full = undefined;
    assert.equal(answer.status, 503);
    assert.deepEqual(await view(), before_);
  }
  const before_ = await view();
  full = 'api_key';
  assert.equal((await kit.call('POST', '/v1/api-keys', { token, body: { name: 'x', scopes: ['read'] } })).status, 503);
  full = undefined;
  assert.deepEqual(await view(), before_);
});

test('a login or a refresh that cannot be written down gives no token', async () => {
  const body = { username: 'admin', password: KIT_PASSWORD };
  const { json } = await kit.call('POST', '/v1/login', { body });
  full = 'audit_entry';
  const login = await kit.call('POST', '/v1/login', { body });
  const refresh = await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: json.refresh_token } });
  full = undefined;
  for (const { status, text } of [login, refresh]) {
    assert.equal(status, 503);
    assert.ok(!text.includes('access_token'));
  }
  const again = await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: json.refresh_token } });
  assert.equal(again.status, 200, 'the token was not used up');
});
