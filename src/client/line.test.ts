import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { answer, type Handler, serve, sharedStorage, watch } from './client-kit.contract.ts';
import { type ClientOptions, createClient, type Preset } from './index.ts';
import { leased } from './turns.ts';

const open: { close(): Promise<void> }[] = [];
after(() => Promise.all(open.map((server) => server.close())));

/** A client of a server that answers as told, and what it sent. */
async function against(handler: Handler, options: Partial<ClientOptions> = {}) {
  const server = await serve(handler);
  open.push(server);
  const wire = watch();
  const signedOut: number[] = [];
  const onSignedOut = () => void signedOut.push(1);
  const client = createClient({ baseUrl: server.url, fetch: wire.fetch, onSignedOut, ...options });
  return { client, wire, signedOut };
}

const CREDENTIALS = { username: 'ada', password: 'correct horse battery staple' };
const refusal = (code: string) => ({ status: 401, code, title: code });

/** Signs in with a token that is good or not, refreshes to one that is, and asks `rest` for everything else. */
const signing =
  (rest: Handler): Handler =>
  (request, response, body) => {
    if (request.url === '/v1/login')
      answer(response, 200, { access_token: 'a0', refresh_token: 'r0', token_type: 'Bearer' });
    else if (request.url === '/v1/token/refresh') answer(response, 200, { access_token: 'a1', refresh_token: 'r1' });
    else rest(request, response, body);
  };

test('a server that refuses every token is asked twice and refreshed once: there is no loop', async () => {
  const { client, wire, signedOut } = await against(signing((_, response) => answer(response, 401, {})));
  await client.login(CREDENTIALS);
  assert.equal((await client.fetch('/x')).status, 401);
  assert.deepEqual(wire.sent.slice(1), ['GET /x', 'POST /v1/token/refresh', 'GET /x']);
  assert.deepEqual(signedOut, []);
});

test('a demand for a new proof goes to who can give it, and not to the refresh', async () => {
  for (const code of ['ACCESS_PROOF_TOO_OLD', 'ACCESS_SECOND_FACTOR'] as const) {
    let proved = false;
    const asked: string[] = [];
    const rest: Handler = (_, response) => answer(response, proved ? 200 : 401, proved ? { ok: true } : refusal(code));
    const onStepUp: ClientOptions['onStepUp'] = async (challenge) => {
      asked.push(challenge.code);
      proved = asked.length > 1;
      return true;
    };
    const { client, wire } = await against(signing(rest), { onStepUp });
    await client.login(CREDENTIALS);
    await assert.rejects(client.post('/x', {}), { code });
    assert.deepEqual(await client.post('/x', {}), { ok: true });
    assert.deepEqual(asked, [code, code]);
    assert.equal(wire.count('POST /v1/token/refresh'), 0);
    const alone = await against(signing(rest));
    proved = false;
    await assert.rejects(alone.client.post('/x', {}), { code });
    assert.deepEqual(alone.wire.sent, ['POST /x']);
  }
});

test('a 401 that is about the call itself, as a wrong code, refreshes nothing', async () => {
  const { client, wire, signedOut } = await against(
    signing((_, response) => answer(response, 401, refusal('MFA_CODE_WRONG'))),
  );
  await client.login(CREDENTIALS);
  await assert.rejects(client.post('/v1/mfa/factors/1/confirm', { code: '000000' }), { code: 'MFA_CODE_WRONG' });
  assert.deepEqual([wire.count('POST /v1/token/refresh'), signedOut], [0, []]);
});

test('a busy server is waited for as it asks, by safe requests, twice and within the bound', async () => {
  for (const status of [429, 503]) {
    let wait = '0';
    const { client, wire } = await against((_, response) => answer(response, status, {}, { 'retry-after': wait }), {
      maxWaitMs: 100,
    });
    assert.equal((await client.fetch('/x')).status, status);
    assert.equal(wire.count('GET /x'), 3);
    assert.equal((await client.fetch('/x', { method: 'POST' })).status, status);
    assert.equal(wire.count('POST /x'), 1);
    wait = '1';
    assert.equal((await client.fetch('/y')).status, status);
    wait = 'Fri, 21 Nov 2125 12:00:00 GMT';
    assert.equal((await client.fetch('/y')).status, status);
    assert.equal(wire.count('GET /y'), 2);
    wait = 'never';
    assert.equal((await client.fetch('/z')).status, status);
    assert.equal(wire.count('GET /z'), 1);
  }
});

test('whoever gives up while a busy server is waited for, waits no longer', async () => {
  const { client, wire } = await against((_, response) => answer(response, 503, {}, { 'retry-after': '5' }));
  await assert.rejects(client.fetch('/x', { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' });
  assert.equal(wire.count('GET /x'), 1);
});

test('a body that cannot be sent twice is sent once', async () => {
  const { client, wire } = await against(signing((_, response) => answer(response, 401, {})));
  await client.login(CREDENTIALS);
  const body = new Blob(['x']).stream();
  const init: RequestInit = { method: 'POST', body, duplex: 'half' };
  assert.equal((await client.fetch('/x', init)).status, 401);
  assert.equal(wire.count('POST /x'), 1);
});

test('a refresh that the server cannot do now is no sign-out', async () => {
  for (const status of [429, 500, 503]) {
    const handler: Handler = (request, response) => {
      if (request.url === '/v1/login') answer(response, 200, { access_token: 'a0', refresh_token: 'r0' });
      else answer(response, request.url === '/x' ? 401 : status, {});
    };
    const { client, signedOut } = await against(handler);
    await client.login(CREDENTIALS);
    await assert.rejects(client.fetch('/x'), { name: 'ClientError', status });
    assert.deepEqual([signedOut, client.isSignedIn()], [[], true]);
  }
});

test('a second factor is asked for, answered and remembered, in our words and in those of older systems', async () => {
  const sent: Record<string, unknown>[] = [];
  const ways = { ticket: 't1', expires_in: 600, methods: [{ method: 'totp', factor_id: 'f1' }] };
  const handler: Handler = (request, response, body) => {
    sent.push(JSON.parse(body));
    if (request.url === '/v1/login') answer(response, 202, { second_factor: ways });
    else if (request.url === '/auth/login')
      answer(response, 200, { mfa_required: true, mfa_token: 't2', methods: ['TOTP'] });
    else answer(response, 200, { access_token: 'a0', refresh_token: 'r0', backup_codes: ['one'] });
  };
  const ours = await against(handler);
  const step = await ours.client.login(CREDENTIALS);
  assert.deepEqual(step, { kind: 'second-factor', ticket: 't1', expiresInS: 600, methods: ways.methods });
  assert.equal(ours.client.isSignedIn(), false);
  const done = await ours.client.verifySecondFactor({
    ticket: 't1',
    code: '123456',
    factorId: 'f1',
    rememberDevice: true,
  });
  assert.deepEqual(done, { kind: 'signed-in', backupCodes: ['one'] });
  assert.deepEqual(sent.at(-1), { ticket: 't1', code: '123456', factor_id: 'f1', remember_device: true });

  const theirs = await against(handler, { profile: 'aivillage' });
  assert.deepEqual(await theirs.client.login(CREDENTIALS), {
    ...{ kind: 'second-factor', ticket: 't2', expiresInS: 0, methods: [{ method: 'TOTP' }] },
  });
  await theirs.client.verifySecondFactor({ ticket: 't2', code: '123456' });
  assert.deepEqual(sent.at(-1), { mfa_token: 't2', code: '123456' });
  assert.equal(theirs.client.isSignedIn(), true);
});

/** Cookies and CSRF as a server with them does it; `csrf` changes when told. */
function cookieServer(names: { access: string; refresh: string; csrf: string; csrfRefresh: string; refused: number }) {
  let csrf = 'one';
  let access = 0;
  const cookies = (): string[] => [
    `${names.access}=a${access}; Path=/; HttpOnly`,
    `${names.refresh}=r; Path=/refresh; HttpOnly`,
    `${names.csrf}=${csrf}; Path=/`,
    `${names.csrfRefresh}=f-${csrf}; Path=/`,
  ];
  const given = (request: Parameters<Handler>[0], name: string): string | undefined =>
    request.headers.cookie
      ?.split('; ')
      .find((pair) => pair.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const handler: Handler = (request, response) => {
    const token = request.headers['x-csrf-token'];
    const bad = {
      [names.refused === 403 ? 'code' : 'msg']:
        names.refused === 403 ? 'SESSION_CSRF' : 'CSRF double submit tokens do not match',
    };
    if (request.url === '/login') return answer(response, 200, { csrf_token: csrf }, { 'set-cookie': cookies() });
    if (request.url === '/refresh') {
      if (
        given(request, names.refresh) === undefined ||
        token !== (names.csrf === names.csrfRefresh ? csrf : `f-${csrf}`)
      )
        return answer(response, names.refused, bad);
      access++;
      return answer(response, 200, {}, { 'set-cookie': cookies() });
    }
    if (given(request, names.access) !== `a${access}`) return answer(response, 401, {});
    if (request.url === '/csrf') return answer(response, 200, { csrf_token: csrf });
    if (request.method !== 'GET' && token !== csrf) return answer(response, names.refused, bad);
    return answer(response, 200, { authorization: request.headers.authorization ?? null });
  };
  return {
    handler,
    change: () => {
      csrf = 'two';
    },
    expire: () => void access++,
  };
}

test('in cookie mode no script sees a token, changes carry the CSRF value, and one that is refused is fetched anew', async () => {
  const two = { csrfCookie: 'c', csrfRefreshCookie: 'cr' };
  for (const refused of [403, 422]) {
    const server = cookieServer({ access: 'a', refresh: 'r', csrf: 'c', csrfRefresh: 'cr', refused });
    const profile: Preset = { login: '/login', refresh: '/refresh', refreshBy: 'cookie', csrf: '/csrf', ...two };
    const storage = sharedStorage();
    const { client, wire, signedOut } = await against(server.handler, { storage: 'cookie', profile });
    await client.login(CREDENTIALS);
    assert.deepEqual(await client.post('/x', {}), { authorization: null });
    server.expire();
    const all = await Promise.all(Array.from({ length: 20 }, () => client.post('/x', {})));
    assert.equal(all.length, 20);
    assert.equal(wire.count('POST /refresh'), 1);
    server.change();
    assert.deepEqual(await client.post('/x', {}), { authorization: null });
    assert.deepEqual(wire.sent.slice(-3), ['POST /x', 'GET /csrf', 'POST /x']);
    assert.deepEqual([signedOut, storage.getItem('x')], [[], null]);
    client.close();
  }
});

test('where the page has no login handler of its own it goes to the login page, and not from there', async (t) => {
  const gone: string[] = [];
  const location = { pathname: '/plant', assign: (url: string) => void gone.push(url) };
  Object.defineProperty(globalThis, 'location', { value: location, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, 'location'));
  const server = await serve((_, response) => answer(response, 401, {}));
  open.push(server);
  const visit = () => createClient({ baseUrl: server.url, fetch: watch().fetch }).fetch('/x');
  await visit();
  assert.deepEqual(gone, ['/login']);
  location.pathname = '/login';
  await visit();
  assert.deepEqual(gone, ['/login']);
});

// Where a page comes over plain http there is no Web Locks API.
test('a lease in the shared storage lets one of many work at a time, and outlives none of them', async () => {
  const store = sharedStorage();
  let [inside, most, done] = [0, 0, 0];
  const work = () =>
    leased(store, 'lease', async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
      done++;
    });
  await Promise.all(Array.from({ length: 5 }, work));
  assert.deepEqual([most, done, store.getItem('lease')], [1, 5, null]);
  store.setItem('lease', '99999999999999 planted');
  await work();
  assert.equal(done, 6);
});
