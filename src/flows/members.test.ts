import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createKit, createTestClock, type Kit, serverSuite, startPostgres, type TestClock } from '../testing/index.ts';

const NOBODY = '01990000-0000-7000-8000-000000000000';

function contract(name: string, open: (clock: TestClock) => Promise<Storage>): void {
  describe(`members on ${name}`, () => {
    let kit: Kit;
    const door = createServer((request, response) => kit.twinkeep.handleOperator(request, response));
    before(async () => {
      const clock = createTestClock();
      kit = await createKit({ clock, storage: await open(clock) });
      await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
      await operate('POST', '/v1/tenants', { id: 'north', name: 'North' });
    });
    after(async () => {
      door.close();
      await kit.close();
    });

    async function operate(method: string, path: string, body?: object, tenant = 'main') {
      const headers = { connection: 'close', 'content-type': 'application/json', 'twinkeep-tenant': tenant };
      const url = `http://127.0.0.1:${Object(door.address()).port}${path}`;
      const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
      const text = await answer.text();
      return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
    }
    const membership = (id: string): string => `/v1/users/${id}/membership`;
    const statusOf = async (token: string, tenant?: string): Promise<number> =>
      (await kit.call('GET', '/v1/me', { token, tenant })).status;

    async function signIn(username: string, tenant: string): Promise<string> {
      const body = { username, password: 'correct horse battery staple', tenant };
      const { status, json } = await kit.call('POST', '/v1/login', { body });
      return status === 200 ? json.access_token : json.code;
    }

    test('somebody who is removed loses roles and sessions there at once, keeps the rest, and can be added again', async () => {
      const { id, token } = await kit.person('vera', 'viewer');
      assert.equal((await operate('PUT', membership(id), { roles: ['analyst'] }, 'north')).status, 204);
      assert.equal((await operate('PUT', membership(id), { roles: [] }, 'north')).json.code, 'IDENTITY_MEMBER_ALREADY');
      const there = await signIn('vera', 'north');
      assert.deepEqual([await statusOf(there), await statusOf(token, 'north')], [200, 200]);

      const left = await operate('DELETE', membership(id), undefined, 'north');
      assert.deepEqual([left.status, left.json], [200, { id, roles: ['analyst'], ended: 1, api_keys: [] }]);
      assert.deepEqual([await statusOf(there), await statusOf(token, 'north'), await statusOf(token)], [401, 403, 200]);
      assert.equal(await signIn('vera', 'north'), 'TENANT_FOREIGN');
      const { json } = await operate('GET', '/v1/users', undefined, 'north');
      assert.deepEqual(json.items, []);
      assert.equal((await operate('DELETE', membership(id), undefined, 'north')).json.code, 'IDENTITY_PERSON_UNKNOWN');

      await operate('PUT', membership(id), { roles: left.json.roles }, 'north');
      const again = await kit.call('GET', '/v1/me', { token: await signIn('vera', 'north') });
      assert.deepEqual(again.json.permissions, ['read', 'write', 'analyze']);
    });

    test('who belonged to no other tenant cannot sign in, and is told so behind the right password alone', async () => {
      const { id, token } = await kit.person('lone', 'viewer');
      assert.equal((await operate('DELETE', membership(id))).status, 200);
      assert.equal(await statusOf(token), 401);
      assert.equal(await signIn('lone', 'main'), 'TENANT_FOREIGN');
      const wrong = await kit.call('POST', '/v1/login', { body: { username: 'lone', password: 'wrong all along' } });
      assert.equal(wrong.json.code, 'IDENTITY_CREDENTIALS');
      assert.equal((await operate('PUT', membership(id), { roles: ['viewer'] })).status, 204);
      assert.equal(await statusOf(await signIn('lone', 'main')), 200);
    });

    test('the operator sees, secures, lets in again and deletes who belongs to no tenant any more', async () => {
      const { id } = await kit.person('stray', 'viewer');
      await operate('DELETE', membership(id));
      const strays = async () => (await operate('GET', '/v1/users?without_tenant=true')).json.items;
      const named = async () => (await strays()).some((one: { username: string }) => one.username === 'stray');
      assert.equal(await named(), true);
      assert.equal((await operate('POST', `/v1/users/${id}/compromised`, {})).status, 200);
      assert.equal((await operate('DELETE', `/v1/users/${id}/factors`)).status, 200);
      assert.equal((await operate('PATCH', `/v1/users/${id}`, { disabled: true })).status, 200);
      assert.equal((await operate('PATCH', `/v1/users/${id}`, { roles: ['admin'] })).status, 404);
      assert.equal((await operate('PUT', membership(id), { roles: ['viewer'] })).status, 204);
      assert.equal(await named(), false);
      await operate('DELETE', membership(id));
      assert.equal((await operate('DELETE', `/v1/users/${id}`)).status, 204);
      assert.equal(await named(), false);
    });

    // Attack: an administrator of a tenant lists or takes over those who belong to none.
    test('nobody but the operator reaches people of no tenant', async () => {
      const { id } = await kit.person('adrift', 'viewer');
      await operate('DELETE', membership(id));
      const token = await kit.signIn();
      assert.equal((await kit.call('GET', '/v1/users?without_tenant=true', { token })).status, 403);
      assert.equal((await kit.call('PATCH', `/v1/users/${id}`, { token, body: { disabled: true } })).status, 404);
      assert.equal((await kit.call('DELETE', `/v1/users/${id}`, { token })).status, 404);
      assert.equal((await kit.call('POST', `/v1/users/${id}/compromised`, { token })).status, 404);
    });

    // Attack: a keeper of people throws out the administrators, or pulls people of other tenants in.
    test('nobody removes who may more, and no person of a tenant adds people by their id', async () => {
      const token = await kit.signIn();
      const keeper = await kit.call('POST', '/v1/api-keys', {
        token,
        body: { name: 'keeper', scopes: ['admin:users'] },
      });
      const { id } = await kit.person('mira', 'admin');
      const refused = await kit.call('DELETE', membership(id), { key: keeper.json.key });
      assert.deepEqual([refused.status, refused.json.code], [403, 'ACCESS_ESCALATION']);
      const put = await kit.call('PUT', membership(id), { token, body: { roles: [] } });
      assert.deepEqual([put.status, put.json.code], [403, 'ACCESS_FORBIDDEN']);
      const viewer = await kit.person('otto', 'viewer');
      assert.equal((await kit.call('DELETE', membership(id), { token: viewer.token })).status, 403);
      assert.equal((await kit.call('DELETE', membership(NOBODY), { token })).status, 404);
      assert.equal((await kit.call('DELETE', membership(id), { token })).status, 200);
    });

    test('the last administrator cannot leave', async () => {
      const token = await kit.signIn();
      const { json: me } = await kit.call('GET', '/v1/me', { token });
      const refused = await kit.call('DELETE', membership(me.id), { token });
      assert.deepEqual([refused.status, refused.json.code], [409, 'IDENTITY_LAST_ADMINISTRATOR']);
      assert.equal(await statusOf(token), 200);
    });

    // Attack: a sign-in that was begun as a member is finished behind the end of the membership.
    test('a sign-in under way ends with the membership', async () => {
      const { id } = await kit.person('quick', 'viewer');
      const { tenants } = kit.twinkeep.house;
      const [tokens] = await Promise.all([
        Promise.all(Array.from({ length: 6 }, () => signIn('quick', 'main'))),
        operate('DELETE', membership(id)),
      ]);
      const codes = await Promise.all(
        tokens.map(async (token) => (token === 'TENANT_FOREIGN' ? 401 : statusOf(token))),
      );
      assert.deepEqual(codes, Array(6).fill(401));
      assert.equal((await tenants.list()).length, 2);
    });

    test('what was done stands in the log', async () => {
      await kit.twinkeep.house.audit.integrate(); // within half a second it would be by itself
      const { json } = await kit.call('GET', '/v1/audit/entries?limit=1000', { token: await kit.signIn() });
      const actions = json.items.map(({ action }: { action: string }) => action);
      for (const action of ['person.left', 'person.joined', 'session.all_ended']) assert.ok(actions.includes(action));
    });
  });
}

contract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  contract('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
