import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SECURITY_HEADERS } from '../../../src/http/index.ts';
import { tenantId } from '../../../src/kernel/brand.ts';
import { inTenant, platform } from '../../../src/kernel/tx.ts';
import { openPostgresStorage, statement } from '../../../src/storage/index.ts';
import {
  createKit,
  createTestClock,
  KIT_PASSWORD,
  type Kit,
  serverSuite,
  startPostgres,
} from '../../../src/testing/index.ts';

const OPERATOR = { principal: { kind: 'operator', tenantId: tenantId('main') } } as const;

async function withTwo(kit: Kit): Promise<{ readonly home: string; readonly rival: string }> {
  const { house } = kit.twinkeep;
  await house.createTenant(OPERATOR, tenantId('rival'), 'Rival');
  await house.people.create(OPERATOR, tenantId('rival'), {
    username: 'rita',
    password: KIT_PASSWORD,
    roles: ['admin'],
  });
  const home = await kit.signIn();
  const rival = await kit.signIn('rita');
  const body = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: 'at home' };
  await kit.call('POST', '/v1/readings', { token: home, body });
  return { home, rival };
}

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

test('C10 every answer carries HSTS, a content policy, X-Frame-Options and X-Content-Type-Options, errors too', async () => {
  const names = ['strict-transport-security', 'content-security-policy', 'x-frame-options', 'x-content-type-options'];
  for (const path of ['/health', '/docs', '/v1/me', '/nothing', '/%zz', '/openapi.json']) {
    const { headers } = await kit.call('GET', path);
    for (const name of names) assert.ok(headers.get(name), `${path} ${name}`);
    assert.equal(headers.get('x-frame-options'), SECURITY_HEADERS['x-frame-options']);
  }
});

// Attack: one query forgets to ask for the tenant (test/stranger.test.ts walks every route; here the rows themselves).
test('D11 a member of one tenant gets nothing of another, and what they do there is not there', async () => {
  const { home, rival } = await withTwo(kit);
  const seen = await kit.call('GET', '/v1/readings', { token: rival });
  assert.deepEqual(seen.json.items, []);
  assert.equal((await kit.call('DELETE', '/v1/readings/M1', { token: rival })).status, 404);
  assert.equal((await kit.call('GET', '/v1/readings', { token: home })).json.items.length, 1);
  assert.equal((await kit.call('GET', '/v1/readings', { token: rival, tenant: 'main' })).status, 403);
});

await serverSuite('D11 on PostgreSQL', startPostgres, (server) => {
  // Attack: a query that names no tenant at all, as a forgotten one would.
  test('a query that forgets the tenant gets the rows of its own tenant alone, or none', async () => {
    const clock = createTestClock();
    const url = await server.createDatabase();
    const storage = await openPostgresStorage({ url, clock, onError: () => undefined });
    const own = await createKit({ clock, storage });
    try {
      const { rival } = await withTwo(own);
      const body = { meter_id: 'M2', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 2 };
      await own.call('POST', '/v1/readings', { token: rival, body });
      const sql = 'select meter_id from reading order by meter_id';
      const forgetful = statement({ reach: 'platform', sql, returns: { meter_id: 'text' } });
      const metersIn = (scope: typeof platform) =>
        storage.read(scope, async (tx) => (await tx.all(forgetful, {})).map(({ meter_id }) => meter_id));
      assert.deepEqual(await metersIn(inTenant(tenantId('main'))), ['M1']);
      assert.deepEqual(await metersIn(inTenant(tenantId('rival'))), ['M2']);
      assert.deepEqual(await metersIn(platform), []);
    } finally {
      await own.close();
    }
  });
});
