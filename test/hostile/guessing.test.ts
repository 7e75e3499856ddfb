import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';

const MINUTE = 60_000;
const WRONG = 'certainly not the password';
/** As a server has them: the kit's own are so high that they never hit. */
const limits = {
  signInPerAddress: 60,
  signInPerAccount: 30,
  signInFailuresPerAddressHour: 600,
  signInFailuresPerAccount: 10,
  signInFailuresPerAccountHour: 30,
  signInFailuresPerAccountDay: 50,
};

let kit: Kit;
before(async () => {
  kit = await createKit({ config: { limits, trustedProxies: ['127.0.0.0/8'], detection: { enabled: false } } });
});
after(() => kit.close());

let strangers = 0;
const stranger = (): string => `198.51.${(strangers >> 8) % 250}.${strangers++ % 250}`;

function login(username: string, password: string, from: string, cookie?: string): Promise<Answer> {
  const headers = { 'x-forwarded-for': from, ...(cookie === undefined ? {} : { cookie }) };
  return kit.call('POST', '/v1/login', { body: { username, password }, headers });
}

/** The cookie of a known device, as a browser sends it back. */
function knownCookie({ headers }: Answer): string {
  const found = headers.getSetCookie().find((cookie) => cookie.startsWith('tk_known='));
  assert.match(found ?? '', /; Path=\/; Max-Age=34560000; HttpOnly; SameSite=Strict/);
  return found?.split(';')[0] ?? '';
}

// Attack: strangers on a thousand addresses guess at one account, and lock its owner out.
test('a thousand addresses get ten guesses, and the owner gets in all the while by a known device', async () => {
  const first = await login('admin', KIT_PASSWORD, '203.0.113.9');
  assert.equal(first.status, 200);
  const cookie = knownCookie(first);
  const statuses = new Map<number, number>();
  for (let each = 0; each < 1_000; each++) {
    const { status } = await login('admin', WRONG, stranger());
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.deepEqual([statuses.get(401), statuses.get(429)], [10, 990]);
  assert.equal((await login('admin', KIT_PASSWORD, '203.0.113.8')).status, 429, 'a new device waits');
  assert.equal((await login('admin', KIT_PASSWORD, '203.0.113.9')).status, 200, 'but at an address that is known');
  const owner = await login('admin', KIT_PASSWORD, '203.0.113.9', cookie);
  assert.equal(owner.status, 200);
  assert.equal(knownCookie(owner), cookie);
  kit.clock.advance(6 * MINUTE);
  assert.equal((await login('admin', KIT_PASSWORD, '203.0.113.10')).status, 200, 'and no longer than the window');
});

// Attack: the cookie of a known device is used for another account, or made up.
test('a device is known to its own account, and to none that it names', async () => {
  kit.clock.advance(60 * MINUTE);
  const cookie = knownCookie(await login('admin', KIT_PASSWORD, '203.0.113.9'));
  for (let each = 0; each < 10; each++) assert.equal((await login('victim', WRONG, stranger())).status, 401);
  assert.equal((await login('victim', WRONG, stranger(), cookie)).status, 429);
  assert.equal((await login('victim', WRONG, stranger(), `tk_known=${'A'.repeat(43)}`)).status, 429);
});

// Attack: the same account is guessed at by every path, each with a count of its own.
test('names, step-up and refreshed tokens share what an address may try', async () => {
  kit.clock.advance(120 * MINUTE);
  const from = '192.0.2.77';
  const headers = { 'x-forwarded-for': from };
  const statuses: number[] = [];
  for (let each = 0; each < 62; each++) {
    const answer =
      each % 2 === 0
        ? await login(`name-${each}`, WRONG, from)
        : await kit.call('POST', '/v1/login/verify', { body: { ticket: `t-${each}`, code: '000000' }, headers });
    statuses.push(answer.status);
  }
  assert.deepEqual(statuses.slice(-4), [401, 401, 429, 429]);
});

test('a refresh gives nothing back, and neither does a session', async () => {
  kit.clock.advance(24 * 61 * MINUTE);
  const { json } = await login('admin', KIT_PASSWORD, '203.0.113.9');
  for (let each = 0; each < 10; each++) await login('admin', WRONG, stranger());
  const body = { refresh_token: json.refresh_token };
  assert.equal((await kit.call('POST', '/v1/token/refresh', { body })).status, 200);
  assert.equal((await kit.call('GET', '/v1/me', { token: json.access_token })).status, 200);
  assert.equal((await login('admin', KIT_PASSWORD, stranger())).status, 429);
});
