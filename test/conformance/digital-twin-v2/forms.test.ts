import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const FORM = 'application/x-www-form-urlencoded';
const PAGE = 'https://app.example';

let kit: ProfileKit;
before(async () => {
  kit = await startProfile('digital-twin-v2', { csrfProtect: false, corsOrigins: [PAGE] });
});
after(() => kit.close());

async function signIn() {
  const { headers } = await kit.call('POST', '/api/auth/login', {
    body: { username: 'admin', password: KIT_PASSWORD },
  });
  const lines = headers.getSetCookie();
  const cookie = lines.map((line) => line.split(';', 1)[0]).join('; ');
  const csrf = /csrf_access_token=([^;]+)/.exec(cookie)?.[1] ?? '';
  return { cookie, csrf, lines };
}

// Attack: a page of another site has the browser post a form, which no preflight asks about.
test('B26 forms need the token at the refresh as everywhere, with JWT_COOKIE_CSRF_PROTECT off', async () => {
  const { cookie, csrf } = await signIn();
  const refresh = (headers: object) =>
    kit.call('POST', '/api/auth/refresh', { headers: { cookie, ...headers }, body: 'a=b' });
  assert.equal((await refresh({ 'content-type': FORM })).status, 422);
  assert.equal((await refresh({ 'content-type': FORM, 'x-csrf-token': csrf })).status, 200);
});

test('B26 the token counts under the name of Flask-WTF too, and pages of named origins may send it', async () => {
  const { cookie, csrf } = await signIn();
  const form = { cookie, 'content-type': FORM };
  const refreshed = await kit.call('POST', '/api/auth/refresh', { headers: { ...form, 'x-csrftoken': csrf } });
  assert.equal(refreshed.status, 200, refreshed.text);
  const both = { ...form, 'x-csrftoken': csrf, 'x-csrf-token': 'another' };
  assert.equal((await kit.call('POST', '/api/auth/refresh', { headers: both })).status, 422);
  const asked = {
    origin: PAGE,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'x-csrftoken',
  };
  const preflight = await kit.call('OPTIONS', '/api/auth/logout', { headers: asked });
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /x-csrftoken/);
});
