import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { personId } from '../kernel/brand.ts';
import { inTenant } from '../kernel/tx.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

/** An authenticator app. */
const codeOf = (secret: string) => (): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: kit.clock.now() });

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const POLICY = { methods: ['totp', 'backup'], remember_ms: 0 };

/** Somebody who is signed in by password alone. */
async function withPassword(name: string) {
  const { id } = await kit.person(name, 'viewer');
  const { json } = await kit.call('POST', '/v1/login', { body: { username: name, password: KIT_PASSWORD } });
  return { id, token: String(json.access_token), refresh: String(json.refresh_token) };
}

const me = (token: string) => kit.call('GET', '/v1/users', { token });

// Attack: a session from before is used to go on as what a second factor is asked of.
test('a role that asks for a second factor asks it of the sessions that there are, and of what they refresh', async () => {
  const admin = await kit.signIn();
  const joe = await withPassword('joe');
  const set = (required_for: readonly string[]) =>
    kit.call('PUT', '/v1/mfa/policy', { token: admin, body: { ...POLICY, required_for } });
  assert.equal((await set(['admin'])).status, 200);
  assert.equal((await me(admin)).json.code, 'ACCESS_FACTOR_REQUIRED', 'whoever states it included');
  assert.equal((await me(joe.token)).json.code, 'ACCESS_FORBIDDEN', 'a viewer');
  const { house, storage } = kit.twinkeep;
  const operator = { principal: { kind: 'operator', tenantId: MAIN_TENANT } } as const;
  await storage.write(inTenant(MAIN_TENANT), (tx) =>
    house.access.grant(tx, operator, MAIN_TENANT, personId(joe.id), ['admin']),
  );
  const refused = await me(joe.token);
  assert.deepEqual([refused.status, refused.json.code], [403, 'ACCESS_FACTOR_REQUIRED']);
  const renewed = await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: joe.refresh } });
  const token = String(renewed.json.access_token);
  assert.equal((await me(token)).status, 403);

  const begun = await kit.call('POST', '/v1/mfa/totp', { token, body: {} });
  const code = codeOf(String(begun.json.secret));
  const path = `/v1/mfa/factors/${begun.json.factor_id ?? begun.json.id}/confirm`;
  const confirmed = await kit.call('POST', path, { token, body: { code: code() } });
  assert.ok(confirmed.status < 300, JSON.stringify([begun.json, confirmed.json]));
  assert.equal((await me(token)).status, 403, 'what is set up was not given yet');
  kit.clock.advance(60_000);
  const stepped = await kit.call('POST', '/v1/step-up', { token, body: { password: KIT_PASSWORD, code: code() } });
  assert.equal(stepped.status, 200, JSON.stringify(stepped.json));
  assert.equal((await me(token)).status, 200);
  assert.equal(await house.mfa.isEnrolled(personId(joe.id)), true);
});
