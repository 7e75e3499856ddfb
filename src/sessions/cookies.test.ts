import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionId } from '../kernel/brand.ts';
import { clearCookies, grantCookies, NATIVE_COOKIES, NATIVE_PATHS } from './cookies.ts';
import type { Grant } from './session.ts';
import { createSessionsKit } from './sessions-kit.contract.ts';

const grant: Grant = {
  ...{ accessToken: 'aaa.bbb.ccc', expiresInS: 900, refreshToken: 'tkr_x', deviceSecret: 'dev' },
  sessionId: sessionId('s1'),
};

test('the tokens of a grant are out of reach of scripts, and only the CSRF value is not', () => {
  const cookies = grantCookies(NATIVE_COOKIES, grant, 'csrf-1', { secure: true }, NATIVE_PATHS);
  assert.deepEqual(cookies, [
    'tk_access=aaa.bbb.ccc; Path=/; Max-Age=900; HttpOnly; SameSite=Strict; Secure',
    'tk_csrf=csrf-1; Path=/; Max-Age=7776000; SameSite=Strict; Secure',
    'tk_refresh=tkr_x; Path=/v1/token; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure',
    'tk_device=dev; Path=/v1/token; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure',
  ]);
});

test('a profile keeps its own names and paths, and one without refresh tokens has two cookies', () => {
  const names = {
    ...{ access: 'access_token_cookie', refresh: 'refresh_token_cookie', csrf: 'csrf_access_token' },
    ...{ csrfRefresh: 'csrf_refresh_token', device: 'dt_device' },
  };
  const paths = { prefix: '/', refresh: '/api/auth/refresh' };
  const cookies = grantCookies(names, grant, 'c', { secure: false }, paths);
  assert.deepEqual(
    cookies.map((one) => one.split('; ').slice(0, 2).join(' ')),
    [
      'access_token_cookie=aaa.bbb.ccc Path=/',
      'csrf_access_token=c Path=/',
      'refresh_token_cookie=tkr_x Path=/api/auth/refresh',
      'csrf_refresh_token=c Path=/',
      'dt_device=dev Path=/api/auth/refresh',
    ],
  );
  const bare = { ...grant, refreshToken: undefined, deviceSecret: undefined };
  assert.equal(grantCookies(names, bare, 'c', { secure: false }, paths).length, 2);
  const cleared = clearCookies(names, { secure: false }, paths);
  assert.deepEqual(
    cleared.map((one) => one.split('=')[0]).sort(),
    cookies.map((one) => one.split('=')[0]).sort(),
    'a logout takes away all of them',
  );
  for (const one of cleared) assert.match(one, /=; Path=[^;]+; Max-Age=0;/);
});

// Attack: a CSRF value of another session, one that was altered, one that is none.
test('a CSRF value is good for its session alone', async () => {
  const kit = await createSessionsKit();
  try {
    const { csrf } = kit.sessions;
    const [mine, theirs] = [sessionId('a1'), sessionId('b2')];
    const value = await csrf.of(mine);
    assert.match(value, /^[A-Za-z0-9_.~-]{20,200}$/, 'fit for a cookie');
    assert.equal(await csrf.of(mine), value, 'it is the same at every page');
    assert.equal(await csrf.matches(mine, value), true);
    const flipped = value.slice(0, -2) + (value.at(-2) === 'A' ? 'B' : 'A') + value.slice(-1);
    for (const bad of [undefined, '', flipped, value.slice(1), `${value} `, await csrf.of(theirs), 'x'.repeat(10_000)])
      assert.equal(await csrf.matches(mine, bad), false, bad);
  } finally {
    await kit.storage.close();
  }
});
