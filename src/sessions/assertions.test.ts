import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWTVerifyOptions, jwtVerify } from 'jose';
import { apiKeyId, tenantId } from '../kernel/brand.ts';
import { minutes, seconds } from '../kernel/clock.ts';
import type { ApiKeyPrincipal, PersonPrincipal } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { type Assertions, openAssertions } from './assertions.ts';
import { assertionJwksRoute } from './routes.ts';
import type { SessionsKit } from './sessions-kit.contract.ts';
import { actor, ada, bob, createSessionsKit, emsTerms, expectRefused, ISSUER } from './sessions-kit.contract.ts';

const PLANT = tenantId('plant-1');
const BACK_END = 'energy-twin';

let kit: SessionsKit;
let assertions: Assertions;
let asked: number;
let roles: readonly string[];
let caller: PersonPrincipal;

before(async () => {
  kit = await createSessionsKit();
  assertions = await openWith(kit);
});
beforeEach(async () => {
  kit.clock.advance(1);
  asked = 0;
  roles = ['analyst'];
  caller = await signedIn();
});

const openWith = ({ storage, vault, audit, clock, random, revocations, bus, rotateEveryMs }: SessionsKit) =>
  openAssertions({
    ...{ storage, vault, audit, clock, random, revocations, rotateEveryMs, issuer: ISSUER },
    bus,
    rolesOf: async () => {
      asked++;
      return roles;
    },
  });
const signedIn = async (): Promise<PersonPrincipal> => kit.native.verify((await kit.start()).accessToken);
const key: ApiKeyPrincipal = { kind: 'api-key', apiKeyId: apiKeyId('k1'), tenantId: PLANT, scopes: ['read', 'write'] };

const OPTIONS: JWTVerifyOptions = {
  issuer: `${ISSUER}/gateway`,
  audience: BACK_END,
  typ: 'twinkeep-assertion+jwt',
  algorithms: ['EdDSA'],
};
/** As a back end does it. */
const checked = async (token: string, options = OPTIONS) =>
  jwtVerify(token, createLocalJWKSet({ keys: [...jwks()] }), { ...options, currentDate: new Date(kit.clock.now()) });
const jwks = () => assertions.jwks.keys.map((jwk) => JSON.parse(JSON.stringify(jwk)));

test('a back end learns who calls, in which tenant and with which roles, for 90 seconds', async () => {
  const { payload, protectedHeader } = await checked(await assertions.of(caller, PLANT, BACK_END));
  const now = Math.floor(kit.clock.now() / 1_000);
  const { jti, ...claims } = payload;
  assert.match(String(jti), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.deepEqual(claims, {
    iss: `${ISSUER}/gateway`,
    aud: BACK_END,
    sub: 'ada',
    name: 'ada.lovelace',
    tenant: 'plant-1',
    sid: caller.sessionId,
    roles: ['analyst'],
    auth_time: now,
    amr: ['pwd'],
    iat: now,
    exp: now + 90,
  });
  assert.deepEqual(protectedHeader, { alg: 'EdDSA', typ: 'twinkeep-assertion+jwt', kid: jwks()[0].kid });
});

test('keys and the operator are named as what they are', async () => {
  roles = [];
  const ofKey = decodeJwt(await assertions.of(key, PLANT, BACK_END));
  assert.deepEqual(
    [ofKey.sub, ofKey['scopes'], ofKey['name'], ofKey['sid']],
    ['api-key:k1', ['read', 'write'], undefined, undefined],
  );
  const elsewhere = decodeJwt(await assertions.of(key, tenantId('plant-2'), BACK_END));
  assert.deepEqual([elsewhere['tenant'], elsewhere['scopes']], ['plant-2', []], 'a key is worth nothing elsewhere');
  const operator = decodeJwt(await assertions.of({ kind: 'operator', tenantId: PLANT }, PLANT, BACK_END));
  assert.deepEqual([operator.sub, operator['scopes']], ['operator', undefined]);
});

test('the keys are served apart from those of access tokens, public parts alone', async () => {
  assert.deepEqual(Object.keys(jwks()[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  assert.notDeepEqual(jwks(), kit.native.jwks.keys);
  assert.equal(assertionJwksRoute(assertions).path, '/.well-known/assertion-jwks.json');
  const again = await openWith(kit);
  assert.deepEqual(again.jwks, assertions.jwks, 'they survive a restart');
});

// Attack: a back end, which sees assertions of everybody, calls the API with one; or takes an access token for one.
test('an assertion is no access token, and an access token no assertion', async () => {
  const assertion = await assertions.of(caller, PLANT, BACK_END);
  const toItself = await assertions.of(caller, PLANT, ISSUER); // named like the audience of access tokens
  for (const tokens of [kit.native, kit.shared()]) {
    for (const token of [assertion, toItself]) {
      await expectRefused('SESSION_TOKEN_INVALID', () => tokens.verify(token));
    }
  }
  const native = (await kit.start()).accessToken;
  const ems = (await kit.start(emsTerms(kit.shared()))).accessToken;
  for (const token of [native, ems]) {
    await assert.rejects(checked(token));
    await assert.rejects(checked(token, { algorithms: ['EdDSA'] }), 'not even where nothing but the key is checked');
  }
});

test('an assertion for one back end is none for another', async () => {
  await assert.rejects(checked(await assertions.of(caller, PLANT, 'billing')));
});

test('within a minute the same caller gets the same assertion at once, and then another', async () => {
  const first = await assertions.of(caller, PLANT, BACK_END);
  kit.clock.advance(minutes(1) - 1);
  assert.equal(assertions.of({ ...caller }, PLANT, BACK_END), first);
  assert.equal(asked, 1);
  await checked(first);
  kit.clock.advance(1);
  const second = assertions.of(caller, PLANT, BACK_END);
  assert.ok(second instanceof Promise);
  assert.notEqual(await second, first);
  assert.equal(asked, 2);
});

test('an assertion from the last moment of its minute is good for half a minute yet', async () => {
  const first = await assertions.of(caller, PLANT, BACK_END);
  kit.clock.advance(minutes(1) - 1);
  assert.equal(assertions.of(caller, PLANT, BACK_END), first);
  kit.clock.advance(seconds(29));
  await checked(first);
  kit.clock.advance(seconds(2));
  await assert.rejects(checked(first));
});

test('tenants, back ends, sessions and keys never share one', async () => {
  const other = await signedIn();
  const all = await Promise.all([
    assertions.of(caller, PLANT, BACK_END),
    assertions.of(caller, tenantId('plant-2'), BACK_END),
    assertions.of(caller, PLANT, 'billing'),
    assertions.of(other, PLANT, BACK_END),
    assertions.of(key, PLANT, BACK_END),
    assertions.of({ ...key, apiKeyId: apiKeyId('k2') }, PLANT, BACK_END),
  ]);
  assert.equal(new Set(all.map((token) => JSON.stringify({ ...decodeJwt(token), jti: '' }))).size, all.length);
});

test('a caller of whom another thing is true now gets another assertion', async () => {
  const first = await assertions.of(caller, PLANT, BACK_END);
  const renamed = await assertions.of({ ...caller, username: 'ada.king' }, PLANT, BACK_END);
  assert.deepEqual([decodeJwt(first)['name'], decodeJwt(renamed)['name']], ['ada.lovelace', 'ada.king']);
  const wide = { ...key, apiKeyId: apiKeyId('k3') };
  await assertions.of(wide, PLANT, BACK_END);
  const narrow = await assertions.of({ ...wide, scopes: ['read'] }, PLANT, BACK_END);
  assert.deepEqual(decodeJwt(narrow)['scopes'], ['read']);
});

// Attack: a dismissed employee's requests go on to the back end under what was cached for him.
test('a session that was revoked gets no assertion, not even the one in the cache', async () => {
  const other = await signedIn();
  await assertions.of(caller, PLANT, BACK_END);
  await assertions.of(other, PLANT, BACK_END);
  await kit.sessions.end(actor, ada.personId, caller.sessionId, 'logout');
  await expectRefused('SESSION_REVOKED', () => assertions.of(caller, PLANT, BACK_END));
  assert.equal(typeof assertions.of(other, PLANT, BACK_END), 'string', 'another session of the same person goes on');
  await kit.storage.write(platform, (tx) => kit.sessions.endAll(tx, actor, ada.personId, 'dismissed'));
  await expectRefused('SESSION_REVOKED', () => assertions.of(other, PLANT, BACK_END));
});

test('a session that ends while its assertion is made gets none', async () => {
  const ending = await openAssertions({
    ...{ ...kit, issuer: ISSUER },
    rolesOf: async () => {
      await kit.sessions.end(actor, ada.personId, caller.sessionId, 'logout');
      return [];
    },
  });
  await expectRefused('SESSION_REVOKED', () => ending.of(caller, PLANT, BACK_END));
});

test('a tenant whose tokens were called back gets new assertions where the session goes on', async () => {
  const first = await assertions.of(caller, PLANT, BACK_END);
  await kit.storage.write(platform, (tx) => kit.revocations.add(tx, 'tenant', PLANT));
  kit.clock.advance(1);
  assert.notEqual(await assertions.of(caller, PLANT, BACK_END), first);
});

test('a changed right is in the next assertion, and nobody else is asked about again', async () => {
  const bobs = await kit.native.verify((await kit.start(undefined, bob)).accessToken);
  for (const who of [caller, bobs]) await assertions.of(who, PLANT, BACK_END);
  await assertions.of(caller, tenantId('plant-2'), BACK_END);
  roles = ['viewer'];
  await kit.bus.publish('access.changed', 'plant-1/ada');
  assert.deepEqual(decodeJwt(await assertions.of(caller, PLANT, BACK_END))['roles'], ['viewer']);
  assert.equal(asked, 4);
  assert.equal(typeof assertions.of(bobs, PLANT, BACK_END), 'string');
  assert.equal(typeof assertions.of(caller, tenantId('plant-2'), BACK_END), 'string');
});

test('a right that changes while an assertion is made is not kept as it was', async () => {
  const changing = await openAssertions({
    ...{ ...kit, issuer: ISSUER },
    rolesOf: async () => {
      asked++;
      if (asked === 1) await kit.bus.publish('access.changed', 'plant-1/ada');
      return [];
    },
  });
  await changing.of(caller, PLANT, BACK_END);
  await changing.of(caller, PLANT, BACK_END);
  assert.equal(asked, 2);
  assert.equal(typeof changing.of(caller, PLANT, BACK_END), 'string');
});

test('while changes may go unheard nothing is kept for longer than a second, and what stood in the gap is dropped', async () => {
  let [healthy, gaps] = [true, 0];
  const bus = { ...kit.bus, healthy: () => healthy, gaps: () => gaps };
  const own = await openAssertions({ ...kit, bus, issuer: ISSUER, rolesOf: () => roles });
  const first = await own.of(caller, PLANT, BACK_END);
  kit.clock.advance(seconds(1));
  assert.equal(own.of(caller, PLANT, BACK_END), first);
  healthy = false;
  const second = await own.of(caller, PLANT, BACK_END);
  assert.notEqual(second, first);
  kit.clock.advance(seconds(1) - 1);
  assert.equal(own.of(caller, PLANT, BACK_END), second);
  [healthy, gaps] = [true, 1];
  assert.notEqual(await own.of(caller, PLANT, BACK_END), second);
});

test('without word of revocations no person is vouched for', async () => {
  const stale = { ...kit.revocations, fresh: () => false };
  const own = await openAssertions({ ...kit, revocations: stale, issuer: ISSUER, rolesOf: () => [] });
  await expectRefused('SESSION_FEED_STALE', () => own.of(caller, PLANT, BACK_END));
  assert.equal(decodeProtectedHeader(await own.of(key, PLANT, BACK_END)).alg, 'EdDSA');
});

// Attack: one client asks with ever new sessions until the memory is full.
test('no more than 10,000 are kept, the newest', async () => {
  const own = await openAssertions({ ...kit, issuer: ISSUER, rolesOf: () => [] });
  const [again, oldest] = ['made again', 'oldest'];
  for (const name of [again, oldest]) await own.of(key, PLANT, name);
  kit.clock.advance(minutes(1));
  await own.of(key, PLANT, oldest); // in the other order now
  const first = await own.of(key, PLANT, again);
  for (let start = 0; start < 9_998; start += 101) {
    const names = Array.from({ length: Math.min(101, 9_998 - start) }, (_, i) => `back-end-${start + i}`);
    await Promise.all(names.map((name) => own.of(key, PLANT, name)));
  }
  assert.equal(typeof own.of(key, PLANT, oldest), 'string');
  await own.of(key, PLANT, 'one too many');
  assert.equal(own.of(key, PLANT, again), first);
  assert.equal(typeof own.of(key, PLANT, 'one too many'), 'string');
  assert.ok(own.of(key, PLANT, oldest) instanceof Promise);
});
