import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { personId, tenantId } from '../src/kernel/brand.ts';
import type { Actor } from '../src/kernel/principal.ts';
import { inTenant } from '../src/kernel/tx.ts';
import { openPostgresStorage, type Storage } from '../src/storage/index.ts';
import {
  type Answer,
  type Call,
  createKit,
  createTestClock,
  KIT_PASSWORD,
  type Kit,
  serverSuite,
  startPostgres,
  type TestClock,
} from '../src/testing/index.ts';
import {
  ACCOUNT_CASES,
  assertOwnTenantEnds,
  bringIntruder,
  marksOfPeople,
  peopleHome,
  viewOfPeople,
} from './stranger-accounts.ts';
import { AT, assertSame, type Case, codeOf, type Home, NOBODY, refused, type Stranger } from './stranger-case.ts';
import type { Intruder } from './stranger-people.ts';
import { SELF_CASES } from './stranger-self.ts';
import { sealSome, VAULT_CASES, viewOfVault } from './stranger-vault.ts';
import { DELIVERY, sendSome, WEBHOOK_CASES } from './stranger-webhooks.ts';

const RIVAL = tenantId('rival');
const MAIN = tenantId('main');
const OPERATOR: Actor = { principal: { kind: 'operator', tenantId: MAIN } };
const HASH = '$2b$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';
const VERAS = 'vera@home.example';
const reading = (meter_id: string, energy_consumption: number, location: string) => ({
  meter_id,
  timestamp: AT,
  energy_consumption,
  location,
});

const persons = (answers: (stranger: Stranger) => Promise<readonly Answer[]>): Case => {
  return async (stranger) => {
    if (stranger.isPerson) return answers(stranger);
    const refused = await stranger.call('GET', '/v1/sessions');
    assert.deepEqual(codeOf(refused), [403, 'ACCESS_FORBIDDEN']);
    return [refused];
  };
};

const open =
  (path: string): Case =>
  async ({ call }) => {
    const answer = await call('GET', path);
    assert.equal(answer.status, 200);
    return [answer];
  };

/** A case for each row of the ledger. */
const CASES: Readonly<Record<string, Case>> = {
  'GET /.well-known/jwks.json': open('/.well-known/jwks.json'),
  'GET /.well-known/assertion-jwks.json': open('/.well-known/assertion-jwks.json'),
  'GET /docs': open('/docs'),
  'GET /health': open('/health'),
  'GET /metrics': open('/metrics'),
  'GET /openapi.json': open('/openapi.json'),
  'GET /ready': open('/ready'),

  'GET /v1/api-keys': async ({ call }) => {
    const listed = await call('GET', '/v1/api-keys');
    const own = listed.json.items.filter(({ legacy }: { legacy: boolean }) => !legacy);
    assert.deepEqual([...new Set(own.map(({ name }: { name: string }) => name))], ['rival-key']);
    return [listed];
  },
  'POST /v1/api-keys': async ({ call }) => {
    const made = await call('POST', '/v1/api-keys', { body: { name: 'rival-key', scopes: ['read'] } });
    assert.equal(made.status, 201);
    const spied = await call('GET', '/v1/readings?meter_id=HOME-1', { headers: { 'x-api-key': made.json.key } });
    return [made, spied];
  },
  'POST /v1/api-keys/import': async ({ call }) => {
    // The same hash twice would be one key for two tenants, so that somebody has it is told; who is not.
    const taken = await call('POST', '/v1/api-keys/import', { body: { keys: { 'home-old': HASH }, scopes: ['read'] } });
    assert.deepEqual(codeOf(taken), [422, 'APIKEY_IMPORT_REFUSED']);
    const keys = { 'home-old': HASH.replace('abc', 'xyz'), rivalold: HASH };
    const added = await call('POST', '/v1/api-keys/import', { body: { keys, scopes: ['read'], replace: true } });
    assert.equal(added.status, 200);
    return [added];
  },
  'DELETE /v1/api-keys/:id': async ({ call, home }) =>
    assertSame(
      await call('DELETE', `/v1/api-keys/${home.keyId}`),
      await call('DELETE', `/v1/api-keys/${NOBODY}`),
      404,
      'APIKEY_UNKNOWN',
    ),

  'GET /v1/audit/checkpoint': open('/v1/audit/checkpoint'),
  'GET /v1/audit/entries': async ({ call, kit }) => {
    await kit.twinkeep.house.audit.integrate();
    const all = await call('GET', '/v1/audit/entries?limit=1000');
    const tenants = new Set(all.json.items.map(({ tenant }: { tenant: string }) => tenant));
    assert.deepEqual([...tenants], ['rival']);
    const created = await call('GET', '/v1/audit/entries?action=tenant.created');
    assert.equal(created.json.items.length, 1);
    return [all, created];
  },
  'GET /v1/platform/audit': async ({ call }) => refused(await call('GET', '/v1/platform/audit')),
  'GET /v1/audit/proof': async ({ call }) => [
    await call('GET', '/v1/audit/proof?seq=0'), // hashes alone: they say nothing of what was hashed
    await call('GET', '/v1/audit/proof?from=1'),
  ],

  'GET /v1/detection/rules': async ({ call }) => refused(await call('GET', '/v1/detection/rules')),
  'GET /v1/detection/anomalies': async ({ call }) => refused(await call('GET', '/v1/detection/anomalies')),
  'DELETE /v1/detection/baselines/:principal': async ({ call }) =>
    refused(await call('DELETE', '/v1/detection/baselines/address:127.0.0.1')),
  'GET /v1/blocks': async ({ call }) => refused(await call('GET', '/v1/blocks')),
  'POST /v1/blocks': async ({ call }) =>
    refused(await call('POST', '/v1/blocks', { body: { address: '192.0.2.7', reason: 'x', permanent: true } })),
  'DELETE /v1/blocks/:id': async ({ call }) => refused(await call('DELETE', '/v1/blocks/192.0.2.7')),
  'POST /v1/config/reload': async ({ call }) => refused(await call('POST', '/v1/config/reload')),

  ...ACCOUNT_CASES,
  ...SELF_CASES,
  ...WEBHOOK_CASES,
  ...VAULT_CASES,

  'POST /v1/login': async ({ kit }) => {
    const body = { username: 'mallory', password: KIT_PASSWORD };
    const foreign = await kit.call('POST', '/v1/login', { body: { ...body, tenant: 'main' } });
    const unknown = await kit.call('POST', '/v1/login', { body: { ...body, tenant: 'nowhere' } });
    return assertSame(foreign, unknown, 403, 'TENANT_FOREIGN');
  },
  'POST /v1/token/refresh': async ({ kit }) => {
    const login = await kit.call('POST', '/v1/login', { body: { username: 'mallory', password: KIT_PASSWORD } });
    const body = { refresh_token: login.json.refresh_token };
    const next = await kit.call('POST', '/v1/token/refresh', { body, tenant: 'main' });
    const me = await kit.call('GET', '/v1/me', { token: next.json.access_token });
    assert.equal(me.json.tenant, 'rival');
    return [login, next, me];
  },
  'POST /v1/logout': persons(async ({ kit }) => {
    const token = await kit.signIn('mallory');
    const ended = await kit.call('POST', '/v1/logout', { token });
    assert.equal(ended.status, 204);
    return [ended];
  }),
  'GET /v1/me': async ({ call }) => {
    const me = await call('GET', '/v1/me');
    assert.equal(me.json.tenant, 'rival');
    return [me];
  },
  'GET /v1/sessions': persons(async ({ call }) => [await call('GET', '/v1/sessions')]),
  'DELETE /v1/sessions/:id': persons(async ({ call, home }) =>
    assertSame(
      await call('DELETE', `/v1/sessions/${home.sessionId}`),
      await call('DELETE', '/v1/sessions/00000000000000000000000000000000'),
      404,
      'SESSION_NOT_FOUND',
    ),
  ),

  'GET /v1/readings': async ({ call, home }) => {
    const all = await call('GET', '/v1/readings');
    const asked = await call('GET', '/v1/readings?meter_id=HOME-1&from=2026-01-01T00:00:00Z');
    const there = await call('GET', '/v1/readings?location=AT%20HOME');
    const continued = await call('GET', `/v1/readings?limit=1&cursor=${home.cursor}`);
    assert.deepEqual([...asked.json.items, ...there.json.items], []);
    assert.deepEqual(codeOf(continued), [422, 'READING_CURSOR']);
    return [all, asked, there, continued];
  },
  'POST /v1/readings': async ({ call }) => {
    const one = await call('POST', '/v1/readings', { body: reading('SHARED', 99, 'at the rival') });
    assert.equal(one.status, 201, 'a meter of the same name elsewhere is another meter');
    const smuggled = await call('POST', '/v1/readings', { body: { ...reading('SHARED', 1, ''), tenant_id: 'main' } });
    assert.deepEqual(codeOf(smuggled), [422, 'HTTP_INPUT_REFUSED']);
    const headers = { 'content-type': 'application/x-ndjson' };
    const lines = await call('POST', '/v1/readings', { body: JSON.stringify(reading('HOME-1', 5, '')), headers });
    assert.equal(lines.json.stored + lines.json.repeated, 1);
    return [one, smuggled]; // `lines` made a meter HOME-1 of the stranger's own, which a case below deletes
  },
  'DELETE /v1/readings/:meter_id': async ({ call }) => {
    await call('DELETE', '/v1/readings/HOME-1');
    const foreign = await call('DELETE', '/v1/readings/HOME-2');
    return assertSame(foreign, await call('DELETE', '/v1/readings/NOBODYS'), 404, 'READING_UNKNOWN_METER').slice(1);
  },

  'GET /v1/tenants': async ({ call }) => refused(await call('GET', '/v1/tenants')),
  'POST /v1/tenants': async ({ call }) => refused(await call('POST', '/v1/tenants', { body: { id: 'x', name: 'x' } })),

  'GET /v1/users': async ({ call }) => {
    const all = await call('GET', '/v1/users');
    const after = await call('GET', '/v1/users?after=uu');
    const found = await call('GET', `/v1/users?email=${encodeURIComponent(VERAS)}`);
    assert.ok(all.json.items.length >= 1);
    assert.deepEqual(found.json.items, []);
    return [all, after, found];
  },
  'POST /v1/users': async ({ call, isPerson }) => {
    const body = { username: isPerson ? 'rita' : 'rob', password: KIT_PASSWORD, roles: ['viewer'] };
    const made = await call('POST', '/v1/users', { body });
    assert.equal(made.status, 201);
    // Names are unique in the realm, so that one is taken is told; whose it is and where is not.
    const taken = await call('POST', '/v1/users', { body: { ...body, username: 'vera-of-home' } });
    assert.deepEqual(codeOf(taken), [409, 'IDENTITY_USERNAME_TAKEN']);
    return [made, taken];
  },
  'PATCH /v1/users/:id': async ({ call, home }) => {
    const answers: Answer[] = [];
    const changes = [{ password: 'a password of the rival' }, { disabled: true }, { roles: ['admin'] }];
    for (const body of [...changes, { email: 'mallory@rival.example' }, { email: null }]) {
      const foreign = await call('PATCH', `/v1/users/${home.vera}`, { body });
      const unknown = await call('PATCH', `/v1/users/${NOBODY}`, { body });
      answers.push(...assertSame(foreign, unknown, 404, 'IDENTITY_PERSON_UNKNOWN'));
    }
    return answers;
  },
};

async function settleIn(kit: Kit): Promise<Home> {
  const { id: vera } = await kit.person('vera-of-home', 'viewer');
  const admin = await kit.signIn();
  await kit.call('PATCH', `/v1/users/${vera}`, { token: admin, body: { email: VERAS } });
  const made = await kit.call('POST', '/v1/api-keys', { token: admin, body: { name: 'home-key', scopes: ['read'] } });
  const body = [
    reading('HOME-1', 1, 'at home'),
    reading('HOME-2', 2, 'at home'),
    reading('SHARED', 3, 'at home in secret'),
  ];
  await kit.call('POST', '/v1/readings', { token: admin, body });
  const page = await kit.call('GET', '/v1/readings?limit=1', { token: admin });
  const sessions = await kit.call('GET', '/v1/sessions', { token: admin });
  const ids = sessions.json.items.map(({ id }: { id: string }) => id);
  const { id: keyId, prefix } = made.json;
  const keys = { keys: { 'home-old': HASH }, scopes: ['read'] };
  assert.equal((await kit.call('POST', '/v1/api-keys/import', { token: admin, body: keys })).status, 200);
  const people = await peopleHome(kit, admin, 'vera-of-home');
  const sent = await sendSome(kit, admin);
  const sealed = await sealSome(kit, admin);
  await kit.twinkeep.house.apiKeys.flushUse(); // so that no turn of a job changes what is seen
  await kit.twinkeep.house.keys.flushSeals();
  const names = [vera, 'vera-of-home', VERAS, keyId, prefix, 'home-key', 'at home', 'HOME-2'];
  const marks = [...names, ...ids, ...Object.values(sent), ...Object.values(sealed), ...marksOfPeople(people)];
  return { admin, vera, keyId, sessionId: ids[0], cursor: page.json.next_cursor, ...sent, ...people, sealed, marks };
}

async function bringRival(kit: Kit): Promise<{ readonly token: string; readonly key: string }> {
  const { house } = kit.twinkeep;
  await house.createTenant(OPERATOR, RIVAL, 'Rival');
  await house.people.create(OPERATOR, RIVAL, { username: 'mallory', password: KIT_PASSWORD, roles: ['admin'] });
  const token = await kit.signIn('mallory');
  const scopes = ['read', 'write', 'delete', 'admin', 'seal:fields', 'open:fields'];
  const wish = { name: 'rival-key', scopes };
  const made = await kit.call('POST', '/v1/api-keys', { token, body: wish });
  await kit.call('POST', '/v1/readings', { token, body: reading('RIVAL-1', 7, 'at the rival') });
  return { token, key: made.json.key };
}

/** All that the administrator of `main` sees. */
async function viewOfHome(kit: Kit, home: Home): Promise<readonly string[]> {
  const { admin: token, webhook, sealed } = home;
  const own = ['/v1/users', '/v1/api-keys', '/v1/readings', '/v1/sessions'];
  const paths = [...own, '/v1/deliveries', '/v1/webhooks', `/v1/webhooks/${webhook}/deliveries`];
  const shown = await Promise.all(paths.map(async (path) => (await kit.call('GET', path, { token })).text));
  return [...shown, ...(await viewOfVault(kit, token, sealed))];
}

function strangerSuite(database: string, openStorage?: (clock: TestClock) => Promise<Storage>): void {
  describe(`a stranger from another tenant, on ${database}`, () => {
    let kit: Kit;
    let home: Home;
    let rival: { readonly token: string; readonly key: string };
    let intruder: Intruder;
    before(async () => {
      const clock = createTestClock();
      kit = await createKit({
        clock,
        storage: await openStorage?.(clock),
        config: {
          delivery: DELIVERY,
          accounts: { registration: 'invited', publicUrl: 'https://twin.example' },
          mfa: { passkeys: { rpId: 'twin.example', origins: ['https://twin.example'] } },
        },
      });
      home = await settleIn(kit);
      rival = await bringRival(kit);
      intruder = await bringIntruder(kit, RIVAL, 'moira');
    });
    after(() => kit.close());

    // Attack: an administrator of one tenant, and a key of it, try every route for what belongs to another.
    for (const means of ['token', 'key'] as const) {
      test(`with a ${means}, every route reads, changes and reveals nothing of the first tenant`, async () => {
        const untouched = await viewOfHome(kit, home);
        const people = await viewOfPeople(kit, home);
        const call = (method: string, path: string, more: Call = {}) =>
          kit.call(method, path, more.headers?.['x-api-key'] ? more : { [means]: rival[means], ...more });
        const headers: Record<string, string> =
          means === 'key' ? { 'x-api-key': rival.key } : { authorization: `Bearer ${rival.token}` };
        const stranger: Stranger = { kit, home, call, headers, isPerson: means === 'token', intruder };
        const routes = kit.twinkeep.ledger.map(({ method, path }) => `${method} ${path}`);
        assert.deepEqual(Object.keys(CASES).sort(), routes.toSorted(), 'a route has no case here');
        for (const route of routes) {
          for (const { text } of (await CASES[route]?.(stranger)) ?? []) {
            for (const mark of home.marks) assert.ok(!text.includes(mark), `${route} revealed ${mark}`);
          }
          if (route in ACCOUNT_CASES || route in SELF_CASES)
            assert.deepEqual(await viewOfPeople(kit, home), people, `${route} changed a person`);
          else assert.deepEqual(await viewOfHome(kit, home), untouched, `${route} changed something`);
        }
        assert.deepEqual(await viewOfHome(kit, home), untouched);
        assert.deepEqual(await viewOfPeople(kit, home), people);
      });

      // Attack: the request names the tenant that it wants to act in.
      test(`with a ${means}, naming another tenant in the header opens nothing and tells nothing`, async () => {
        const known = kit.twinkeep.routes.filter(
          ({ access }) => access.kind === 'permission' || access.kind === 'signed-in',
        );
        for (const { method, path } of known) {
          const url = path.replace(':id', NOBODY).replace(':meter_id', 'HOME-1');
          const answers: Answer[] = [];
          for (const tenant of ['main', 'nowhere', 'platform', 'MAIN', '*', 'rival, main', "rival' or '1'='1"]) {
            answers.push(await kit.call(method, url, { [means]: rival[means], tenant }));
          }
          for (const answer of answers) {
            assert.deepEqual(codeOf(answer), [403, 'TENANT_FOREIGN'], `${method} ${path}`);
            assert.deepEqual({ ...answer.json, instance: '' }, { ...answers[0]?.json, instance: '' });
          }
        }
      });
    }

    // Attack: a member of two tenants carries rights from one into the other; an administrator takes over a shared person.
    test('who belongs to two tenants has in each the rights of that one, and belongs to neither administrator', async () => {
      const dora = await kit.call('POST', '/v1/users', {
        token: rival.token,
        body: { username: 'dora', password: KIT_PASSWORD, roles: ['admin'] },
      });
      const { house, storage } = kit.twinkeep;
      const id = personId(dora.json.id);
      kit.clock.advance(1_000); // the oldest membership is where a session starts
      await storage.write(inTenant(MAIN), async (tx) => {
        await house.tenants.addMember(tx, id, MAIN);
        await house.access.grant(tx, OPERATOR, MAIN, id, ['viewer']);
      });
      const token = await kit.signIn('dora');
      const body = reading('DORAS', 1, 'somewhere');
      assert.equal((await kit.call('POST', '/v1/readings', { token, body })).status, 201);
      assert.deepEqual(codeOf(await kit.call('POST', '/v1/readings', { token, body, tenant: 'main' })), [
        403,
        'ACCESS_FORBIDDEN',
      ]);
      const seen = await kit.call('GET', '/v1/readings', { token, tenant: 'main' });
      assert.deepEqual(
        seen.json.items.map((item: { meter_id: string }) => item.meter_id),
        ['HOME-1', 'HOME-2', 'SHARED'],
      );
      for (const change of [{ password: 'a password of the rival' }, { disabled: true }]) {
        const taken = await kit.call('PATCH', `/v1/users/${id}`, { token: rival.token, body: change });
        assert.deepEqual(codeOf(taken), [403, 'IDENTITY_SHARED_PERSON']);
      }
    });

    // Attack: an administrator of one tenant signs out everybody there is.
    test('an administrator who ends all sessions of the tenant ends those of no other', () =>
      assertOwnTenantEnds(kit, home, intruder));
  });
}

strangerSuite('SQLite');

await serverSuite('PostgreSQL', startPostgres, (server) => {
  strangerSuite('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
