import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
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
  const uploads = { ...route, path: '/api/uploads/*', detection: 'block' as const, inspect: 'head' as const };
  const gateway = { backEnds: { twin: { url: twin.url } }, routes: [route, uploads] };
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
  assert.equal(reached(path), 0);
  for (const name of ['x-csrf-token', 'x-csrftoken']) {
    const headers = { cookie, ...FORM, [name]: csrf };
    assert.equal((await kit.call('POST', path, { headers, body: 'power=off' })).status, 200, name);
  }
  assert.equal(reached(path), 2);
});

// Attack: a page of another site posts the field with a value that it made up, twice, or beside a header.
test('B26 a page without scripts sends the CSRF token as the field csrf_token of its form', async () => {
  const path = '/api/twins/plain-form';
  const post = (body: string | Buffer, headers: object = FORM) =>
    kit.call('POST', path, { headers: { cookie, ...headers }, body });
  const edge = `----WebKitFormBoundary${'x'.repeat(16)}`; // as long as those of browsers
  const parts = (value: string, more = '') =>
    `--${edge}\r\nContent-Disposition: form-data; name="csrf_token"${more}\r\n\r\n${value}\r\n--${edge}--\r\n`;
  const multipart = { 'content-type': `multipart/form-data; boundary=${edge}` };
  const refused: readonly (readonly [string | Buffer, object?])[] = [
    ['csrf_token=made-up&power=off'],
    ['csrf_token=&power=off'],
    [`csrf_token=${csrf}&csrf_token=made-up`],
    [`csrf_token=${csrf}`, { ...FORM, 'x-csrf-token': 'made-up' }],
    [`csrf_token=${csrf}`, { 'content-type': 'text/plain' }],
    [gzipSync(`csrf_token=${csrf}`), { ...FORM, 'content-encoding': 'gzip' }],
    [parts(csrf, '; filename="x"'), multipart],
    [parts(csrf).slice(0, 20), multipart],
  ];
  for (const [body, headers] of refused)
    assert.equal((await post(body, headers)).status, 422, String(body).slice(0, 80));
  assert.equal(reached(path), 0);
  const form = `power=off&csrf_token=${csrf}`;
  assert.equal((await post(form)).status, 200);
  assert.equal(twin.seen.at(-1)?.body, form, 'the back end gets all of it');
  assert.equal((await post(parts(csrf), multipart)).status, 200);
  assert.equal(twin.seen.at(-1)?.body, parts(csrf));
  assert.equal(reached(path), 2);
  const out = await kit.call('POST', '/api/auth/logout', { headers: { cookie, ...FORM }, body: 'csrf_token=made-up' });
  assert.equal(out.status, 422);
});

// Attack: a value that was made up before the file, one whose end is not held, and a field that stands in the file.
test('B26 a form with a long file says the CSRF token in front of it, or is told to send the header', async () => {
  const type = { 'content-type': 'multipart/form-data; charset=utf-8; boundary="bB"' };
  const field = (name: string, value: string) =>
    `--bB\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const said = field('csrf_token', csrf);
  const file = `${field('plan"; filename="plan.bin', 'A'.repeat(300_000))}`;
  const post = (path: string, body: string, headers: object = type) =>
    kit.call('POST', path, { headers: { cookie, ...headers }, body });
  for (const path of ['/api/twins/long', '/api/uploads/long']) {
    for (const form of [`${said}${file}--bB--\r\n`, `${field('a', 'b')}${said}${file}--bB--\r\n`]) {
      assert.equal((await post(path, form)).status, 200, path);
      assert.equal(twin.seen.at(-1)?.body, form, 'the back end gets all of it');
    }
    const plain = `csrf_token=${csrf}&note=${'x'.repeat(200_000)}`;
    assert.equal((await post(path, plain, FORM)).status, 200, path);
    assert.equal(twin.seen.at(-1)?.body, plain);
    assert.equal(reached(path), 3);
    for (const form of [`${field('csrf_token', 'made-up')}${file}`, `${said}${said}${file}`])
      assert.equal((await post(path, form)).status, 422, 'it says what is wrong');
    for (const [form, headers] of [
      [`${file}${said}--bB--\r\n`, type],
      [`${field('x"; filename="x', said.slice(2).repeat(3_000))}--bB--\r\n`, type],
      [`power=${'x'.repeat(200_000)}&csrf_token=${csrf}`, FORM],
      [`power=${'x'.repeat(131_040)}&csrf_token=${csrf}${'&more=1'.repeat(9)}`, FORM],
    ] as const) {
      const { status, json } = await post(path, form, headers);
      assert.deepEqual([status, json.code, json.max_bytes], [413, 'HTTP_BODY_TOO_LARGE', 131_072], form.slice(-99));
      assert.match(json.detail, /X-CSRF-Token/);
    }
    assert.equal(reached(path), 3);
  }
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
