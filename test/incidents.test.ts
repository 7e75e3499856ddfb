import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { personId } from '../src/kernel/brand.ts';
import { createSoftAuthenticator } from '../src/mfa/passkey-authenticator.contract.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../src/storage/index.ts';
import {
  createKit,
  createTestClock,
  KIT_PASSWORD,
  type Kit,
  serverSuite,
  startPostgres,
} from '../src/testing/index.ts';

type TestClock = ReturnType<typeof createTestClock>;

function contract(name: string, open: (clock: TestClock) => Promise<Storage>): void {
  describe(`incidents on ${name}`, () => {
    let kit: Kit;
    const door = createServer((request, response) => kit.twinkeep.handleOperator(request, response));
    before(async () => {
      const clock = createTestClock();
      kit = await createKit({ clock, storage: await open(clock), config: { issuer: 'https://twin.example' } });
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

    async function plantPasskey(token: string) {
      const device = createSoftAuthenticator();
      const begun = await kit.call('POST', '/v1/mfa/passkeys/options', { token, body: { passwordless: true } });
      const body = { response: device.create(begun.json), label: 'mine' };
      assert.equal((await kit.call('POST', '/v1/mfa/passkeys', { token, body })).status, 201);
      return async () => {
        kit.clock.advance(1_000);
        const { json } = await kit.call('POST', '/v1/login/passkey/options');
        return kit.call('POST', '/v1/login/passkey', { body: { passkey: device.get(json.passkey) } });
      };
    }

    async function addTotp(token: string): Promise<void> {
      const { json, text } = await kit.call('POST', '/v1/mfa/totp', { token, body: {} });
      assert.ok(json.secret, text);
      const code = new TOTP({ secret: Secret.fromBase32(json.secret) }).generate({ timestamp: kit.clock.now() });
      const confirmed = await kit.call('POST', `/v1/mfa/factors/${json.factor_id}/confirm`, { token, body: { code } });
      assert.ok(confirmed.status < 300, confirmed.text);
    }

    const secure = (id: string, body: object = {}) => operate('POST', `/v1/users/${id}/compromised`, body);
    const statusOf = async (key: string): Promise<number> => (await kit.call('GET', '/v1/me', { key })).status;
    const makeKey = async (credential: object, scopes: readonly string[]): Promise<string> => {
      const { json } = await kit.call('POST', '/v1/api-keys', { ...credential, body: { name: 'mine', scopes } });
      return json.key;
    };

    // Attack: the intruder registers a passkey that is enough by itself, and comes back by it once the account is shut.
    test('a passkey that was set up by whoever was inside opens nothing any more', async () => {
      const { id, token } = await kit.person('ada', 'admin');
      const signIn = await plantPasskey(token);
      assert.equal((await signIn()).status, 200);
      const { json } = await secure(id);
      assert.deepEqual([json.factors, json.kept], [1, []], JSON.stringify(json));
      assert.equal((await signIn()).status, 401);
    });

    // Attack: the same, where the operator believes that the second factors are the owner's own.
    test('factors that are kept on request are named, and none of them lets anybody in by itself', async () => {
      const { id, token } = await kit.person('bea', 'admin');
      await addTotp(token);
      const signIn = await plantPasskey(token);
      const { json } = await secure(id, { keep_factors: true });
      assert.deepEqual([json.factors, json.kept], [1, ['totp', 'backup']]);
      assert.equal((await signIn()).status, 401);
    });

    test('codes of last resort are not kept for a factor that is yet to come', async () => {
      const { id, token } = await kit.person('cleo', 'viewer');
      await plantPasskey(token);
      assert.deepEqual((await secure(id, { keep_factors: true })).json.kept, []);
      assert.equal(await kit.twinkeep.house.mfa.backupCodes.left(personId(id)), 0);
    });

    // Attack: the intruder makes API keys, in a tenant that the person then leaves, and keys by these keys.
    test('API keys that the person made end in every tenant, and so do those that these made', async () => {
      const { id, token } = await kit.person('dora', 'admin');
      await operate('PUT', `/v1/users/${id}/membership`, { roles: ['admin'] }, 'north');
      const north = await makeKey({ token, tenant: 'north' }, ['read']);
      const first = await makeKey({ token }, ['read', 'admin:api_keys']);
      const second = await makeKey({ key: first }, ['read']);
      const others = await kit.key('read');
      await operate('DELETE', `/v1/users/${id}/membership`, undefined, 'north');
      assert.deepEqual(await Promise.all([north, first, second].map(statusOf)), [200, 200, 200]);
      assert.equal((await secure(id)).json.api_keys, 3);
      assert.deepEqual(await Promise.all([north, first, second, others].map(statusOf)), [401, 401, 401, 200]);
      const left = await operate('GET', '/v1/api-keys', undefined, 'north');
      assert.equal(left.json.items.length, 0);
      assert.equal((await secure(id)).json.api_keys, 0);
    });

    test('who is removed from a tenant has the keys made there named, and ended where that is wished', async () => {
      const { id, token } = await kit.person('ella', 'admin');
      const key = await makeKey({ token }, ['read']);
      const { json } = await operate('DELETE', `/v1/users/${id}/membership`);
      assert.deepEqual(Object.keys(json.api_keys[0]), ['id', 'name', 'prefix']);
      assert.deepEqual([json.api_keys.length, await statusOf(key)], [1, 200]);
      await operate('PUT', `/v1/users/${id}/membership`, { roles: ['admin'] });
      const again = await operate('DELETE', `/v1/users/${id}/membership?end_keys=true`);
      assert.deepEqual([again.json.api_keys.length, await statusOf(key)], [1, 401]);
    });

    test('the old password is good for nothing', async () => {
      const { id } = await kit.person('fay', 'viewer');
      await secure(id);
      const { status } = await kit.call('POST', '/v1/login', { body: { username: 'fay', password: KIT_PASSWORD } });
      assert.equal(status, 401);
    });
  });
}

contract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  contract('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
