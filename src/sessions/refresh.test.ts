import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { hours, minutes, seconds } from '../kernel/clock.ts';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

interface Client {
  readonly access: string;
  readonly token: string;
  readonly device: string;
}

let client: Client;
beforeEach(async () => {
  const { json, headers } = await kit.call('POST', '/v1/login', {
    body: { username: 'admin', password: KIT_PASSWORD },
  });
  const device = /^tk_device=([^;]+);/.exec(headers.get('set-cookie') ?? '')?.[1] ?? '';
  client = { access: json.access_token, token: json.refresh_token, device };
});

function refresh(token: string, device?: string): Promise<Answer> {
  const headers = device === undefined ? {} : { cookie: `other=1; tk_device=${device}` };
  return kit.call('POST', '/v1/token/refresh', { body: { refresh_token: token }, headers });
}

const isLive = async (access: string): Promise<boolean> =>
  (await kit.call('GET', '/v1/me', { token: access })).status === 200;

async function assertGranted(answer: Answer): Promise<string> {
  assert.equal(answer.status, 200, answer.text);
  assert.ok(await isLive(answer.json.access_token));
  return answer.json.refresh_token;
}

function assertRefused({ status, json, headers }: Answer, code: string): void {
  assert.deepEqual([status, json.code], [401, code]);
  assert.equal(headers.get('www-authenticate'), 'Bearer error="invalid_token"');
}

/** Nobody has anything left of the session. */
async function assertEnded(...tokens: readonly string[]): Promise<void> {
  for (const token of tokens) assertRefused(await refresh(token, client.device), 'SESSION_REVOKED');
  const late = await kit.call('GET', '/v1/me', { token: client.access });
  assertRefused(late, 'SESSION_REVOKED');
}

test('a grant has the names of OAuth 2.0, and the device secret goes into a cookie that no script or other path reads', async () => {
  const answer = await kit.call('POST', '/v1/login', { body: { username: 'admin', password: KIT_PASSWORD } });
  assert.deepEqual(Object.keys(answer.json).sort(), ['access_token', 'expires_in', 'refresh_token', 'token_type']);
  assert.deepEqual([answer.json.token_type, answer.json.expires_in], ['Bearer', 900]);
  assert.match(answer.json.refresh_token, /^tkr_[A-Za-z0-9_-]{43}$/);
  assert.match(
    answer.headers.getSetCookie().find((cookie) => cookie.startsWith('tk_device=')) ?? '',
    /^tk_device=[A-Za-z0-9_-]{43}; Path=\/v1\/token; Max-Age=7776000; HttpOnly; SameSite=Strict$/,
  );
  assert.equal(answer.headers.get('cache-control'), 'no-store');
});

test('over TLS the device cookie is marked Secure', async () => {
  const own = await createKit({ config: { trustedProxies: ['127.0.0.1'] } });
  try {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' };
    const answer = await own.call('POST', '/v1/login', {
      headers,
      body: { username: 'admin', password: KIT_PASSWORD },
    });
    assert.match(answer.headers.get('set-cookie') ?? '', /; Secure$/);
  } finally {
    await own.close();
  }
});

test('a refresh token works once, gives the next, and keeps session and moment of sign-in', async () => {
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  kit.clock.advance(minutes(10));
  const next = await refresh(client.token, client.device);
  assert.notEqual(await assertGranted(next), client.token);
  assert.equal(next.headers.get('set-cookie'), null);
  const [before_, after_] = [claimsOf(client.access), claimsOf(next.json.access_token)];
  assert.deepEqual([after_.sid, after_.auth_time], [before_.sid, before_.auth_time]);
  assert.notEqual(after_.jti, before_.jti);
  assert.equal(after_.iat - before_.iat, 600);
  kit.clock.advance(seconds(31));
  assertRefused(await refresh(client.token, client.device), 'SESSION_REVOKED');
  await assertEnded(next.json.refresh_token);
});

test('a client without the cookie may ask again within 10 seconds, as often as it must, and gets the same token', async () => {
  const first = await assertGranted(await refresh(client.token));
  for (let time = 0; time < 5; time++) {
    kit.clock.advance(seconds(2));
    assert.equal(await assertGranted(await refresh(client.token)), first);
  }
  kit.clock.advance(1);
  assertRefused(await refresh(client.token), 'SESSION_REVOKED');
  await assertEnded(first);
});

test('a client without the cookie that asks again after more than 10 seconds ends the family', async () => {
  const first = await assertGranted(await refresh(client.token));
  kit.clock.advance(seconds(10) + 1);
  assertRefused(await refresh(client.token), 'SESSION_REVOKED');
  await assertEnded(first);
});

// Attack: a copied token is used after its owner has gone on from it.
test('a client without the cookie that asks again after the next token was used ends the family', async () => {
  const first = await assertGranted(await refresh(client.token));
  const second = await assertGranted(await refresh(first));
  assertRefused(await refresh(client.token), 'SESSION_REVOKED');
  await assertEnded(first, second);
});

test('the device may repeat a lost refresh as often as it must, within the grace', async () => {
  const first = await assertGranted(await refresh(client.token, client.device));
  for (let time = 0; time < 6; time++) {
    kit.clock.advance(seconds(5));
    assert.equal(await assertGranted(await refresh(client.token, client.device)), first);
  }
  kit.clock.advance(1);
  assertRefused(await refresh(client.token, client.device), 'SESSION_REVOKED');
  await assertEnded(first);
});

test('refreshes of one token that arrive together log nobody out', async () => {
  const bare = await Promise.all(Array.from({ length: 5 }, () => refresh(client.token)));
  const next = new Set(await Promise.all(bare.map(assertGranted)));
  assert.equal(next.size, 1);
  const [token = ''] = next;
  const tabs = await Promise.all(Array.from({ length: 10 }, () => refresh(token, client.device)));
  assert.equal(new Set(await Promise.all(tabs.map(assertGranted))).size, 1);
  assert.ok(await isLive(client.access));
});

// Attack: the refresh token is stolen, the device secret is not.
test('a thief without the device is refused, gets nothing, and the owner goes on', async () => {
  const owned = await assertGranted(await refresh(client.token, client.device));
  const { headers } = await kit.call('POST', '/v1/login', { body: { username: 'admin', password: KIT_PASSWORD } });
  const another = /^tk_device=([^;]+);/.exec(headers.get('set-cookie') ?? '')?.[1] ?? '';
  for (const device of [undefined, '', another, `${client.device}x`, client.device.toLowerCase()]) {
    assertRefused(await refresh(owned, device), 'SESSION_DEVICE');
  }
  const planted = { cookie: `tk_device=${client.device}; tk_device=${another}` };
  const two = await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: owned }, headers: planted });
  assertRefused(two, 'SESSION_DEVICE');
  await assertGranted(await refresh(owned, client.device));
  assert.ok(await isLive(client.access));
});

// Attack: the thief is faster than the owner, before the device has ever shown itself.
test('a thief who refreshes before the device ever did is found out at the first use by the device', async () => {
  const stolen = await assertGranted(await refresh(client.token));
  assertRefused(await refresh(client.token, client.device), 'SESSION_REVOKED');
  await assertEnded(stolen);
});

// Attack: malware copies the whole cookie jar, and refreshes faster than the owner does.
test('a thief with the device secret too is found out at the first use after either went on', async () => {
  const stolen = await assertGranted(await refresh(client.token, client.device));
  const further = await assertGranted(await refresh(stolen, client.device));
  assertRefused(await refresh(client.token, client.device), 'SESSION_REVOKED');
  await assertEnded(stolen, further);
});

// Attack: whoever can set the server's clock back makes the grace of a stolen token last.
test('a clock that is set back lets the grace begin anew, and not last until it is where it was', async () => {
  const first = await assertGranted(await refresh(client.token, client.device));
  kit.clock.advance(-hours(2));
  assert.equal(await assertGranted(await refresh(client.token, client.device)), first);
  kit.clock.advance(seconds(31));
  assertRefused(await refresh(client.token, client.device), 'SESSION_REVOKED');
  kit.clock.advance(hours(2));
});

test('a later sign-in in the same browser, by the same person or another, leaves the sessions of before as they are', async () => {
  const { id } = await kit.person('zoe', 'viewer');
  assert.ok(id);
  const jar = new Map<string, string>();
  const cookies = () => ({ cookie: [...jar].map((pair) => pair.join('=')).join('; ') });
  const signIn = async (username: string): Promise<string> => {
    const { tk_device: _, ...sent } = Object.fromEntries(jar); // which goes to the refresh route alone
    const cookie = Object.entries(sent)
      .map((pair) => pair.join('='))
      .join('; ');
    const answer = await kit.call('POST', '/v1/login', {
      body: { username, password: KIT_PASSWORD },
      headers: { cookie },
    });
    for (const one of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (one.split(';')[0] ?? '').split('=');
      jar.set(name, value);
    }
    return answer.json.refresh_token;
  };
  const refreshed = async (token: string): Promise<string> =>
    assertGranted(await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: token }, headers: cookies() }));

  let first = await refreshed(await signIn('admin')); // bound by now
  for (const username of ['admin', 'zoe', 'admin']) {
    const later = await refreshed(await signIn(username));
    first = await refreshed(first);
    await refreshed(later);
    await refreshed(first); // and its answer is lost
    kit.clock.advance(seconds(29));
    first = await refreshed(first);
  }
  assertRefused(await refresh(first), 'SESSION_DEVICE');
  assertRefused(await refresh(first, jar.get('tk_device')), 'SESSION_DEVICE');
});

// Attack: somebody plants the cookies of a browser of their own, and comes with a stolen refresh token.
test('the cookie by which a browser is known to another person binds nothing', async () => {
  await kit.person('eve', 'viewer');
  const { headers } = await kit.call('POST', '/v1/login', { body: { username: 'eve', password: KIT_PASSWORD } });
  const known =
    headers
      .getSetCookie()
      .find((one) => one.startsWith('tk_known='))
      ?.split(';')[0] ?? '';
  const own = await kit.call('POST', '/v1/login', {
    body: { username: 'admin', password: KIT_PASSWORD },
    headers: { cookie: known },
  });
  const device =
    own.headers
      .getSetCookie()
      .find((one) => one.startsWith('tk_device='))
      ?.split(';')[0] ?? '';
  const body = { refresh_token: own.json.refresh_token };
  const owned = await assertGranted(await kit.call('POST', '/v1/token/refresh', { body, headers: { cookie: device } }));
  const stolen = { body: { refresh_token: owned }, headers: { cookie: known } };
  assertRefused(await kit.call('POST', '/v1/token/refresh', stolen), 'SESSION_DEVICE');
});

// Attack: a page of another site sends the browser's cookie along.
test('a refresh with the cookie that comes from another site is refused, and the session goes on', async () => {
  const body = { refresh_token: client.token };
  const cookie = `tk_device=${client.device}`;
  for (const foreign of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]) {
    const answer = await kit.call('POST', '/v1/token/refresh', { body, headers: { cookie, ...foreign } });
    assert.deepEqual([answer.status, answer.json.code], [403, 'HTTP_CROSS_SITE']);
  }
  const own = { cookie, origin: kit.address, 'sec-fetch-site': 'same-origin' };
  await assertGranted(await kit.call('POST', '/v1/token/refresh', { body, headers: own }));
});

test('what is no refresh token of ours gets one answer, and no token takes the place of another', async () => {
  const made = `tkr_${Buffer.alloc(32, 7).toString('base64url')}`;
  const answers = await Promise.all(
    ['x', made, `${client.token}=`, client.token.slice(0, -1), client.access.slice(0, 256), client.device].map(
      (token) => refresh(token, client.device),
    ),
  );
  for (const answer of answers) {
    assertRefused(answer, 'SESSION_UNKNOWN');
    assert.deepEqual({ ...answer.json, instance: '' }, { ...answers[0]?.json, instance: '' });
  }
  assert.equal(await isLive(client.token), false);
});

test('a session that is not refreshed for an hour has ended', async () => {
  kit.clock.advance(hours(1) - 1);
  const kept = await assertGranted(await refresh(client.token, client.device));
  kit.clock.advance(hours(1));
  assertRefused(await refresh(kept, client.device), 'SESSION_EXPIRED');
  const token = await kit.signIn();
  const { json } = await kit.call('GET', '/v1/sessions', { token });
  assert.equal(json.items.length, 1, 'the list shows live sessions alone');
});

test('a session that is refreshed all the time ends after 12 hours', async () => {
  let { token } = client;
  for (let half = 1; half < 24; half++) {
    kit.clock.advance(minutes(30));
    token = await assertGranted(await refresh(token, client.device));
  }
  kit.clock.advance(minutes(29));
  const last = await refresh(token, client.device);
  token = await assertGranted(last);
  assert.equal(last.json.expires_in, 60, 'no access token outlives its session');
  kit.clock.advance(seconds(60));
  assertRefused(await kit.call('GET', '/v1/me', { token: last.json.access_token }), 'SESSION_EXPIRED');
  assertRefused(await refresh(token, client.device), 'SESSION_EXPIRED');
});
