import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { minutes, seconds } from '../../../src/kernel/clock.ts';
import { type Answer, createTestClock, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { askFlask, withoutFlask } from '../old-flask.ts';
import { LOGIN, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';

const REFRESH = '/api/auth/refresh';
const LOGOUT = '/api/auth/logout';
const CSRF = '/api/auth/csrf';
const FORM = 'application/x-www-form-urlencoded';

let kit: ProfileKit;
before(async () => {
  // A clock that runs as the old system's own does: PyJWT looks at `exp` and `iat` too.
  const options = { config: { trustedProxies: ['127.0.0.1'] }, clock: createTestClock(Date.now()) };
  kit = await startProfile('digital-twin-v2', { limitsEnabled: false }, options);
  await kit.person('ada', 'analyst');
});
after(() => kit.close());

/** What a browser has after an answer: the cookies by name, and the whole of each as it was set. */
function cookiesOf(answer: Answer): { readonly values: Record<string, string>; readonly lines: readonly string[] } {
  const lines = answer.headers.getSetCookie();
  const pairs = lines.map((line) => line.split(';')[0] ?? '').map((pair) => pair.split('='));
  return { values: Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value])), lines };
}

const headerOf = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');

async function signIn(to: ProfileKit = kit, headers: Record<string, string> = {}) {
  const body = { username: 'ada', password: KIT_PASSWORD };
  const answer = await to.call('POST', LOGIN['digital-twin-v2'], { body, headers });
  assert.equal(answer.status, 200, answer.text);
  const { values, lines } = cookiesOf(answer);
  return { token: String(answer.json.access_token), values, lines, cookie: headerOf(values) };
}

const refresh = (to: ProfileKit, values: Record<string, string>, headers: Record<string, string> = {}) =>
  to.call('POST', REFRESH, {
    headers: { cookie: headerOf(values), 'x-csrf-token': values['csrf_refresh_token'] ?? '', ...headers },
  });

test('B03 cookies are HttpOnly but for the CSRF values, and Secure behind TLS', async () => {
  const plain = await signIn();
  assert.ok(
    plain.lines.every((line) => !line.includes('Secure')),
    'a browser would not keep them over plain HTTP',
  );
  const { lines } = await signIn(kit, { 'x-forwarded-proto': 'https' });
  assert.ok(lines.every((line) => line.includes('; Secure')));
  const readable = lines.filter((line) => !line.includes('HttpOnly')).map((line) => line.split('=')[0]);
  assert.deepEqual(readable.toSorted(), ['csrf_access_token', 'csrf_refresh_token']);
});

test('B03 the refresh cookie is sent to the refresh alone', async () => {
  const { lines } = await signIn();
  const line = lines.find((one) => one.startsWith('refresh_token_cookie=')) ?? assert.fail();
  assert.match(line, /; Path=\/api\/auth\/refresh;/);
});

test('B03 JWT_COOKIE_SECURE and JWT_COOKIE_SAMESITE decide, and None never goes without Secure', async () => {
  const other = await startProfile('digital-twin-v2', { cookieSameSite: 'None', cookieSecure: false });
  try {
    await other.person('ada');
    const { lines } = await signIn(other);
    assert.ok(lines.filter((line) => !line.startsWith('tk_')).every((line) => /; SameSite=None; Secure/.test(line)));
  } finally {
    await other.close();
  }
});

test('B04 a Bearer token goes before a cookie, and either alone is enough', async () => {
  const { token, values } = await signIn();
  const cookie = `access_token_cookie=${values['access_token_cookie']}`;
  assert.equal((await kit.call('GET', CSRF, { token })).status, 200);
  assert.equal((await kit.call('GET', CSRF, { headers: { cookie } })).status, 200);
  assert.equal((await kit.call('GET', CSRF, { token: 'x', headers: { cookie } })).status, 422, 'the Bearer counts');
});

// Attack: a page of another domain below the same parent plants a second access cookie.
test('B04 of two access cookies neither counts', async () => {
  const { token } = await signIn();
  const cookie = `access_token_cookie=${token}; access_token_cookie=planted`;
  assert.equal((await kit.call('GET', CSRF, { headers: { cookie } })).status, 401);
});

// Attack: another site's page has the browser send a change along with its cookies.
test('B09 a change by cookie from a page of another site is refused, even with the right CSRF token', async () => {
  const { cookie, values } = await signIn();
  const headers = { cookie, 'x-csrf-token': values['csrf_access_token'] ?? '', 'sec-fetch-site': 'cross-site' };
  assert.equal((await kit.call('POST', LOGOUT, { headers })).status, 403);
  assert.equal((await refresh(kit, values, { 'sec-fetch-site': 'cross-site' })).status, 403);
});

// Attack: somebody plants their own session's CSRF cookie and sends the token that matches it.
test('B09 the CSRF token of another session is refused', async () => {
  const [mine, theirs] = [await signIn(), await signIn()];
  const planted = headerOf({ ...mine.values, csrf_access_token: theirs.values['csrf_access_token'] ?? '' });
  const headers = { cookie: planted, 'x-csrf-token': theirs.values['csrf_access_token'] ?? '' };
  assert.equal((await kit.call('POST', LOGOUT, { headers })).status, 422);
});

// Attack: whoever may set cookies for the site, from a host beside it, plants a pair of values that agree.
test('B09 the refresh believes the CSRF token of its own session alone', async () => {
  const [{ values }, other] = [await signIn(), await signIn()];
  for (const csrf of ['planted', other.values['csrf_refresh_token'] ?? '']) {
    const planted = { ...values, csrf_access_token: csrf, csrf_refresh_token: csrf };
    assert.equal((await refresh(kit, planted)).status, 422);
  }
  assert.equal((await refresh(kit, values)).status, 200);
});

test('X03 a refresh cookie works once; used again by another party it ends the session', async () => {
  const { values } = await signIn();
  const first = await refresh(kit, values);
  assert.equal(first.status, 200, first.text);
  const next = { ...values, ...cookiesOf(first).values };
  assert.notEqual(next['refresh_token_cookie'], values['refresh_token_cookie']);
  const second = await refresh(kit, next);
  assert.equal(second.status, 200, second.text);
  const { device_token_cookie: _, ...stolen } = values;
  assert.equal((await refresh(kit, stolen)).status, 401);
  const after = { ...next, ...cookiesOf(second).values };
  assert.equal((await refresh(kit, after)).status, 401, 'of its owner too, who has to sign in again');
});

test('X03 a later sign-in in the same browser, whose device cookie takes the place of the first one, logs nobody out', async () => {
  const first = (await signIn()).values;
  const bound = { ...first, ...cookiesOf(await refresh(kit, first)).values };
  const again = await signIn(kit, { cookie: headerOf({ tk_known: first['tk_known'] ?? '' }) });
  const { device_token_cookie: device = '', tk_known: known = '' } = again.values;
  assert.notEqual(device, first['device_token_cookie']);
  const later = await refresh(kit, { ...bound, device_token_cookie: device, tk_known: known });
  assert.equal(later.status, 200, later.text);
});

test('X03 with `rotate` off one refresh cookie stays good, bound to its device and until the session is ended', async () => {
  const other = await startProfile('digital-twin-v2', { rotate: false, limitsEnabled: false });
  try {
    await other.person('ada');
    const { values } = await signIn(other);
    for (let each = 0; each < 3; each++) {
      other.clock.advance(minutes(40));
      const answer = await refresh(other, values);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(cookiesOf(answer).values['refresh_token_cookie'], values['refresh_token_cookie']);
    }
    const { device_token_cookie: _, tk_known: __, ...stolen } = values;
    assert.equal((await refresh(other, stolen)).status, 401, 'without what shows its device');
    const last = await refresh(other, values);
    assert.equal((await other.call('POST', LOGOUT, { token: last.json.access_token })).status, 204);
    assert.equal((await refresh(other, values)).status, 401);
  } finally {
    await other.close();
  }
});

test('X06 B28 a back end that checks tokens by itself finds the claims of flask-jwt-extended', async () => {
  const { token, values } = await signIn();
  const [head = '', payload = '', signature = ''] = token.split('.');
  const wanted = createHmac('sha256', SECRET).update(`${head}.${payload}`).digest('base64url');
  assert.equal(signature, wanted, 'HS256 under the bytes of the shared secret');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  assert.equal(claims.csrf, values['csrf_access_token'], 'what `_decode_jwt_from_cookies` compares');
  assert.deepEqual(
    { type: claims.type, fresh: claims.fresh, sub: claims.sub, role: claims.role },
    { type: 'access', fresh: true, sub: 'ada', role: 'analyst' },
  );
});

test('X06 PyJWT takes the token as flask-jwt-extended calls it', { skip: withoutFlask() }, async () => {
  const { token } = await signIn();
  const [good, bad] = askFlask(
    { do: 'decode_token', token, secret: SECRET },
    { do: 'decode_token', token, secret: `${SECRET}x` },
  );
  assert.equal(good?.value?.identity, 'ada', good?.error);
  assert.equal(good?.value?.type, 'access');
  assert.match(String(bad?.error), /InvalidSignature/);
});

test('B09 B26 with JWT_COOKIE_CSRF_PROTECT off JSON needs no token, and forms need it as long as WTF_CSRF_ENABLED', async () => {
  const other = await startProfile('digital-twin-v2', { csrfProtect: false, limitsEnabled: false });
  try {
    await other.person('ada');
    const { cookie, values } = await signIn(other);
    const form = { cookie, 'content-type': FORM };
    assert.equal((await other.call('POST', LOGOUT, { headers: form, body: 'a=b' })).status, 422);
    const own = { 'x-csrftoken': values['csrf_access_token'] ?? '' }; // as Flask-WTF has pages call it
    assert.equal((await other.call('POST', LOGOUT, { headers: { ...form, ...own }, body: 'a=b' })).status, 204);
    const json = { cookie: (await signIn(other)).cookie, 'content-type': 'application/json' };
    assert.equal((await other.call('POST', LOGOUT, { headers: json, body: '{}' })).status, 204);
  } finally {
    await other.close();
  }
});

test('B05 the answer to a refresh that was lost is given again to its own device', async () => {
  const { values } = await signIn();
  const [one, two] = [await refresh(kit, values), await refresh(kit, values)];
  assert.equal(one.status, 200, one.text);
  assert.equal(two.status, 200, two.text);
  assert.equal(cookiesOf(one).values['refresh_token_cookie'], cookiesOf(two).values['refresh_token_cookie']);
  kit.clock.advance(seconds(1));
});
