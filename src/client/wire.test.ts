import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { answer, type Handler, serve, watch } from './client-kit.contract.ts';
import { type ClientOptions, createClient } from './index.ts';
import { createJar } from './jar.ts';

const open: { close(): Promise<void> }[] = [];
after(() => Promise.all(open.map((server) => server.close())));

async function listen(handler: Handler): Promise<string> {
  const server = await serve(handler);
  open.push(server);
  return server.url;
}

async function signedIn(handler: Handler, options: Partial<ClientOptions> = {}) {
  const baseUrl = await listen((request, response, body) => {
    const cookies = ['tk_csrf=CS; Path=/', 'tk_device=mine; Path=/'];
    if (request.url === '/v1/login')
      answer(response, 200, { access_token: 'a0', refresh_token: 'r0' }, { 'set-cookie': cookies });
    else handler(request, response, body);
  });
  const wire = watch();
  const signedOut: number[] = [];
  const client = createClient({ baseUrl, fetch: wire.fetch, onSignedOut: () => void signedOut.push(1), ...options });
  await client.login({ username: 'ada', password: 'correct horse battery staple' });
  return { client, wire, signedOut };
}

// Attack: a back end redirects a command to a server of its own, with body, CSRF value and cookies.
test('redirects lead nowhere but to the own server, and nothing but a safe request follows them', async () => {
  const heard: string[] = [];
  const elsewhere = await listen((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    answer(response, 200, {}, { 'set-cookie': 'tk_device=planted; Path=/' });
  });
  const handler: Handler = (request, response) => {
    const { url = '' } = request;
    if (url.startsWith('/out')) return answer(response, 307, {}, { location: `${elsewhere}/x` });
    if (url.startsWith('/in')) return answer(response, 308, {}, { location: '/there/' });
    if (url === '/round') return answer(response, 302, {}, { location: '/round' });
    answer(response, 200, { cookie: request.headers.cookie, authorization: request.headers.authorization });
  };
  for (const storage of ['memory', 'cookie'] as const) {
    const { client, wire } = await signedIn(handler, { storage });
    for (const path of ['/out', '/in']) {
      await assert.rejects(client.post(path, { secret: 1 }), { name: 'ClientError', status: 0 });
      await assert.rejects(client.delete(path), { name: 'ClientError', status: 0 });
    }
    await assert.rejects(client.get('/out'), { code: 'CLIENT_REDIRECT' });
    await assert.rejects(client.get('/round'), { code: 'CLIENT_REDIRECT' });
    assert.equal(wire.count('GET /round'), 6);
    assert.deepEqual(await client.get('/in'), {
      cookie: 'tk_csrf=CS; tk_device=mine',
      ...(storage === 'memory' ? { authorization: 'Bearer a0' } : {}),
    });
    assert.equal((await client.fetch('/out', { redirect: 'manual' })).status, 307);
    client.close();
  }
  assert.deepEqual(heard, []);
});

// A browser hides where a redirect leads; it goes on by itself then, within the page's own origin.
test('in a browser redirects are followed within the own origin', async () => {
  const asked: (readonly [string | undefined, string | undefined])[] = [];
  const fetch = async (_: string, init: RequestInit = {}): Promise<Response> => {
    asked.push([init.redirect, init.mode]);
    if (init.redirect !== 'manual') return new Response('{}');
    return Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' });
  };
  await createClient({ baseUrl: 'https://twin.example', fetch }).get('/x');
  assert.deepEqual(asked, [
    ['manual', undefined],
    ['follow', 'same-origin'],
  ]);
});

// Attack: a back end sets cookies until the jar is full, and a rotated token is sent for good.
test('a full jar takes changes and ends of what it holds, and what is new when something has run out', () => {
  let now = 0;
  const jar = createJar(() => now);
  const keep = (line: string): void => jar.keep(new Response(null, { headers: { 'set-cookie': line } }));
  keep('tk_refresh=R1; Path=/v1/token; Max-Age=999');
  for (let at = 0; at < 49; at++) keep(`c${at}=1; Path=/app; Max-Age=1`);
  keep('late=1; Path=/app');
  assert.equal(jar.get('late'), undefined);
  keep('tk_refresh=R2; Path=/v1/token; Max-Age=999');
  assert.equal(jar.headerFor('/v1/token/refresh'), 'tk_refresh=R2');
  keep('tk_refresh=; Path=/v1/token; Max-Age=0');
  assert.equal(jar.headerFor('/v1/token/refresh'), undefined);
  keep('one=1; Path=/');
  keep('two=1; Path=/');
  assert.deepEqual([jar.get('one'), jar.get('two')], ['1', undefined]);
  now = 60_000;
  keep('two=1; Path=/');
  assert.equal(jar.get('two'), '1');
});

test('a refresh signs out only when its answer says that the session has ended', async () => {
  const outcome = async (status: number, body: object, options: Partial<ClientOptions> = {}) => {
    const handler: Handler = (request, response) =>
      answer(response, request.url === '/x' ? 401 : status, request.url === '/x' ? {} : body);
    const { client, signedOut } = await signedIn(handler, options);
    const said = await client.fetch('/x').catch((error) => error);
    client.close();
    return [said.name === 'ClientError' ? 'error' : said.status, signedOut.length];
  };
  for (const code of ['EXPIRED', 'REVOKED', 'UNKNOWN', 'DEVICE'])
    assert.deepEqual(await outcome(401, { code: `SESSION_${code}` }), [401, 1], code);
  assert.deepEqual(await outcome(401, { error: 'in the words of an older system' }), [401, 1]);
  for (const status of [400, 403, 404, 422]) assert.deepEqual(await outcome(status, {}), ['error', 0], String(status));
  for (const [status, code] of [
    ...[[403, 'DETECTION_BLOCKED'] as const, [422, 'HTTP_INPUT_REFUSED'] as const],
    ...[[401, 'IDENTITY_CREDENTIALS'] as const, [403, 'SESSION_CSRF'] as const],
  ])
    assert.deepEqual(await outcome(status, { code }), ['error', 0], code);
  const v2 = { login: '/v1/login', refresh: '/refresh', refreshBy: 'cookie', refreshEnds: [401, 422] } as const;
  assert.deepEqual(await outcome(422, { msg: 'Not enough segments' }, { profile: v2 }), [401, 1]);
  assert.deepEqual(await outcome(422, { msg: 'CSRF double submit tokens do not match' }, { profile: v2 }), [
    'error',
    0,
  ]);
});

test('a refresh whose CSRF value is refused asks for it anew, once', async () => {
  const refresh = 'POST /v1/token/refresh';
  for (const good of [true, false]) {
    let access = 401;
    const handler: Handler = (request, response) => {
      if (request.url === '/v1/csrf') return answer(response, 200, { csrf_token: 'new' });
      if (request.url === '/x') return answer(response, access, {});
      const isGood = good && request.headers['x-csrf-token'] === 'new';
      if (isGood) access = 200;
      answer(response, isGood ? 200 : 403, isGood ? {} : { code: 'SESSION_CSRF' });
    };
    const { client, wire, signedOut } = await signedIn(handler, { storage: 'cookie' });
    const said = await client.fetch('/x').catch((error) => error);
    assert.equal(said.status, good ? 200 : 403);
    assert.deepEqual([wire.count(refresh), wire.count('GET /v1/csrf'), signedOut], [2, 1, []]);
    client.close();
  }
});
