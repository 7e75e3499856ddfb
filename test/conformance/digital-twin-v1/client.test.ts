import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../../src/client/index.ts';
import { hours } from '../../../src/kernel/clock.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { type OldTwin, startOldTwin } from '../old-twin.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

let twin: OldTwin;
let kit: ProfileKit;
before(async () => {
  twin = await startOldTwin();
  const routes = [{ path: '/api/*', to: 'twin', profile: 'digital-twin-v1' }];
  const gateway = { backEnds: { twin: { url: twin.url } }, routes };
  kit = await startProfile('digital-twin-v1', { limitsEnabled: false }, { config: { gateway } });
});
after(async () => {
  await kit.close();
  await twin.close();
});

/** A page of the old frontend, as far as the client sees one. */
function openPage(pathname: string) {
  const visited: string[] = [];
  const kept = new Map<string, string>();
  const localStorage = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
  const location = { pathname, assign: (url: string) => void visited.push(url) };
  return { visited, kept, localStorage, location };
}

const ADA = { username: 'admin', password: KIT_PASSWORD };

test('A06 A03 the client keeps its token, sends it, and leads to /login at the first 401', async (t) => {
  const page = openPage('/twins');
  Object.defineProperty(globalThis, 'location', { value: page.location, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, 'location'));
  const sent: (string | null)[] = [];
  const watched: typeof fetch = (input, init) => {
    sent.push(
      new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined)).get('authorization'),
    );
    return fetch(input, init);
  };
  const client = createClient({
    baseUrl: kit.address,
    profile: 'digital-twin-v1',
    storage: page.localStorage,
    fetch: watched,
  });
  t.after(() => client.close());
  assert.equal((await client.login(ADA)).kind, 'signed-in');
  assert.ok(
    [...page.kept.values()].some((text) => /eyJ[\w-]+\.[\w-]+\.[\w-]+/.test(text)),
    'it outlives a reload',
  );

  assert.equal((await client.fetch('/api/twins')).status, 200);
  assert.match(sent.at(-1) ?? '', /^Bearer eyJ/);
  assert.deepEqual(page.visited, []);
  kit.clock.advance(hours(24));
  const both = await Promise.all([client.fetch('/api/twins'), client.fetch('/api/twins/1')]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [401, 401],
  );
  assert.deepEqual(page.visited, ['/login']);
  assert.equal(client.isSignedIn(), false);
});

test("A06 a wrong password is the page's to show: nobody is led away from it", async (t) => {
  const page = openPage('/login');
  Object.defineProperty(globalThis, 'location', { value: page.location, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, 'location'));
  const client = createClient({ baseUrl: kit.address, profile: 'digital-twin-v1', storage: page.localStorage });
  t.after(() => client.close());
  await assert.rejects(client.login({ ...ADA, password: 'wrong' }), { status: 401 });
  assert.deepEqual(page.visited, []);
});
