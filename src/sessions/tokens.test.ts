import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import { tenantId } from '../kernel/brand.ts';
import { seconds } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { type Answer, createKit, type Kit } from '../testing/index.ts';
import { tokenKeyStore } from './store-token-keys.ts';

const ISSUER = 'https://twin.example';
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let kit: Kit;
let token: string;
let claims: JWTPayload;
let kid: string;
let ownKey: Parameters<SignJWT['sign']>[0];

before(async () => {
  kit = await createKit({ config: { issuer: ISSUER } });
  token = await kit.signIn();
  const jwks = await kit.call('GET', '/.well-known/jwks.json');
  const verified = await jwtVerify(token, createLocalJWKSet(jwks.json), { currentDate: new Date(kit.clock.now()) });
  claims = verified.payload;
  kid = String(verified.protectedHeader.kid);
  ownKey = await privateKey();
});
after(() => kit.close());

/** The server's own key, for tokens that are wrong in one thing alone. */
async function privateKey(): Promise<typeof ownKey> {
  const { house, storage } = kit.twinkeep;
  const [row] = await storage.read(platform, (tx) => tokenKeyStore.all(tx, ISSUER));
  const fields = await house.vault.fields(tenantId('platform'));
  const place = { table: 'token_key', column: 'sealed', row: `${ISSUER}|${row?.kid}` };
  return importJWK(JSON.parse(fields.open(place, row?.sealed ?? '')), 'EdDSA');
}

const ask = (bearer: string): Promise<Answer> => kit.call('GET', '/v1/me', { token: bearer });

async function assertRefused(bearer: string, code = 'SESSION_TOKEN_INVALID'): Promise<void> {
  const answer = await ask(bearer);
  assert.deepEqual([answer.status, answer.json.code], [401, code]);
  assert.equal(answer.headers.get('www-authenticate'), 'Bearer error="invalid_token"');
}

const header = () => ({ alg: 'EdDSA', typ: 'at+jwt', kid });
const signed = (payload: JWTPayload, protectedHeader: ReturnType<typeof header> = header()) =>
  new SignJWT(payload).setProtectedHeader(protectedHeader).sign(ownKey);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('an access token is that of RFC 9068 and verifies against the served keys with another library', async () => {
  const jwks = await kit.call('GET', '/.well-known/jwks.json');
  const options = { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt', algorithms: ['EdDSA'] };
  const currentDate = new Date(kit.clock.now());
  const { payload } = await jwtVerify(token, createLocalJWKSet(jwks.json), { ...options, currentDate });
  const now = kit.clock.now() / 1_000;
  assert.deepEqual(decodeProtectedHeader(token), { alg: 'EdDSA', typ: 'at+jwt', kid });
  assert.deepEqual(Object.keys(payload).sort(), [
    ...['acr', 'amr', 'aud', 'auth_time', 'begun', 'client_id', 'exp', 'iat', 'iss'],
    ...['jti', 'name', 'realm', 'sid', 'sub', 'tenant'],
  ]);
  assert.deepEqual([payload['amr'], payload['acr']], [['pwd'], 'urn:twinkeep:acr:password']);
  assert.deepEqual([payload.iat, payload['auth_time'], payload.exp], [now, now, now + 900]);
  assert.equal(payload['begun'], kit.clock.now());
  assert.deepEqual([payload['client_id'], payload['tenant'], payload['realm']], ['twinkeep', 'main', 'main']);
  assert.match(String(payload.jti), UUID_V7);
  assert.match(String(payload['sid']), /^[0-9a-f]{32}$/);
});

test('the served keys hold public parts alone, named by their thumbprint', async () => {
  const { json } = await kit.call('GET', '/.well-known/jwks.json');
  assert.equal(json.keys.length, 1);
  assert.deepEqual(Object.keys(json.keys[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  assert.deepEqual(json.keys[0].kid, kid);
});

test('a token that the server would have signed itself is let in', async () => {
  assert.equal((await ask(await signed(claims))).status, 200);
});

// Attack: the token says that it needs no signature.
test('a token without a signature is refused', async () => {
  for (const alg of ['none', 'None', 'NONE', '']) {
    await assertRefused(`${part({ alg, typ: 'at+jwt', kid })}.${part(claims)}.`);
    await assertRefused(`${part({ alg, typ: 'at+jwt', kid })}.${part(claims)}.${token.split('.')[2]}`);
  }
});

// Attack: the public key, which everybody has, is used as a shared secret.
test('a token signed with the public key as an HMAC secret is refused', async () => {
  const { json } = await kit.call('GET', '/.well-known/jwks.json');
  const key = createPublicKey({ key: json.keys[0], format: 'jwk' });
  const secrets = [
    Buffer.from(json.keys[0].x, 'base64url'),
    Buffer.from(String(key.export({ type: 'spki', format: 'pem' }))),
    key.export({ type: 'spki', format: 'der' }),
    Buffer.from(JSON.stringify(json.keys[0])),
  ];
  for (const secret of secrets) {
    await assertRefused(
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(secret),
    );
  }
});

// Attack: a token of another kind, signed by the same key, is presented as an access token.
test('a token of another type is refused', async () => {
  for (const typ of ['JWT', 'jwt', 'rt+jwt', 'logout+jwt', '', 'at+jwt\n']) {
    await assertRefused(await signed(claims, { ...header(), typ }));
  }
  await assertRefused(await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid }).sign(ownKey));
});

// Attack: a key of the attacker's, under our name, under its own, or carried along in the token.
test('a token signed by a foreign key is refused, whatever it names as its key', async () => {
  const { privateKey: foreign, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwk = await exportJWK(publicKey);
  for (const named of [kid, 'mine', '../../etc/passwd', '', undefined]) {
    const head = { alg: 'EdDSA', typ: 'at+jwt', ...(named === undefined ? {} : { kid: named }) };
    await assertRefused(await new SignJWT(claims).setProtectedHeader(head).sign(foreign));
    await assertRefused(
      await new SignJWT(claims).setProtectedHeader({ ...head, jwk, jku: 'https://evil.example/' }).sign(foreign),
    );
  }
  await assertRefused(await signed(claims, { ...header(), kid: 'another' }));
});

// Attack: a token that another issuer, or this one for somebody else, has signed rightly.
test('a token with a claim too little, too much or wrong is refused', async () => {
  const needed = ['iss', 'aud', 'sub', 'sid', 'realm', 'tenant', 'name', 'iat', 'exp', 'auth_time', 'jti'];
  for (const name of needed) {
    const { [name]: _, ...rest } = claims;
    await assertRefused(await signed(rest));
  }
  const wrong: JWTPayload[] = [
    { iss: 'https://evil.example' },
    { aud: 'https://other.example' },
    { sub: '../../admin' },
    { sub: '' },
    { sid: 'x'.repeat(100) },
    { tenant: 'a b' },
    { jti: 'not-a-uuid' },
    { jti: '00000000-0000-4000-8000-000000000000' },
    { exp: Number.MAX_SAFE_INTEGER },
    { nbf: kit.clock.now() / 1_000 + 60 },
    { auth_time: 'yesterday' },
    { begun: 'tomorrow' },
    { begun: -1 },
    { begun: Number.MAX_SAFE_INTEGER + 1 },
  ];
  for (const change of wrong) await assertRefused(await signed({ ...claims, ...change }));
  const critical = { ...header(), crit: ['exp'] };
  await assert.rejects(new SignJWT(claims).setProtectedHeader(critical).sign(ownKey)); // so by hand:
  await assertRefused(`${part(critical)}.${part(claims)}.${token.split('.')[2]}`);
});

// Attack: one character of a good token is another.
test('a token that was altered anywhere is refused, also where base64url would decode to the same bytes', async () => {
  const { tokens } = kit.twinkeep.house;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const altered = fc.tuple(fc.nat(token.length - 1), fc.constantFrom(...alphabet, '.', '=', ' ', '+', '/', '\n', 'é'));
  await fc.assert(
    fc.asyncProperty(altered, async ([at, character]) => {
      fc.pre(token[at] !== character);
      const changed = token.slice(0, at) + character + token.slice(at + 1);
      await assert.rejects(async () => tokens.verify(changed), { kind: 'unauthenticated' });
    }),
    { numRuns: 300 },
  );
  const last = alphabet.indexOf(token.at(-1) ?? '');
  for (let same = last - (last % 4); same < last - (last % 4) + 4; same++) {
    if (same !== last) await assertRefused(token.slice(0, -1) + alphabet[same]); // the same signature, spelt otherwise
  }
});

test('what is no token at all is refused', async () => {
  const junk = [
    'x',
    'a.b',
    'a.b.c',
    'a.b.c.d',
    '..',
    '.'.repeat(9),
    `${token}.`,
    `.${token}`,
    `${token}=`,
    'ey'.repeat(3_000),
  ];
  for (const text of [
    ...junk,
    `${token} ${token}`,
    part({ alg: 'EdDSA' }),
    `${part(null)}.${part(null)}.${part(null)}`,
  ]) {
    await assertRefused(text);
  }
  for (const authorization of [
    'Bearer',
    'Bearer ',
    'Basic YWRtaW46YWRtaW4=',
    token,
    `bearer\t${token}`,
    `Token ${token}`,
  ]) {
    const answer = await kit.call('GET', '/v1/me', { headers: { authorization } });
    assert.equal(answer.status, 401, authorization);
    assert.equal(answer.headers.get('www-authenticate')?.startsWith('Bearer'), true);
  }
});

test('a token dies at the second of its expiry', async () => {
  const own = await createKit();
  try {
    const short = await own.signIn();
    own.clock.advance(seconds(900) - 1);
    assert.equal((await own.call('GET', '/v1/me', { token: short })).status, 200);
    own.clock.advance(1);
    const late = await own.call('GET', '/v1/me', { token: short });
    assert.deepEqual([late.status, late.json.code], [401, 'SESSION_EXPIRED']);
    assert.equal(late.headers.get('www-authenticate'), 'Bearer error="invalid_token"');
  } finally {
    await own.close();
  }
});

test('a token that was never seen before it expired is as expired as one that was', async () => {
  const own = await createKit();
  try {
    const unseen = await own.signIn();
    own.clock.advance(seconds(901));
    assert.equal((await own.call('GET', '/v1/me', { token: unseen })).json.code, 'SESSION_EXPIRED');
  } finally {
    await own.close();
  }
});
