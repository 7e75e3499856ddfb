import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { personId } from '../kernel/brand.ts';
import { days, minutes } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

/** An authenticator app. */
const codeOf =
  (secret: string, { clock } = kit) =>
  (): string =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: clock.now() });

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

// Attack: a laptop that was remembered for a month is stolen, and its session goes on when a day is allowed since.
test('a time of remembering that was made shorter holds for sessions that run, until a factor is given', async (t) => {
  const own = await createKit();
  t.after(own.close);
  await own.person('eve', 'admin');
  const sign = (path: string, body: object, headers = {}) => own.call('POST', path, { body, headers });
  const who = { username: 'eve', password: KIT_PASSWORD };
  const first = await sign('/v1/login', who);
  const begun = await own.call('POST', '/v1/mfa/totp', { token: first.json.access_token, body: {} });
  const code = codeOf(String(begun.json.secret), own);
  const confirm = `/v1/mfa/factors/${begun.json.factor_id ?? begun.json.id}/confirm`;
  assert.ok((await own.call('POST', confirm, { token: first.json.access_token, body: { code: code() } })).status < 300);
  const set = async (rememberMs: number): Promise<void> => {
    const { house, storage } = own.twinkeep;
    const operator = { principal: { kind: 'operator', tenantId: MAIN_TENANT } } as const;
    const policy = { requiredFor: ['admin'], methods: ['totp', 'backup'], rememberMs } as const;
    await storage.write(inTenant(MAIN_TENANT), (tx) => house.mfa.policy.set(tx, operator, MAIN_TENANT, policy));
  };
  await set(days(30));
  own.clock.advance(60_000);
  const asked = await sign('/v1/login', who);
  const verified = await sign('/v1/login/verify', {
    ticket: asked.json.second_factor.ticket,
    code: code(),
    remember_device: true,
  });
  assert.equal(verified.status, 200, verified.text);
  const cookie = verified.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');
  const later = await sign('/v1/login', who, { cookie: /tk_known=[^;]+/.exec(cookie)?.[0] ?? '' });
  assert.equal(later.status, 200, `the device stands in: ${later.text}`);
  const token = String(later.json.access_token);
  const users = (): Promise<number> => own.call('GET', '/v1/users', { token }).then(({ status }) => status);
  assert.equal(await users(), 200);
  own.clock.advance(minutes(5));
  assert.equal(await users(), 200);
  await set(minutes(4));
  assert.equal(await users(), 403);
  const given = await own.call('POST', '/v1/step-up', { token, body: { password: KIT_PASSWORD, code: code() } });
  assert.equal(given.status, 200, given.text);
  assert.equal(await users(), 200);
});
