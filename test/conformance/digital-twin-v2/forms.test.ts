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

// Attack: a page of another site posts the field with a value that it made up, twice, beside a header, or as text.
test('B26 a page without scripts refreshes with the CSRF token as the field csrf_token of its form', async () => {
  const { cookie, csrf } = await signIn();
  const refresh = (body: string, headers: object = {}) =>
    kit.call('POST', '/api/auth/refresh', { headers: { cookie, 'content-type': FORM, ...headers }, body });
  const refused: readonly (readonly [string, object?])[] = [
    ['csrf_token=made-up'],
    ['csrf_token='],
    [`csrf_token=${csrf}&csrf_token=made-up`],
    [`csrf_token=${csrf}`, { 'x-csrf-token': 'made-up' }],
    [`csrf_token=${csrf}`, { 'content-type': 'text/plain' }],
  ];
  for (const [body, headers] of refused)
    assert.equal((await refresh(body, headers)).status, 422, `${body.slice(0, 60)} ${JSON.stringify(headers)}`);
  const long = `a=${'x'.repeat(200_000)}`;
  assert.equal((await refresh(`${long}&csrf_token=${csrf}`)).status, 413, 'behind all that is held');
  const good = await refresh(`next=%2Fhome&csrf_token=${csrf}`);
  assert.equal(good.status, 200, good.text);
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
