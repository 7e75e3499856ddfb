import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import { sharedStorage, watch } from './client-kit.contract.ts';
import { ClientError, type ClientOptions, createClient } from './index.ts';

const REFRESH = 'POST /v1/token/refresh';
const ADMIN = { username: 'admin', password: KIT_PASSWORD };

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

/** A client of the kit, signed in unless told. */
async function clientOf(options: Partial<ClientOptions> & { readonly signedIn?: boolean } = {}) {
  const { signedIn = true, ...rest } = options;
  const wire = watch();
  const signedOut: number[] = [];
  const onSignedOut = () => void signedOut.push(1);
  const client = createClient({ baseUrl: kit.address, fetch: wire.fetch, onSignedOut, ...rest });
  if (signedIn) assert.deepEqual(await client.login(ADMIN), { kind: 'signed-in' });
  return { client, wire, signedOut };
}
/** Lets access tokens run out, and refresh tokens not. */
const expire = () => kit.clock.advance(16 * 60_000);
const times = <T>(count: number, work: () => Promise<T>) => Promise.all(Array.from({ length: count }, work));

test('whoever signs in is who the calls are made as', async () => {
  const { client } = await clientOf();
  assert.equal(client.isSignedIn(), true);
  const me = await client.me();
  assert.deepEqual([me.username, me.tenant], ['admin', 'main']);
  assert.deepEqual(await client.get('/v1/me'), me);
  assert.equal((await client.sessions()).filter(({ current }) => current).length, 1);
  await client.logout();
  assert.equal(client.isSignedIn(), false);
});

test('forty calls that are refused at once refresh once, and all succeed', async () => {
  const { client, wire, signedOut } = await clientOf();
  expire();
  const statuses = await times(40, async () => (await client.fetch('/v1/me')).status);
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(wire.count(REFRESH), 1);
  assert.equal(wire.count('GET /v1/me'), 80);
  assert.deepEqual(signedOut, []);
});

test('two tabs refresh once between them, and go on with the same tokens', async () => {
  const storage = sharedStorage();
  const [one, two] = [await clientOf({ storage }), await clientOf({ storage, signedIn: false })];
  expire();
  const asked = [one, two].map(({ client }) => times(20, async () => (await client.fetch('/v1/me')).status));
  assert.deepEqual(new Set((await Promise.all(asked)).flat()), new Set([200]));
  assert.equal(one.wire.count(REFRESH) + two.wire.count(REFRESH), 1);
  for (const { client } of [one, two]) client.close();
});

test('a refresh whose answer is lost is repeated, and signs nobody out', async () => {
  const { client, wire, signedOut } = await clientOf();
  for (let round = 0; round < 3; round++) {
    expire();
    wire.lose(REFRESH);
    assert.equal((await client.me()).username, 'admin');
  }
  assert.equal(wire.count(REFRESH), 6);
  assert.deepEqual(signedOut, []);
});

test('a network that is away signs nobody out: the call fails, and the next one finds the session', async () => {
  const { client, wire, signedOut } = await clientOf();
  expire();
  wire.lose(REFRESH, 2);
  await assert.rejects(client.me(), { name: 'ClientError', code: 'CLIENT_UNREACHABLE', status: 0 });
  assert.equal(client.isSignedIn(), true);
  assert.equal((await client.me()).username, 'admin');
  assert.deepEqual(signedOut, []);
});

test('a session that was ended elsewhere leads to the login page once, however many calls find it out', async () => {
  const { client, wire, signedOut } = await clientOf();
  const other = await clientOf();
  const [mine] = (await client.sessions()).filter(({ current }) => current);
  await other.client.endSession(mine?.id ?? '');
  const statuses = await times(30, async () => (await client.fetch('/v1/me')).status);
  assert.deepEqual(new Set(statuses), new Set([401]));
  assert.equal(wire.count(REFRESH), 1);
  assert.deepEqual([signedOut, client.isSignedIn()], [[1], false]);
  await assert.rejects(client.me(), { status: 401 });
  assert.deepEqual([wire.count(REFRESH), signedOut], [1, [1]]);
  await client.login(ADMIN);
  assert.equal((await client.me()).username, 'admin');
});

test('a tab that signs out takes the others along', async () => {
  const storage = sharedStorage();
  const [one, two] = [await clientOf({ storage }), await clientOf({ storage, signedIn: false })];
  assert.equal((await two.client.me()).username, 'admin');
  const heard = new Promise<void>((resolve) => {
    const hear = setInterval(() => {
      if (two.signedOut.length === 0) return;
      clearInterval(hear);
      resolve();
    }, 5);
  });
  await one.client.logout();
  await heard;
  assert.deepEqual([one.signedOut, two.signedOut, two.client.isSignedIn()], [[], [1], false]);
  for (const { client } of [one, two]) client.close();
});

test('a wrong password is told by its code, is no reason to refresh, and says nothing of what was sent', async () => {
  const { client, wire, signedOut } = await clientOf({ signedIn: false });
  const error = await client
    .login({ username: 'admin', password: 'wrong horse battery staple' })
    .catch((cause) => cause);
  assert.deepEqual([error.name, error.status, error.code], ['ClientError', 401, 'IDENTITY_CREDENTIALS']);
  assert.ok(!JSON.stringify([error, error.stack, String(error)]).includes('wrong horse'));
  assert.deepEqual([wire.sent, signedOut], [['POST /v1/login'], []]);
});

// Attack: a log of the client, or an error of it, tells the tokens.
test('neither the client nor its errors show a token', async () => {
  const { client } = await clientOf();
  const shown = JSON.stringify(client) + String(client);
  const error: unknown = await client.get('/v1/no-such-route').catch((cause: unknown) => cause);
  assert.ok(error instanceof ClientError && error.status === 404);
  for (const text of [shown, JSON.stringify(error), String(error.stack)]) assert.doesNotMatch(text, /eyJ|tkr_/);
});

// Attack: a path out of data sends the token to a server of the attacker's.
test('no path leads to another server', async () => {
  const { client, wire } = await clientOf();
  const sent = wire.sent.length;
  const paths = ['https://evil.example/', '//evil.example/', '/\\evil.example/', 'javascript:1', '\\\\evil.example'];
  for (const path of paths) await assert.rejects(client.fetch(path), TypeError, path);
  assert.equal(wire.sent.length, sent);
  const below = createClient({ baseUrl: `${kit.address}/v1/`, fetch: wire.fetch });
  await assert.rejects(below.fetch('/../metrics'), TypeError);
});

test('a caller who gives up waits no longer, and the refresh goes on for the others', async () => {
  const { client, wire } = await clientOf();
  expire();
  const leaving = new AbortController();
  const left = client.fetch('/v1/me', { signal: leaving.signal });
  const stayed = client.fetch('/v1/me');
  leaving.abort(new Error('left'));
  await assert.rejects(left, { message: 'left' });
  assert.equal((await stayed).status, 200);
  assert.equal(wire.count(REFRESH), 1);
});

test('in cookie mode also Node keeps the cookies, sends the CSRF value with changes and refreshes once', async () => {
  const { client, wire, signedOut } = await clientOf({ storage: 'cookie' });
  expire();
  const statuses = await times(20, async () => (await client.fetch('/v1/me')).status);
  assert.deepEqual([new Set(statuses), wire.count(REFRESH)], [new Set([200]), 1]);
  const others = (await client.sessions()).filter(({ current }) => !current);
  await client.endSession(others[0]?.id ?? '');
  assert.equal(await client.logoutAll(), others.length);
  await assert.rejects(client.me(), { status: 401 });
  assert.deepEqual(signedOut, [1]);
  client.close();
});

test('what this profile has no route for is refused before anything is sent', async () => {
  const { client, wire } = await clientOf({ profile: 'ems', signedIn: false });
  await assert.rejects(client.me(), { code: 'CLIENT_NO_ROUTE' });
  await assert.rejects(client.register({ username: 'x', password: 'y' }), { code: 'CLIENT_NO_ROUTE' });
  assert.deepEqual(wire.sent, []);
  assert.throws(() => createClient({ baseUrl: 'ftp://twin.example' }), TypeError);
  assert.throws(() => createClient({ baseUrl: 'https://me:secret@twin.example' }), TypeError);
});
