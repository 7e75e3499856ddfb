import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import { codeOf } from './sign-in-kit.contract.ts';

let kit: Kit;
let code: () => string;
before(async () => {
  kit = await createKit();
  const { token } = await kit.person('ada', 'viewer');
  const { json: begun } = await kit.call('POST', '/v1/mfa/totp', { token, body: {} });
  code = codeOf(begun.secret, kit.clock);
  const path = `/v1/mfa/factors/${begun.factor_id}/confirm`;
  const confirmed = await kit.call('POST', path, { token, body: { code: code() } });
  assert.equal(confirmed.status, 200, confirmed.text);
  kit.clock.advance(60_000);
});
after(() => kit.close());

const post = (path: string, body: object, more: object = {}): Promise<Answer> =>
  kit.call('POST', path, { body, ...more });

/** Cookies of an answer, as a browser sends them back. */
const jarOf = ({ headers }: Answer): ReadonlyMap<string, string> =>
  new Map(
    headers.getSetCookie().map((cookie) => {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=');
      return [name, value] as const;
    }),
  );

const headerOf = (jar: ReadonlyMap<string, string>): string => [...jar].map((pair) => pair.join('=')).join('; ');

async function begin(more: object = {}): Promise<string> {
  const { status, json, headers } = await post('/v1/login', { username: 'ada', password: KIT_PASSWORD, ...more });
  assert.equal(status, 202);
  assert.deepEqual(headers.getSetCookie(), [], 'nothing is handed out yet');
  assert.deepEqual(Object.keys(json), ['second_factor']);
  return json.second_factor.ticket;
}

test('a sign-in in two steps answers tokens in the body, and the cookie of the device', async () => {
  const answer = await post('/v1/login/verify', { ticket: await begin(), code: code() });
  assert.deepEqual(
    [answer.status, Object.keys(answer.json)],
    [200, ['access_token', 'token_type', 'expires_in', 'refresh_token']],
  );
  assert.deepEqual([...jarOf(answer).keys()].sort(), ['tk_device', 'tk_known']);
  assert.equal((await kit.call('GET', '/v1/me', { token: answer.json.access_token })).status, 200);
  kit.clock.advance(60_000);
});

// Attack: a script in the page reads the answer of a sign-in that keeps its tokens in cookies.
test('in cookies no token stands in the body, and only the CSRF value is for scripts', async () => {
  const answer = await post('/v1/login/verify', { ticket: await begin(), code: code(), delivery: 'cookie' });
  const jar = jarOf(answer);
  assert.deepEqual(Object.keys(answer.json), ['token_type', 'expires_in', 'csrf_token']);
  assert.deepEqual([...jar.keys()].sort(), ['tk_access', 'tk_csrf', 'tk_device', 'tk_known', 'tk_refresh']);
  assert.equal(jar.get('tk_csrf'), answer.json.csrf_token);
  for (const cookie of answer.headers.getSetCookie())
    assert.equal(cookie.includes('HttpOnly'), !cookie.startsWith('tk_csrf='), cookie);
  const cookie = headerOf(jar);
  assert.equal((await kit.call('GET', '/v1/me', { headers: { cookie } })).status, 200);
  kit.clock.advance(60_000);

  const body = { password: KIT_PASSWORD, code: code() };
  assert.equal((await post('/v1/step-up', body, { headers: { cookie } })).status, 403, 'without the CSRF value');
  const own = { cookie, 'x-csrf-token': answer.json.csrf_token };
  const stepped = await post('/v1/step-up', body, { headers: own });
  assert.deepEqual([stepped.status, stepped.json.access_token], [200, undefined], stepped.text);
  assert.notEqual(jarOf(stepped).get('tk_access'), jar.get('tk_access'));
  kit.clock.advance(60_000);
});

test('a code that comes along with the password is one step, and a wrong one is refused', async () => {
  const ada = { username: 'ada', password: KIT_PASSWORD };
  const wrong = await post('/v1/login', { ...ada, code: '000000' });
  assert.deepEqual([wrong.status, wrong.json.code], [401, 'MFA_CODE_WRONG']);
  const good = await post('/v1/login', { ...ada, code: code(), delivery: 'both' });
  assert.deepEqual(Object.keys(good.json), [
    ...['access_token', 'token_type', 'expires_in', 'refresh_token', 'csrf_token'],
  ]);
  kit.clock.advance(60_000);
});

test('a device that is to be remembered is asked for no code the next time', async () => {
  const answer = await post('/v1/login/verify', { ticket: await begin(), code: code(), remember_device: true });
  const headers = { cookie: `tk_known=${jarOf(answer).get('tk_known')}` };
  const next = await post('/v1/login', { username: 'ada', password: KIT_PASSWORD }, { headers });
  assert.equal(next.status, 200);
  const stepUp = await kit.call('GET', '/v1/mfa/backup-codes', { token: next.json.access_token });
  assert.deepEqual([stepUp.status, stepUp.json.code], [401, 'ACCESS_SECOND_FACTOR'], 'and proves nothing by it');
  assert.match(stepUp.headers.get('www-authenticate') ?? '', /insufficient_user_authentication/);
  kit.clock.advance(60_000);
  const stepped = await post(
    '/v1/step-up',
    { password: KIT_PASSWORD, code: code() },
    { token: next.json.access_token },
  );
  const again = await kit.call('GET', '/v1/mfa/backup-codes', { token: stepped.json.access_token });
  assert.equal(again.status, 200, again.text);
});

test('what has not the form of a request is refused by its place', async () => {
  const cases: readonly (readonly [string, object])[] = [
    ['/v1/login', { username: 'ada' }],
    ['/v1/login', { username: 'ada', password: KIT_PASSWORD, delivery: 'header' }],
    ['/v1/login/verify', { ticket: 'x'.repeat(200), code: '000000' }],
    ['/v1/login/verify', { ticket: 'x', code: '0'.repeat(65) }],
    ['/v1/login/enrol', { ticket: 'x', method: 'backup' }],
    ['/v1/login/challenge', { ticket: 'x', factor_id: '../x' }],
    ['/v1/login/passkey', { passkey: 'x' }],
  ];
  for (const [path, body] of cases) assert.equal((await post(path, body)).status, 422, JSON.stringify(body));
});

// Attack: the body of a passkey is anything at all.
test('a passkey that is none is refused, whatever it looks like', async () => {
  for (const passkey of [
    {},
    { id: 1 },
    { id: 'x', rawId: 'x', response: null },
    { response: { clientDataJSON: '{}' } },
  ]) {
    const { status, json } = await post('/v1/login/passkey', { passkey });
    assert.deepEqual([status, json.code], [401, 'MFA_CODE_WRONG']);
  }
});
