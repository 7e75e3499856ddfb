import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../../src/client/index.ts';
import { minutes } from '../../../src/kernel/clock.ts';
import { MAIN_REALM } from '../../../src/tenants/index.ts';
import { type Answer, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { LOGIN, type ProfileKit, startProfile } from '../profile-kit.ts';

const AUTH = '/api/v1/auth';

let kit: ProfileKit;
before(async () => {
  kit = await startProfile('coretwin', {
    limitsEnabled: false,
    delivery: 'both',
    registration: 'open',
    bcryptCost: 10,
  });
  await kit.person('ada');
});
after(() => kit.close());

const signIn = async (to = kit): Promise<Answer> => {
  const answer = await to.call('POST', LOGIN.coretwin, { body: { username: 'ada', password: KIT_PASSWORD } });
  assert.equal(answer.status, 200, answer.text);
  return answer;
};

function cookiesOf(answer: Answer): Map<string, string> {
  const pairs = answer.headers.getSetCookie().map((line) => line.split(';')[0] ?? '');
  return new Map(pairs.map((pair) => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? '']));
}

const headerOf = (cookies: Map<string, string>): string =>
  Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ');

test('X04 C01 with delivery `both` a refresh takes the body or the cookie, and rotates either', async () => {
  const byBody = await signIn();
  const again = await kit.call('POST', `${AUTH}/refresh`, { body: { refresh_token: byBody.json.refresh_token } });
  assert.equal(again.status, 200, again.text);
  assert.notEqual(again.json.refresh_token, byBody.json.refresh_token);

  const cookies = cookiesOf(await signIn());
  const csrf = cookies.get('coretwin_csrf') ?? assert.fail();
  const headers = { cookie: headerOf(cookies), 'x-csrf-token': csrf };
  const byCookie = await kit.call('POST', `${AUTH}/refresh`, { headers });
  assert.equal(byCookie.status, 200, byCookie.text);
  assert.notEqual(cookiesOf(byCookie).get('coretwin_refresh'), cookies.get('coretwin_refresh'));
  const without = await kit.call('POST', `${AUTH}/refresh`, { headers: { cookie: headers.cookie } });
  assert.equal(without.status, 403);
  assert.equal(without.json.code, 'SESSION_CSRF');
});

test('X04 X07 with delivery `cookies` no token stands in a body, and a change without the CSRF token is 403', async () => {
  const other = await startProfile('coretwin', { delivery: 'cookies' });
  try {
    await other.person('ada');
    const answer = await signIn(other);
    assert.deepEqual(Object.keys(answer.json).toSorted(), ['csrf_token', 'expires_in', 'token_type']);
    const cookie = headerOf(cookiesOf(answer));
    const refused = await other.call('POST', `${AUTH}/logout`, { headers: { cookie } });
    assert.deepEqual([refused.status, refused.json.code], [403, 'SESSION_CSRF']);
    const told = await other.call('GET', `${AUTH}/csrf`, { headers: { cookie } });
    assert.equal(told.json.csrf_token, answer.json.csrf_token);
    const headers = { cookie, 'x-csrf-token': told.json.csrf_token };
    assert.equal((await other.call('POST', `${AUTH}/logout`, { headers })).status, 204);
  } finally {
    await other.close();
  }
});

test('C02 passwords are kept as bcrypt with the configured rounds, and never in plain text', async () => {
  const body = { username: 'tess', password: 'lighthouse keeper 1893' };
  const made = await kit.call('POST', `${AUTH}/register`, { body });
  assert.equal(made.status, 201, made.text);
  const person = await kit.twinkeep.house.identity.find(MAIN_REALM, 'tess');
  assert.match(person?.passwordHash ?? '', /^\$2[aby]\$10\$/);
  assert.equal((await kit.call('POST', LOGIN.coretwin, { body })).status, 200);
});

test('C02 weak passwords are refused: short, common, in another case, or the own name', async () => {
  for (const password of ['short-1!', 'password123456', 'PassWord123456', 'ursula.weak.2026']) {
    const answer = await kit.call('POST', `${AUTH}/register`, { body: { username: 'ursula.weak', password } });
    assert.equal(answer.status, 422, password);
    assert.equal(answer.json.code, 'IDENTITY_PASSWORD_WEAK', password);
  }
  assert.equal(await kit.twinkeep.house.identity.find(MAIN_REALM, 'ursula.weak'), undefined);
});

test('X05 C01 a token that was called back is refused at the next request, though it says it is good for half an hour', async () => {
  const { json } = await signIn();
  const other = (await signIn()).json.access_token;
  assert.equal((await kit.call('POST', `${AUTH}/logout`, { token: json.access_token })).status, 204);
  assert.equal((await kit.call('GET', `${AUTH}/csrf`, { token: json.access_token })).status, 401);
  assert.equal((await kit.call('GET', `${AUTH}/csrf`, { token: other })).status, 200, 'another session goes on');
});

test('X04 C01 our client keeps its tokens in cookies where the profile sets them, and refreshes by them', async (t) => {
  const client = createClient({ baseUrl: kit.address, profile: 'coretwin', storage: 'cookie' });
  t.after(() => client.close());
  assert.equal((await client.login({ username: 'ada', password: KIT_PASSWORD })).kind, 'signed-in');
  kit.clock.advance(minutes(31));
  assert.equal((await client.fetch(`${AUTH}/csrf`)).status, 200);
  assert.equal((await client.fetch(`${AUTH}/logout`, { method: 'POST' })).status, 204);
  assert.equal((await client.fetch(`${AUTH}/csrf`)).status, 401);
});
