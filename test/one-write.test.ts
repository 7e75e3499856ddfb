import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { auditStore } from '../src/audit/store.ts';
import { tenantId } from '../src/kernel/brand.ts';
import { platform, type Tx } from '../src/kernel/tx.ts';
import { createSqliteStorage, type Storage, storageFault } from '../src/storage/index.ts';
import { type Answer, createKit, createTestClock, KIT_PASSWORD, type Kit } from '../src/testing/index.ts';
import { bringRival, PASSKEYS, PEOPLE_ACTS, type PersonAct } from './one-write-people.ts';

/** The table into which nothing can be written at the moment. */
let full: string | undefined;

/** Where nobody listens: what is sent there fails, and is tried again later than any test runs. */
const NOWHERE = 'http://127.0.0.1:1/hook';
const DELIVERY = {
  smtp: { host: '127.0.0.1', port: 1, tls: 'none' as const, from: 'ops@example.com' },
  webhooks: { allowPrivate: ['127.0.0.1'] },
};

let kit: Kit;
let door: Server;
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
  kit = await createKit({
    clock,
    storage: failing,
    config: {
      delivery: DELIVERY,
      accounts: { registration: 'invited', publicUrl: 'https://twin.example' },
      mfa: { passkeys: PASSKEYS },
    },
  });
  await bringRival(kit);
  door = createServer(kit.twinkeep.handleOperator);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await new Promise((resolve) => door.close(resolve));
  await kit.close();
});

/** Through the owner's door, where a route is the operator's alone. */
async function operate(
  method: string,
  path: string,
  body?: object,
): Promise<Pick<Answer, 'status' | 'headers' | 'json' | 'text'>> {
  const address = door.address();
  assert.ok(typeof address === 'object' && address !== null);
  const response = await fetch(`http://127.0.0.1:${address.port}${path}`, {
    method,
    headers: { connection: 'close', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) };
}

let token: string;
let person: string;
/** Of that person, who acts on what is their own. */
let own: string;
let device: string;
let invitation: string;
let keyId: string;
let webhook: string | undefined;
let delivery: string;
let mail: string;
let imported: string;
let shareSet: string;
let count = 0;
beforeEach(async () => {
  full = undefined;
  const isNextMinute = count === Object.keys(PEOPLE_ACTS).length; // so that no limit is met: there are more tests than 60
  kit.clock.advance(isNextMinute ? 61_000 : 1); // what the test before has ended was of another moment
  const made = await kit.person(`person${++count}`, 'viewer');
  person = made.id;
  own = made.token;
  device = (await kit.call('GET', '/v1/devices', { token: own })).json.items[0].id;
  token = await kit.signIn();
  const guest = { email: `guest${count}@example.com`, roles: ['viewer'] };
  invitation = (await kit.call('POST', '/v1/invitations', { token, body: guest })).json.id;
  await kit.key('read');
  await kit.call('POST', '/v1/readings', { token, body: reading('OLD') });
  const { json } = await kit.call('GET', '/v1/api-keys', { token });
  keyId = json.items.at(-1).id;
  if (webhook !== undefined) await kit.call('DELETE', `/v1/webhooks/${webhook}`, { token }); // there is room for 50
  const hook = await kit.call('POST', '/v1/webhooks', { token, body: { url: NOWHERE, events: ['address.blocked'] } });
  webhook = hook.json.id;
  delivery = (await kit.call('POST', `/v1/webhooks/${webhook}/test`, { token })).json.delivery_id;
  const { house, storage } = kit.twinkeep;
  const legacy = { algorithm: 'fernet', bytes: randomBytes(32) } as const;
  imported = (await house.keys.importLegacy(MAIN, legacy, { principal: { kind: 'operator', tenantId: MAIN } })).version;
  shareSet = (await operate('POST', '/v1/vault/master/shares', { threshold: 2, count: 3 })).json.set;
  const message = {
    kind: 'email',
    tenantId: MAIN,
    to: 'ada@example.com',
    subject: 'x',
    text: 'x',
  } as const;
  mail = await storage.write(platform, (tx) => house.delivery.enqueue(tx, message));
  await operate('POST', '/v1/blocks', { address: BLOCKED, reason: 'one to lift', permanent: true });
  await house.anomalies.sweep(); // what was learned of the requests so far
  await house.delivery.run(); // what is shown of both stands still from here on
});

const MAIN = tenantId('main');
/** Of whom something was learned: whoever asks from here without saying who they are. */
const learned = 'address:127.0.0.1';
const BLOCKED = '203.0.113.9';
const reading = (meter_id: string) => ({ meter_id, timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 });

/** Backups come by the clock of the machine, a minute after the start: none of what is tried here makes one. */
const isOfAct = (action: string): boolean => action !== 'access.read' && !action.startsWith('backup.');

/** All that can be seen of what was done, and all that was written down of it. */
async function view(
  more?: PersonAct['seen'],
): Promise<{ readonly seen: readonly string[]; readonly entries: readonly string[] }> {
  const shown = ['/v1/users', '/v1/api-keys', '/v1/readings', '/v1/sessions', '/v1/me'];
  const paths = [
    ...shown,
    '/v1/invitations',
    '/v1/mfa/policy',
    '/v1/vault/keys',
    '/v1/webhooks',
    `/v1/webhooks/${webhook}/deliveries`,
    '/v1/deliveries',
  ];
  const seen = await Promise.all(paths.map(async (path) => (await kit.call('GET', path, { token })).text));
  for (const path of ['/v1/me', '/v1/mfa', '/v1/devices', '/v1/sessions'])
    seen.push((await kit.call('GET', path, { token: own })).text);
  const operators = ['/v1/blocks?which=all', '/v1/vault/keys/all', '/v1/vault/master', '/v1/token-keys', '/v1/tenants'];
  for (const path of operators) seen.push((await operate('GET', path)).text);
  for (const path of more?.paths ?? []) {
    const { status, text } = await kit.call('GET', path, { token: more?.token });
    assert.equal(status, 200, text);
    seen.push(text);
  }
  const { house, storage } = kit.twinkeep;
  await house.audit.integrate();
  const rows = await storage.read(platform, (tx) => auditStore.from(tx, 0, 5_000));
  // What was sealed for a write that failed was sealed: the count may not forget it.
  const still = seen.map((text) => text.replaceAll(/"seals":\d+/g, ''));
  return { seen: still, entries: rows.map(({ action }) => action).filter(isOfAct) };
}

/** Every route that changes something, with a call that works. */
const ACTS: Readonly<Record<string, () => readonly [string, string, (object | undefined)?, 'own'?]>> = {
  'POST /v1/users': () => ['POST', '/v1/users', { username: `new${count}`, password: KIT_PASSWORD, roles: ['viewer'] }],
  'PATCH /v1/users/:id': () => ['PATCH', `/v1/users/${person}`, { roles: ['analyst'], disabled: true }],
  'POST /v1/api-keys': () => ['POST', '/v1/api-keys', { name: 'new', scopes: ['read'] }],
  'POST /v1/api-keys/import': () => ['POST', '/v1/api-keys/import', { keys: LEGACY_KEYS, scopes: ['read'] }],
  'DELETE /v1/api-keys/:id': () => ['DELETE', `/v1/api-keys/${keyId}`],
  'POST /v1/readings': () => ['POST', '/v1/readings', reading('NEW')],
  'DELETE /v1/readings/:meter_id': () => ['DELETE', '/v1/readings/OLD'],
  'POST /v1/logout': () => ['POST', '/v1/logout'],
  'POST /v1/webhooks': () => ['POST', '/v1/webhooks', { url: NOWHERE, events: ['*'] }],
  'PATCH /v1/webhooks/:id': () => ['PATCH', `/v1/webhooks/${webhook}`, { state: 'disabled' }],
  'DELETE /v1/webhooks/:id': () => ['DELETE', `/v1/webhooks/${webhook}`],
  'POST /v1/webhooks/:id/rotate-secret': () => ['POST', `/v1/webhooks/${webhook}/rotate-secret`],
  'POST /v1/webhooks/:id/test': () => ['POST', `/v1/webhooks/${webhook}/test`],
  'POST /v1/webhooks/:id/replay': () => ['POST', `/v1/webhooks/${webhook}/replay`, { since: '2026-11-21T11:00:00Z' }],
  'POST /v1/webhooks/:id/deliveries/:delivery_id/replay': () => [
    'POST',
    `/v1/webhooks/${webhook}/deliveries/${delivery}/replay`,
  ],
  'POST /v1/deliveries/:id/retry': () => ['POST', `/v1/deliveries/${mail}/retry`],
  'POST /v1/blocks': () => ['POST', '/v1/blocks', { address: '203.0.113.10', reason: 'new', ends_in: 60 }],
  'DELETE /v1/blocks/:id': () => ['DELETE', `/v1/blocks/${BLOCKED}`],
  'DELETE /v1/detection/baselines/:principal': () => ['DELETE', `/v1/detection/baselines/${learned}`],
  'POST /v1/vault/keys/rotate': () => ['POST', '/v1/vault/keys/rotate', {}],
  'POST /v1/vault/keys/rotate-all': () => ['POST', '/v1/vault/keys/rotate-all', { reason: 'emergency' }],
  'POST /v1/vault/keys/import': () => ['POST', '/v1/vault/keys/import', { algorithm: 'fernet', key: LEGACY_KEY }],
  'POST /v1/vault/keys/:version/destroy': () => [
    'POST',
    `/v1/vault/keys/${imported}/destroy`,
    { external_rewrapped: true },
  ],
  'POST /v1/vault/master/shares': () => ['POST', '/v1/vault/master/shares', { threshold: 2, count: 3 }],
  'POST /v1/vault/master/shares/confirm': () => ['POST', '/v1/vault/master/shares/confirm', { set: shareSet }],
  'POST /v1/token-keys/rotate': () => ['POST', '/v1/token-keys/rotate', {}],
  'POST /v1/config/reload': () => ['POST', '/v1/config/reload'],
  'POST /v1/mfa/totp': () => ['POST', '/v1/mfa/totp', {}],
  'POST /v1/mfa/codes': () => ['POST', '/v1/mfa/codes', { method: 'email', to: 'own@example.com' }, 'own'],
  'PUT /v1/mfa/policy': () => [
    'PUT',
    '/v1/mfa/policy',
    { required_for: ['auditor'], methods: ['totp'], remember_ms: 0 },
  ],
  'POST /v1/email': () => ['POST', '/v1/email', { current: KIT_PASSWORD, email: 'new@example.com' }, 'own'],
  'POST /v1/password': () => [
    'POST',
    '/v1/password',
    { current: KIT_PASSWORD, password: 'another horse of a battery' },
    'own',
  ],
  'DELETE /v1/me': () => ['DELETE', '/v1/me', undefined, 'own'],
  'DELETE /v1/devices/:id': () => ['DELETE', `/v1/devices/${device}`, undefined, 'own'],
  'POST /v1/logout-all': () => ['POST', '/v1/logout-all', undefined, 'own'],
  'POST /v1/invitations': () => ['POST', '/v1/invitations', { email: `new${count}@example.com`, roles: ['viewer'] }],
  'DELETE /v1/invitations/:id': () => ['DELETE', `/v1/invitations/${invitation}`],
  'DELETE /v1/users/:id': () => ['DELETE', `/v1/users/${person}`],
  'POST /v1/users/:id/password-reset': () => ['POST', `/v1/users/${person}/password-reset`],
  'POST /v1/users/:id/recovery': () => ['POST', `/v1/users/${person}/recovery`],
  'POST /v1/users/:id/compromised': () => ['POST', `/v1/users/${person}/compromised`],
  'DELETE /v1/users/:id/membership': () => ['DELETE', `/v1/users/${person}/membership`],
  'POST /v1/users/:id/logout-all': () => ['POST', `/v1/users/${person}/logout-all`],
  'POST /v1/tenant/logout-all': () => ['POST', '/v1/tenant/logout-all'],
  'POST /v1/tokens/revoke': () => ['POST', '/v1/tokens/revoke', { jti: jtiOf(own) }],
  'POST /v1/users/import': () => [
    'POST',
    '/v1/users/import',
    { people: [{ username: `imported${count}`, password_hash: LEGACY_HASH, roles: ['viewer'] }] },
  ],
};

const jtiOf = (jwt: string): string => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()).jti;

const LEGACY_KEY = randomBytes(32).toString('base64');
const LEGACY_HASH = '$2b$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';
const LEGACY_KEYS = { 'new-key-': LEGACY_HASH };

/** The operator's routes through his door, all others with the administrator's token. */
function act(method: string, path: string, body?: object, as?: 'own'): ReturnType<typeof operate> {
  const isOperators =
    /^\/v1\/(blocks|detection|config|token-keys|vault\/master|vault\/keys\/(rotate-all|.*\/destroy$))/.test(path);
  return isOperators
    ? operate(method, path, body)
    : kit.call(method, path, { token: as === 'own' ? own : token, body });
}

test('every route that changes something is tried here, or shown elsewhere', () => {
  const elsewhere = [
    'POST /v1/vault/master/rotate', // many writes behind a recorded intent: src/vault/master-*.test.ts
    'POST /v1/vault/rewrap', // what the job does by itself: src/vault/rewrap*.test.ts
    ...['', '/:id/verify', '/drill', '/identity'].map((path) => `POST /v1/backups${path}`), // src/backups/*.test.ts
  ];
  const changing = kit.twinkeep.routes.filter(({ records }) => records === 'change');
  const names = changing.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(names.sort(), [...Object.keys(ACTS), ...Object.keys(PEOPLE_ACTS), ...elsewhere].sort());
});

type Asked = () => ReturnType<typeof operate>;

/** Tries it where its entry cannot be written, and then where it can. */
async function assertOneWrite(ask: Asked, seen?: PersonAct['seen']): Promise<void> {
  const before_ = await view(seen);
  full = 'audit_entry';
  const answer = await ask();
  full = undefined;
  assert.deepEqual([answer.status, answer.json.code], [503, 'STORAGE_FULL'], answer.text);
  assert.ok(answer.headers.get('retry-after'));
  assert.deepEqual(await view(seen), before_);
  const again = await ask();
  assert.ok(again.status < 300, `and then it works: ${again.text}`);
}

// First: what others do to keys sets a job to work that goes on by the clock.
for (const [name, prepare] of Object.entries(PEOPLE_ACTS)) {
  test(`${name}: where the entry cannot be written nothing is done to anybody`, async () => {
    const { path, body, by, seen } = await prepare({ kit, admin: token, own, count, operate });
    const [method = ''] = name.split(' ', 1);
    await kit.twinkeep.house.delivery.run(); // what the preparation sent
    await assertOneWrite(
      () =>
        by === 'operator' ? operate(method, path, body) : kit.call(method, path, { token: by?.token ?? token, body }),
      seen,
    );
  });
}

for (const [name, acting] of Object.entries(ACTS)) {
  test(`${name}: where the entry cannot be written nothing is done`, () => {
    const call = acting();
    return assertOneWrite(() => act(...call));
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
