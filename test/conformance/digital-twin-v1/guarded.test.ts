import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { hours, seconds } from '../../../src/kernel/clock.ts';
import { type Answer, createTestClock } from '../../../src/testing/index.ts';
import { askFlask, withoutFlask } from '../old-flask.ts';
import { type OldTwin, startOldTwin } from '../old-twin.ts';
import { LOGIN, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';

let twin: OldTwin;
let seen: OldTwin['seen'];
let kit: ProfileKit;
let token: string;
before(async () => {
  twin = await startOldTwin();
  ({ seen } = twin);
  const to = { to: 'twin', profile: 'digital-twin-v1' };
  const gateway = {
    backEnds: { twin: { url: twin.url } },
    routes: [{ ...to, path: '/api/*', credential: 'pass' as const }],
  };
  // A clock that runs as the old system's own does: it looks at `exp` and `iat` too.
  kit = await startProfile(
    'digital-twin-v1',
    { limitsEnabled: false },
    { config: { gateway }, clock: createTestClock(Date.now()) },
  );
  token = await kit.login();
});
after(async () => {
  await kit.close();
  await twin.close();
});

const ask = (path: string, authorization?: string, method = 'GET'): Promise<Answer> =>
  kit.call(method, path, authorization === undefined ? {} : { headers: { authorization } });

/** Exactly what the old client reads: 401 and one member. */
function assertRefused(answer: Answer, msg: string): void {
  assert.deepEqual([answer.status, answer.text], [401, JSON.stringify({ msg })]);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
}

const MISSING = 'Missing Authorization Header';
const BAD = 'Signature verification failed';
const key = Buffer.from(SECRET);
const signed = (claims: object): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ ...decodeProtectedHeader(token), alg: 'HS256' }).sign(key);

// Attack: whoever finds the old back end's paths calls them without having signed in.
test('A04 A05 nothing below /api but login and registration is reached without a token', async () => {
  seen.length = 0;
  const paths = [
    '/api',
    '/api/',
    '/api/twins',
    '/api/twins/1/state?full=1',
    '/api/login/x',
    '/api/register/',
    '/api//login',
  ];
  for (const path of [...paths, '/api/LOGIN', '/api/login%2f', '/api/./twins', '/api/%6cogin/..']) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await ask(path, undefined, method);
      assert.ok([401, 404, 400].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  }
  assertRefused(await ask('/api/twins'), MISSING);
  assert.deepEqual(seen, []);
});

test('A04 A01 the token that login gave opens all of it, and the old back end gets it as it was sent', async () => {
  seen.length = 0;
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
    assert.equal((await ask('/api/twins/1', `Bearer ${token}`, method)).status, 200);
  assert.deepEqual(seen, Array(5).fill({ path: '/api/twins/1', authorization: `Bearer ${token}`, body: '' }));
});

test('A04 login and registration are open, and answer by themselves', async () => {
  seen.length = 0;
  const wrong = await kit.call('POST', LOGIN['digital-twin-v1'], { body: { username: 'admin', password: 'no' } });
  assertRefused(wrong, 'Bad username or password');
  const body = { username: 'pia.a04', password: 'lighthouse keeper 1893' };
  assert.equal((await kit.call('POST', '/api/register', { body })).status, 201);
  assert.deepEqual(seen, []);
});

test('A05 X07 an absent, a bad, a changed and an ended token are 401 with the words of flask-jwt-extended', async () => {
  seen.length = 0;
  const [head = '', body = '', signature = ''] = token.split('.');
  for (const authorization of [`Basic ${token}`, token, 'Bearer'])
    assertRefused(
      await ask('/api/twins', authorization),
      "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'",
    );
  const other = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: 'root' })).toString('base64url');
  const bad = ['x', 'a.b.c', `${head}.${body}`, `${head}.${body}.`, `${head}.${other}.${signature}`, `${token}x`];
  const { twinkeep: _, ...forgotten } = decodeJwt(token);
  const made = [await signed({ ...decodeJwt(token), sub: 'root', jti: 'x' }), await signed(forgotten)];
  for (const text of [...bad, ...made]) assertRefused(await ask('/api/twins', `Bearer ${text}`), BAD);
  const leaver = await kit.member('lou.a05', 'viewer');
  const native = await kit.signIn('lou.a05');
  assert.equal((await kit.call('POST', '/v1/logout-all', { token: native, body: {} })).status, 200);
  assertRefused(await ask('/api/twins', `Bearer ${leaver}`), 'Token has been revoked');
  assert.deepEqual(seen, []);
});

test('X06 A01 a back end that checks tokens itself reads them with PyJWT as flask-jwt-extended does', {
  skip: withoutFlask(),
}, () => {
  const other = `${SECRET}x`;
  const [good, bad] = askFlask(
    { do: 'decode_token', token, secret: SECRET },
    { do: 'decode_token', token, secret: other },
  );
  const { identity, type, fresh, jti, role, exp, iat } = good?.value ?? assert.fail(good?.error);
  assert.deepEqual([identity, type, fresh, exp - iat], ['admin', 'access', true, 86_400]);
  assert.match(jti, /^[0-9a-f-]{36}$/);
  assert.equal(typeof role, 'string');
  assert.match(bad?.error ?? '', /InvalidSignatureError/);
});

test('A07 X02 X03 a token is good for 24 hours and not a second longer, and nothing makes it longer', async () => {
  const own = await kit.member('tea.a07', 'viewer');
  kit.clock.advance(hours(24) - seconds(1));
  assert.equal((await ask('/api/twins', `Bearer ${own}`)).status, 200);
  kit.clock.advance(seconds(1));
  assertRefused(await ask('/api/twins', `Bearer ${own}`), 'Token has expired');
  assertRefused(await ask('/api/refresh', `Bearer ${own}`, 'POST'), 'Token has expired');
  assert.notEqual((await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: own } })).status, 200);
});
