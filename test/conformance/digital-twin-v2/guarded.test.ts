import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { type OldTwin, startOldTwin } from '../old-twin.ts';
import { LOGIN, type ProfileKit, startProfile } from '../profile-kit.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

let twin: OldTwin;
let kit: ProfileKit;
let token: string;
let cookie: string;
let csrf: string;
before(async () => {
  twin = await startOldTwin();
  const route = { to: 'twin', profile: 'digital-twin-v2', path: '/api/twins/*', credential: 'pass' as const };
  const gateway = { backEnds: { twin: { url: twin.url } }, routes: [route] };
  kit = await startProfile('digital-twin-v2', { limitsEnabled: false }, { config: { gateway } });
  const body = { username: 'admin', password: KIT_PASSWORD };
  const answer = await kit.call('POST', LOGIN['digital-twin-v2'], { body });
  token = answer.json.access_token;
  csrf = answer.json.csrf_token;
  cookie = `access_token_cookie=${token}`;
});
after(async () => {
  await kit.close();
  await twin.close();
});

/** How many requests of a path came through to the back end. */
const reached = (path: string): number => twin.seen.filter((one) => one.path === path).length;

test('B04 an old back end is reached by Bearer or by cookie, and without either it is not', async () => {
  assert.equal((await kit.call('GET', '/api/twins/by-bearer', { token })).status, 200);
  assert.equal((await kit.call('GET', '/api/twins/by-cookie', { headers: { cookie } })).status, 200);
  const nobody = await kit.call('GET', '/api/twins/by-nobody');
  assert.deepEqual([nobody.status, nobody.json], [401, { msg: 'Missing Authorization Header' }]);
  assert.deepEqual([reached('/api/twins/by-bearer'), reached('/api/twins/by-cookie')], [1, 1]);
  assert.equal(reached('/api/twins/by-nobody'), 0);
});

// Attack: a page of another site posts a form, and the browser adds the cookies.
test('B09 B26 a form sent by cookie reaches no back end without the CSRF token, and with it does', async () => {
  const path = '/api/twins/form';
  const without = await kit.call('POST', path, { headers: { cookie, ...FORM }, body: 'power=off' });
  assert.deepEqual([without.status, without.json], [422, { msg: 'CSRF double submit tokens do not match' }]);
  const inField = await kit.call('POST', path, { headers: { cookie, ...FORM }, body: `csrf_token=${csrf}` });
  assert.equal(inField.status, 422, 'bodies are not searched for it: the header is where it belongs');
  assert.equal(reached(path), 0);
  for (const name of ['x-csrf-token', 'x-csrftoken']) {
    const headers = { cookie, ...FORM, [name]: csrf };
    assert.equal((await kit.call('POST', path, { headers, body: 'power=off' })).status, 200, name);
  }
  assert.equal(reached(path), 2);
});

test('B09 B26 a form or change by Bearer needs no CSRF token: no browser adds one by itself', async () => {
  const sent = await kit.call('POST', '/api/twins/bearer-form', { token, headers: FORM, body: 'power=off' });
  assert.equal(sent.status, 200);
  assert.equal((await kit.call('POST', '/api/twins/bearer-json', { token, body: {} })).status, 200);
});

test('B06 X07 in front of a back end too a malformed token is 422 and a missing one 401', async () => {
  assert.equal((await kit.call('GET', '/api/twins/x', { token: 'rubbish' })).status, 422);
  assert.equal(
    (await kit.call('GET', '/api/twins/x', { headers: { cookie: 'access_token_cookie=rubbish' } })).status,
    422,
  );
  assert.equal(reached('/api/twins/x'), 0);
});
