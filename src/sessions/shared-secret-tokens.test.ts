import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { hours, seconds } from '../kernel/clock.ts';
import { createSecret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import type { Grant } from './session.ts';
import type { SessionsKit } from './sessions-kit.contract.ts';
import {
  actor,
  ada,
  bob,
  createSessionsKit,
  EMS_MS,
  emsTerms,
  expectRefused,
  ISSUER,
  SECRET,
} from './sessions-kit.contract.ts';
import type { Tokens } from './tokens.ts';

let kit: SessionsKit;
let ems: Tokens;
let grant: Grant;
let token: string;
let claims: JWTPayload;
let kid: string;

before(async () => {
  kit = await createSessionsKit();
  ems = kit.shared();
  grant = await kit.start(emsTerms(ems));
  token = grant.accessToken;
  claims = decodeJwt(token);
  kid = String(decodeProtectedHeader(token).kid);
});

const INVALID = 'SESSION_TOKEN_INVALID';
const key = Buffer.from(SECRET);
const refused = (bearer: string, code = INVALID, tokens = ems) => expectRefused(code, () => tokens.verify(bearer));
const header = () => ({ alg: 'HS256', typ: 'JWT', kid });
/** What anybody can sign who knows the secret: every old back end, and whoever reads its settings. */
const forged = (payload: JWTPayload, head: { alg: string; typ?: string; kid?: string } = header()) =>
  new SignJWT(payload).setProtectedHeader(head).sign(key);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('an old back end that checks tokens by the shared secret finds in it what it always found', () => {
  const [head = '', body = '', signature] = token.split('.');
  assert.equal(createHmac('sha256', SECRET).update(`${head}.${body}`).digest('base64url'), signature);
  const now = kit.clock.now() / 1_000;
  assert.deepEqual(decodeProtectedHeader(token), { alg: 'HS256', typ: 'JWT', kid });
  const { sub, type, fresh, role, iss, iat, exp } = claims;
  assert.deepEqual({ sub, type, fresh, role }, { sub: 'ada.lovelace', type: 'access', fresh: true, role: 'analyst' });
  assert.deepEqual([iss, iat, exp], [`${ISSUER}/ems`, now, now + 86_400]);
  assert.equal('aud' in claims, false, 'PyJWT and python-jose refuse an `aud` that they were not told of');
  assert.equal(grant.expiresInS, 86_400);
  assert.deepEqual(ems.jwks, { keys: [] });
});

test('a token stands for the person and the session that it was signed for', async () => {
  const principal = await ems.verify(token);
  const { personId, realmId, tenantId, username } = ada;
  const authenticatedAt = kit.clock.now();
  const { sessionId } = grant;
  assert.deepEqual(principal, { kind: 'person', personId, sessionId, realmId, tenantId, username, authenticatedAt });
  assert.equal(ems.verify(token), principal, 'the second time at once, from memory');
});

test('a token that the server would have signed itself is let in', async () => {
  await ems.verify(await forged(claims));
});

// Attack: the token says that it needs no signature, or names another algorithm for the same key.
test('a token of another algorithm is refused', async () => {
  for (const alg of ['none', 'None', 'NONE', '', 'EdDSA', 'RS256', 'HS512', 'hs256']) {
    await refused(`${part({ ...header(), alg })}.${part(claims)}.`);
    await refused(`${part({ ...header(), alg })}.${part(claims)}.${token.split('.')[2]}`);
  }
  const long = Buffer.from(SECRET.repeat(2)); // so that it would do for the longer hashes too
  const strong = kit.shared({ secret: createSecret(SECRET.repeat(2)) });
  const named = String(decodeProtectedHeader(await strong.sign(await principal(), undefined)).kid);
  for (const alg of ['HS384', 'HS512']) {
    const other = await new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', kid: named }).sign(long);
    await refused(other, INVALID, strong);
  }
  for (const alg of ['EdDSA', 'RS256', 'ES256']) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    void publicKey;
    await refused(await new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', kid }).sign(privateKey));
  }
});

const principal = async () => ems.verify(token);

// Attack: a token of another kind that the same secret signs, such as that of a link in an e-mail.
test('a token of another type, or under no key or another, is refused', async () => {
  for (const typ of ['at+jwt', 'reset+jwt', '', 'JWT\n']) await refused(await forged(claims, { ...header(), typ }));
  await refused(await forged(claims, { alg: 'HS256', kid }));
  await refused(await forged(claims, { alg: 'HS256', typ: 'JWT' }));
  for (const named of ['', 'default', kid.toLowerCase(), `${kid}=`]) {
    await refused(await forged(claims, { ...header(), kid: named }));
  }
});

// Attack: a token of the native API opens the old one, or the other way round, though both know one secret.
test('no issuer takes a token of another', async () => {
  const native = await kit.start();
  await refused(native.accessToken);
  await refused(token, INVALID, kit.native);
  await refused(await forged(claims, { ...header(), typ: 'at+jwt' }), INVALID, kit.native);
  const asNative = { ...decodeJwt(native.accessToken) };
  await refused(await forged(asNative));
  await refused(
    await forged({ ...claims, iss: ISSUER, aud: ISSUER }, { ...header(), typ: 'at+jwt' }),
    INVALID,
    kit.native,
  );
});

// Attack: two old systems have one JWT_SECRET_KEY, and whoever may do little in one tries his token at the other.
test('a token of one profile is refused in another that shares its secret', async () => {
  const cases = [
    { profile: 'campus', issuer: `${ISSUER}/campus` },
    { profile: 'campus' }, // an issuer given to both by mistake
    { issuer: `${ISSUER}/campus` },
    { profile: 'campus', issuer: `${ISSUER}/campus`, audience: 'campus' },
  ];
  for (const changes of cases) {
    const other = kit.shared(changes);
    const profile = changes.profile ?? 'campus';
    const { accessToken } = await kit.start({ profile, tokens: other, refresh: false });
    await refused(accessToken);
    await refused(token, INVALID, other);
  }
  // Attack: the whole head and all claims are made those of the other profile; the session still is of its own.
  const campus = kit.shared({ profile: 'campus', issuer: `${ISSUER}/campus` });
  const foreign = await kit.start({ profile: 'campus', tokens: campus, refresh: false });
  await refused(await forged({ ...decodeJwt(foreign.accessToken), iss: `${ISSUER}/ems` }));
});

test('an audience is held to where a profile has one', async () => {
  const strict = kit.shared({ profile: 'campus', audience: 'campus', issuer: `${ISSUER}/campus` });
  const { accessToken } = await kit.start({ profile: 'campus', tokens: strict, refresh: false });
  assert.equal(decodeJwt(accessToken).aud, 'campus');
  await strict.verify(accessToken);
  const head = { ...header(), kid: String(decodeProtectedHeader(accessToken).kid) };
  const { aud: _, ...rest } = decodeJwt(accessToken);
  for (const payload of [rest, { ...rest, aud: 'ems' }, { ...rest, aud: [] }]) {
    await refused(await forged(payload, head), INVALID, strict);
  }
  await refused(await forged({ ...claims, aud: 'ems' })); // and no other where it has none
});

// X32. Attack: a token from before the change, without an end to revoke it by, is kept and used for ever.
test('a token as the old system signed it is refused', async () => {
  const exp = kit.clock.now() / 1_000 + 3_600;
  for (const head of [{ alg: 'HS256' }, { alg: 'HS256', typ: 'JWT' }, header()]) {
    await refused(await forged({ sub: 'ada.lovelace', exp }, head));
    await refused(await forged({ sub: 'ada.lovelace', exp, type: 'access', fresh: true, iss: `${ISSUER}/ems` }, head));
  }
});

test('a token with a claim too little or wrong is refused', async () => {
  for (const name of ['sub', 'iss', 'jti', 'iat', 'exp', 'sid', 'type', 'twinkeep']) {
    const { [name]: _, ...rest } = claims;
    await refused(await forged(rest));
  }
  const wrong: JWTPayload[] = [
    ...[{ sub: '' }, { sub: null }, { sub: 7 }, { type: 'refresh' }, { type: 'ACCESS' }, { jti: 'x' }].map(anyClaims),
    ...[{ iss: ISSUER }, { iss: '' }, { sid: '' }, { sid: '../../x' }, { sid: 'f'.repeat(32) }, { exp: 1e300 }],
    ...[{ twinkeep: {} }, { twinkeep: 'ada' }, { twinkeep: 'tk1.x.y' }, { iat: 1.5 }, { exp: 'tomorrow' }].map(
      anyClaims,
    ),
    { nbf: kit.clock.now() / 1_000 + 60 },
  ];
  for (const change of wrong) await refused(await forged({ ...claims, ...change }));
});

const anyClaims = (change: Readonly<Record<string, unknown>>): JWTPayload => ({ ...change });

// Attack: the secret was read from an old back end, and its finder signs himself a token as the administrator; he knows
// the ids of people and sessions too, for assertions tell them to back ends.
test('whoever knows the secret becomes nobody by it', async () => {
  const mine = await kit.start(emsTerms(ems), bob);
  const own = decodeJwt(mine.accessToken);
  const plain = { person: 'ada', tenant: 'plant-1', name: 'ada.lovelace', sid: grant.sessionId };
  const forgeries: JWTPayload[] = [
    { ...own, sub: 'ada.lovelace', sid: grant.sessionId, twinkeep: JSON.stringify(plain) },
    {
      ...own,
      sub: 'ada.lovelace',
      sid: grant.sessionId,
      twinkeep: Buffer.from(JSON.stringify(plain)).toString('base64'),
    },
    { ...claims, jti: own.jti ?? '', iat: Number(own.iat) }, // what is sealed in another's token, under one's own id
    { ...own, twinkeep: claims['twinkeep'] },
    { ...own, sid: 'f'.repeat(32) }, // a session that does not exist
    { ...own, sid: grant.sessionId }, // another's session over one's own person
    { ...own, exp: Number(own.exp) + 1 }, // longer than it was given
    { ...own, exp: Number(own.exp) + 86_400 * 365 },
    { ...own, iat: Number(own.iat) + 1 },
    { ...own, jti: 'ffffffff-ffff-7fff-8fff-ffffffffffff', iat: Math.floor((2 ** 48 - 1) / 1_000) }, // after all revocations
  ];
  for (const payload of forgeries) await refused(await forged(payload));
  // What stands beside the seal is for old back ends, and changes nothing here.
  const renamed = await ems.verify(await forged({ ...own, sub: 'ada.lovelace', role: 'admin' }));
  assert.deepEqual([renamed.personId, renamed.username], ['bob', bob.username]);
});

test('a token under the secret before is good until it runs out, and none is signed under it', async () => {
  const next = kit.shared({
    secret: createSecret(SECRET.split('').reverse().join('')),
    previousSecret: createSecret(SECRET),
  });
  await next.verify(token);
  const fresh = await next.sign(await principal());
  assert.notEqual(decodeProtectedHeader(fresh).kid, kid);
  await refused(fresh);
});

test('a token from a time of longer lives ends as one of today would', async () => {
  const own = await createSessionsKit();
  const { accessToken } = await own.start(emsTerms(own.shared()));
  const shorter = own.shared({ accessMs: hours(1) });
  await shorter.verify(accessToken);
  own.clock.advance(hours(1));
  await refused(accessToken, 'SESSION_EXPIRED', shorter);
});

// Attack: a session of the native API, which may do more, is named in a forged token of the old one.
test('a session that another profile began is not this one’s', async () => {
  const native = await kit.start();
  await refused(await forged({ ...claims, sid: native.sessionId }));
});

// Attack: one character of a good token is another.
test('a token that was altered anywhere is refused, also where base64url would decode to the same bytes', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === 'A' ? 'B' : 'A';
    await refused(token.slice(0, at) + other + token.slice(at + 1));
  }
  const altered = fc.tuple(fc.nat(token.length - 1), fc.constantFrom(...alphabet, '.', '=', ' ', '+', '/', '\n', 'é'));
  await fc.assert(
    fc.asyncProperty(altered, async ([at, character]) => {
      fc.pre(token[at] !== character);
      await refused(token.slice(0, at) + character + token.slice(at + 1));
    }),
    { numRuns: 300 },
  );
  const last = alphabet.indexOf(token.at(-1) ?? '');
  for (let same = last - (last % 4); same < last - (last % 4) + 4; same++) {
    if (same !== last) await refused(token.slice(0, -1) + alphabet[same]); // the same signature, spelt otherwise
  }
});

test('what is no token at all is refused', async () => {
  const empty = `${part(null)}.${part(null)}.${part(null)}`;
  for (const text of ['', 'x', 'a.b', 'a.b.c', '..', `${token}.`, `${token}=`, 'ey'.repeat(3_000), part({}), empty]) {
    await refused(text);
  }
  const huge = await forged({ ...claims, role: 'x'.repeat(5_000) });
  await refused(huge);
});

test('a token dies at the second of its expiry, seen or not', async () => {
  const own = await createSessionsKit();
  const tokens = own.shared({ accessMs: hours(1) });
  const [seen, unseen] = [await own.start(emsTerms(tokens)), await own.start(emsTerms(tokens))];
  await tokens.verify(seen.accessToken);
  own.clock.advance(hours(1) - 1);
  await tokens.verify(seen.accessToken);
  own.clock.advance(1);
  await refused(seen.accessToken, 'SESSION_EXPIRED', tokens);
  await refused(unseen.accessToken, 'SESSION_EXPIRED', tokens);
});

// Attack: a dismissed employee goes on with the day's token in his pocket.
test('a token whose session or person is called back is refused at the next use, seen or not', async () => {
  const own = await createSessionsKit();
  const tokens = own.shared();
  const [one, two, three] = [
    await own.start(emsTerms(tokens)),
    await own.start(emsTerms(tokens)),
    await own.start(emsTerms(tokens)),
  ];
  await tokens.verify(one.accessToken);
  await own.sessions.end(actor, ada.personId, one.sessionId, 'logout');
  await refused(one.accessToken, 'SESSION_REVOKED', tokens);
  await tokens.verify(two.accessToken);
  await own.storage.write(platform, (tx) => own.sessions.endAll(tx, actor, ada.personId, 'dismissed'));
  for (const { accessToken } of [two, three]) await refused(accessToken, 'SESSION_REVOKED', tokens);
  own.clock.advance(EMS_MS - seconds(1)); // to the last moment of its life
  for (const { accessToken } of [one, two, three]) await refused(accessToken, 'SESSION_REVOKED', tokens);
  const fresh = own.shared(); // a process that has seen none of them
  await refused(two.accessToken, 'SESSION_REVOKED', fresh);
});

// Attack: the word of a revocation was lost, and the node that never saw the token knows of none.
test('a token of a session that has ended is refused by who never heard of its end', async () => {
  const ended = await kit.start(emsTerms(ems), bob);
  await kit.sessions.end(actor, bob.personId, ended.sessionId, 'logout');
  const deaf = kit.shared({ revocations: { ...kit.revocations, revokes: () => false } });
  await refused(ended.accessToken, 'SESSION_REVOKED', deaf);
  await deaf.verify(token);
});

test('a token lives no longer than its session', async () => {
  const own = await createSessionsKit();
  const tokens = own.shared();
  const { accessToken } = await own.start({ ...emsTerms(tokens), accessMs: hours(1) });
  await tokens.verify(accessToken);
  own.clock.advance(hours(1));
  await refused(accessToken, 'SESSION_EXPIRED', tokens);
});

test('an issuer does not start on a secret that is none, and says what to do', () => {
  for (const secret of ['changeme', 'your-secret-key-change-in-production', 'a'.repeat(64)]) {
    assert.throws(
      () => kit.shared({ secret: createSecret(secret) }),
      (error) => {
        assert.ok(error instanceof Error && 'code' in error && 'facts' in error);
        assert.equal(error.code, 'SESSION_SECRET_WEAK');
        assert.equal(JSON.stringify(error.facts).includes(secret), false);
        return true;
      },
    );
  }
  kit.shared({ secret: createSecret(SECRET.slice(0, 16)) });
});

test('tokens of any person, under any secret that is good, are verified by their issuer and by no other', async () => {
  const secrets = fc.uniqueArray(
    fc.uint8Array({ minLength: 32, maxLength: 48 }).filter((all) => new Set(all).size > 16),
    {
      minLength: 2,
      maxLength: 2,
      selector: (bytes) => Buffer.from(bytes).toString('hex'),
    },
  );
  const names = fc.string({ minLength: 1, maxLength: 128, unit: 'grapheme' });
  await fc.assert(
    fc.asyncProperty(secrets, names, async ([one, two], username) => {
      const [mine, other] = [one, two].map((bytes) =>
        kit.shared({ secret: createSecret(Buffer.from(bytes ?? []).toString('base64')) }),
      );
      assert.ok(mine && other);
      const { accessToken } = await kit.start(emsTerms(mine), { ...ada, username });
      assert.equal((await mine.verify(accessToken)).username, username);
      assert.equal(decodeJwt(accessToken).sub, username);
      await refused(accessToken, INVALID, other);
    }),
    { numRuns: 40 },
  );
});
