import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../../src/client/index.ts';
import { minutes } from '../../../src/kernel/clock.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { type OldTwin, startOldTwin } from '../old-twin.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const REFRESH = '/api/auth/refresh';

let twin: OldTwin;
let kit: ProfileKit;
before(async () => {
  twin = await startOldTwin();
  const routes = [{ path: '/api/twins/*', to: 'twin', profile: 'digital-twin-v2' }];
  const gateway = { backEnds: { twin: { url: twin.url } }, routes };
  kit = await startProfile('digital-twin-v2', { limitsEnabled: false }, { config: { gateway } });
});
after(async () => {
  await kit.close();
  await twin.close();
});

/** A page of the old frontend: its client, the requests that it sent, and where it was led. */
async function openPage() {
  const sent: { readonly path: string; readonly csrf: string | null }[] = [];
  const signedOut: string[] = [];
  const watched: typeof fetch = (input, init) => {
    const request = new Request(input, init);
    sent.push({ path: new URL(request.url).pathname, csrf: request.headers.get('x-csrf-token') });
    return fetch(input, init);
  };
  const client = createClient({
    baseUrl: kit.address,
    profile: 'digital-twin-v2',
    storage: 'cookie',
    fetch: watched,
    onSignedOut: () => void signedOut.push('/login'),
  });
  const outcome = await client.login({ username: 'admin', password: KIT_PASSWORD });
  assert.equal(outcome.kind, 'signed-in');
  return { client, sent, signedOut };
}

test('B07 B05 on a 401 the client refreshes once for all its requests, and goes on', async (t) => {
  const { client, sent, signedOut } = await openPage();
  t.after(() => client.close());
  assert.equal((await client.fetch('/api/twins/1')).status, 200);
  kit.clock.advance(minutes(61));
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.fetch('/api/twins/1')));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(sent.filter(({ path }) => path === REFRESH).length, 1);
  assert.deepEqual(signedOut, []);
});

test('B09 B04 it sends X-CSRF-TOKEN with changes and with the refresh, for cookies are its credential', async (t) => {
  const { client, sent } = await openPage();
  t.after(() => client.close());
  assert.equal((await client.fetch('/api/twins/1', { method: 'POST', body: 'x' })).status, 200);
  assert.ok(sent.at(-1)?.csrf);
  kit.clock.advance(minutes(61));
  assert.equal((await client.fetch('/api/twins/1', { method: 'DELETE' })).status, 200);
  assert.ok(sent.find(({ path }) => path === REFRESH)?.csrf);
});

test('B07 it goes to the login when the refresh is refused too', async (t) => {
  const { client, signedOut } = await openPage();
  t.after(() => client.close());
  const token = await kit.signIn();
  assert.equal((await kit.call('POST', '/v1/logout-all', { token, body: {} })).status, 200);
  assert.equal((await client.fetch('/api/twins/1')).status, 401);
  assert.deepEqual(signedOut, ['/login']);
});
