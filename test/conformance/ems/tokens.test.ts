import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { hours, seconds } from '../../../src/kernel/clock.ts';
import { type Answer, createKit, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { LOGIN, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';

let kit: ProfileKit;
let token: string;
before(async () => {
  kit = await startProfile('ems', { limitsEnabled: false });
  token = await kit.login();
});
after(() => kit.close());

const ask = (bearer: string): Promise<Answer> => kit.call('GET', '/api/v1/data/secure', { token: bearer });

/** Exactly what the old clients compare with (E03). */
function assertRefused(answer: Answer): void {
  assert.equal(answer.status, 401, answer.text);
  assert.equal(answer.text, '{"detail":"Invalid authentication credentials"}');
  assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
  assert.equal(answer.headers.get('content-type'), 'application/json');
}

const key = Buffer.from(SECRET);
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** What anybody can sign who knows the secret, the old back ends among them. */
const forged = (payload: JWTPayload, head: object = {}): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ ...decodeProtectedHeader(token), alg: 'HS256', ...head }).sign(key);

test('E02 a token is signed under HS256 with the shared secret, for 24 hours, with the user name in sub', async () => {
  const [head = '', body = '', signature] = token.split('.');
  assert.equal(createHmac('sha256', SECRET).update(`${head}.${body}`).digest('base64url'), signature);
  assert.equal(decodeProtectedHeader(token).alg, 'HS256');
  const { sub, iat = 0, exp } = decodeJwt(token);
  assert.deepEqual([sub, exp], ['admin', iat + 86_400]);
  assert.equal((await ask(token)).status, 200);
  const lowerCase = await kit.call('GET', '/api/v1/data/secure', { headers: { authorization: `bearer ${token}` } });
  assert.equal(lowerCase.status, 200);
});

test('E02 a token is good for 24 hours and not a second longer', async () => {
  const own = await startProfile('ems');
  try {
    const taken = await own.login();
    own.clock.advance(hours(24) - seconds(1));
    assert.equal((await own.call('GET', '/api/v1/data/secure', { token: taken })).status, 200);
    own.clock.advance(seconds(1));
    assertRefused(await own.call('GET', '/api/v1/data/secure', { token: taken }));
  } finally {
    await own.close();
  }
});

test('E02 a token without sub is refused, however well it is signed', async () => {
  const { sub: _, ...rest } = decodeJwt(token);
  const whole = await forged({ sub: 'admin', ...rest });
  assert.equal((await ask(whole)).status, 200, 'the same token with it is good');
  assertRefused(await ask(await forged(rest)));
  assertRefused(await ask(await forged({ ...rest, sub: '' })));
  assertRefused(await ask(`${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...rest, sub: null })}.`));
});

// Attack: the token says that it needs no signature, or names another algorithm for the same secret.
test('E02 a token of any other algorithm is refused', async () => {
  const claims = decodeJwt(token);
  const head = decodeProtectedHeader(token);
  const [, , signature] = token.split('.');
  for (const alg of ['none', 'None', 'nOnE', '', 'EdDSA', 'RS256', 'ES256', 'HS384', 'HS512', 'hs256']) {
    assertRefused(await ask(`${part({ ...head, alg })}.${part(claims)}.`));
    assertRefused(await ask(`${part({ ...head, alg })}.${part(claims)}.${signature}`));
  }
  for (const alg of ['EdDSA', 'RS256', 'ES256']) {
    const { privateKey, publicKey } = await generateKeyPair(alg);
    void publicKey;
    assertRefused(await ask(await new SignJWT(claims).setProtectedHeader({ ...head, alg }).sign(privateKey)));
  }
});

// Attack: the secret was read from an old back end, and its finder signs himself a token.
test('E02 whoever knows the secret alone becomes nobody by it', async () => {
  const exp = kit.clock.now() / 1_000 + 3_600;
  assertRefused(await ask(await new SignJWT({ sub: 'admin', exp }).setProtectedHeader({ alg: 'HS256' }).sign(key)));
  const viewer = decodeJwt(await kit.member('vera', 'viewer'));
  const admin = decodeJwt(token);
  assertRefused(await ask(await forged({ ...viewer, sub: 'admin', twinkeep: admin['twinkeep'] })));
  assertRefused(await ask(await forged({ ...admin, exp: Number(admin.exp) + 1 })));
});

test('E03 no token, a bad one, one that ran out and one of another scheme get one answer', async () => {
  const absent = await kit.call('GET', '/api/v1/data/secure');
  assertRefused(absent);
  const heads = [
    'Bearer',
    'Bearer ',
    'Bearer x',
    `Basic ${token}`,
    token,
    `Bearer ${token} ${token}`,
    `Bearer ${token}x`,
  ];
  for (const authorization of heads)
    assertRefused(await kit.call('GET', '/api/v1/data/secure', { headers: { authorization } }));
  for (const [method, path] of [
    ['POST', '/api/v1/data'],
    ['GET', '/api/v1/data/M1'],
    ['DELETE', '/api/v1/data/M1'],
  ] as const) {
    assertRefused(await kit.call(method, path, method === 'POST' ? { body: {} } : {}));
  }
  const cut = token.slice(0, -2);
  assertRefused(await ask(cut));
  const told = [absent, await ask(cut)].map(({ headers }) => [...headers.keys()].sort().join());
  assert.equal(told[0], told[1], 'nor do the headers tell which it was');
});

test('E03 a wrong password and a person who is disabled get that answer too', async () => {
  const login = (username: string, password: string): Promise<Answer> =>
    kit.call('POST', LOGIN.ems, { body: { username, password } });
  assertRefused(await login('admin', 'wrong'));
  assertRefused(await login('nobody', KIT_PASSWORD));
  const { id, token: _ } = await kit.person('dora', 'viewer');
  const hers = await kit.login('dora');
  await kit.call('PATCH', `/v1/users/${id}`, { token: await kit.signIn(), body: { disabled: true } });
  assertRefused(await login('dora', KIT_PASSWORD));
  assertRefused(await ask(hers));
});

// Attack: two old systems have one JWT_SECRET_KEY, and whoever may do little in one tries his token in the other.
test('X32 E02 a token is good in the profile that issued it alone, even under one secret', async () => {
  const own = await createKit({
    config: {
      profiles: ['ems', 'coretwin'],
      profile: {
        ems: { secret: SECRET, logDirectory: kit.folder, limitsEnabled: false },
        coretwin: { secret: SECRET, prefix: '/core' },
      },
    },
  });
  try {
    const login = async (path: string): Promise<string> => {
      const answer = await own.call('POST', path, { body: { username: 'admin', password: KIT_PASSWORD } });
      return answer.json.access_token;
    };
    const ems = await login(LOGIN.ems);
    const coretwin = await login(`/core${LOGIN.coretwin}`);
    const native = await own.signIn();
    const tokens = { ems, coretwin, native };
    const doors = [
      ['GET', '/api/v1/data/secure', 'ems', 200],
      ['POST', '/core/api/v1/auth/logout', 'coretwin', 204],
      ['GET', '/v1/me', 'native', 200],
    ] as const;
    for (const [method, path, owner, good] of doors) {
      for (const [name, bearer] of Object.entries(tokens)) {
        if (name !== owner)
          assert.equal((await own.call(method, path, { token: bearer })).status, 401, `${name} ${path}`);
      }
      assert.equal((await own.call(method, path, { token: tokens[owner] })).status, good, path);
    }
    const renamed = { ...decodeJwt(coretwin), iss: String(decodeJwt(ems).iss) };
    const head = { ...decodeProtectedHeader(ems), alg: 'HS256' };
    const made = await new SignJWT(renamed).setProtectedHeader(head).sign(key);
    assertRefused(await own.call('GET', '/api/v1/data/secure', { token: made }));
  } finally {
    await own.close();
  }
});
