import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, type Front, startBackEnd, startFront } from './gateway-kit.contract.ts';

/** A front before a back end that answers with these headers, names and values in turn. */
async function before(said: readonly string[], ours: readonly string[] = []): Promise<Front> {
  const { url } = await startBackEnd((_request, response) => void response.writeHead(200, [...said]).end());
  return Object.assign(await startFront({ backEnd: { url } }), { ours });
}

// Attack: an answer for one origin is kept by a cache, and given to the page of another.
test('what our own headers depend on stands beside what those of the back end do', async () => {
  const front = await before(['Vary', 'Accept-Encoding'], ['vary', 'Origin']);
  assert.equal((await ask(front, 'GET', '/')).headers.vary, 'Accept-Encoding, Origin');
  const silent = await before([], ['vary', 'Origin']);
  assert.equal((await ask(silent, 'GET', '/')).headers.vary, 'Origin');
});

// Attack: a back end that lets every page read stands behind a configuration that lets one.
test('where we say which pages may read, the back end says nothing', async () => {
  const said = [
    ...['Access-Control-Allow-Origin', '*', 'access-control-allow-credentials', 'true'],
    ...['Access-Control-Expose-Headers', 'x-secret', 'x-own', '1'],
  ];
  const ours = ['access-control-allow-origin', 'https://a.example'];
  const { headers, rawHeaders } = await ask(await before(said, ours), 'GET', '/');
  assert.equal(headers['access-control-allow-origin'], 'https://a.example');
  assert.deepEqual(
    rawHeaders.filter((name) => /^access-control-/i.test(name)),
    ['access-control-allow-origin'],
  );
  assert.equal(headers['x-own'], '1');
});

// Attack: a page of another site, or one in a sandbox, asks a back end that echoes every origin.
test('to an origin that is not on our list the back end opens nothing either, and never to a sandbox', async () => {
  const echo = (origin: string) => ['access-control-allow-origin', origin, 'access-control-allow-credentials', 'true'];
  for (const origin of ['https://evil.example', 'null']) {
    const { rawHeaders } = await ask(await before(echo(origin), ['vary', 'Origin']), 'GET', '/');
    assert.deepEqual(
      rawHeaders.filter((name) => /^access-control-/i.test(name)),
      [],
    );
  }
  const { headers } = await ask(await before(echo('null')), 'GET', '/');
  assert.equal(headers['access-control-allow-origin'], undefined);
});

test('where we say nothing of other pages, what the back end says passes', async () => {
  const { headers } = await ask(await before(['access-control-allow-origin', '*']), 'GET', '/');
  assert.equal(headers['access-control-allow-origin'], '*');
});

// Attack: a back end behind a cache has the cookie of one caller go on to the next, or framing go missing.
test('neither cookies nor framing can be named away by a back end', async () => {
  const front = await before([
    ...['Connection', 'close, set-cookie, content-type, x-hop', 'Set-Cookie', 'own=1'],
    ...['Content-Type', 'text/plain', 'X-Hop', '1'],
  ]);
  const { headers } = await ask(front, 'GET', '/');
  assert.deepEqual(headers['set-cookie'], ['own=1']);
  assert.equal(headers['content-type'], 'text/plain');
  assert.equal(headers['x-hop'], undefined);
});

// Attack: a server behind CGI makes `_` of every sign of a name, so that `Twinkeep.Assertion` becomes ours.
test('headers that a server could take for ours are removed whatever sign stands in them', async () => {
  const arrived: string[] = [];
  const { url } = await startBackEnd((request, response) => {
    arrived.push(...Object.keys(request.headers));
    response.end();
  });
  const front = await startFront({ backEnd: { url }, route: { credential: 'pass' } });
  const names = [
    'twinkeep-assertion',
    'x-forwarded-for',
    'x-real-ip',
    'x-original-url',
    'x-original-method',
    'authorization',
    'x-api-key',
  ];
  const forged: Record<string, string> = { 'x.mine': 'mine', 'content.type': 'forged', 'content.length': '7' };
  for (const name of names) {
    for (const sign of ['.', '!', '~', '|', '+', "'", '_']) forged[name.replace('-', sign)] = 'forged';
  }
  delete forged['authorization'];
  await ask(front, 'GET', '/', { headers: forged });
  assert.deepEqual(arrived.sort(), [
    ...['connection', 'host', 'twinkeep-assertion', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
    ...['x-request-id', 'x.mine'],
  ]);
});

const V2 = ['access_token_cookie', 'refresh_token_cookie', 'csrf_access_token'];

// Attack: a back end takes the token that its caller has of a profile, or plants one of its own.
test('cookies of the profiles stay here, and no back end sets them', async () => {
  const seen: (string | undefined)[] = [];
  const { url } = await startBackEnd((request, response) => {
    seen.push(request.headers.cookie);
    const names = ['access_token_cookie', ' Refresh_Token_Cookie', '=csrf_access_token', '__Host-access_token_cookie'];
    const cookies = [...names, 'tk_access', 'access_token_cookie_2', 'own'].map((name) => `${name}=1; Path=/`);
    response.writeHead(200, { 'set-cookie': [...cookies, 'access_token_cookie'] }).end();
  });
  const cookie = 'access_token_cookie=s; my_access_token_cookie=1;REFRESH_TOKEN_COOKIE =s; csrf_access_token=s; a=1';
  const strict = await startFront({ backEnd: { url }, cookies: V2 });
  const { headers } = await ask(strict, 'GET', '/', { headers: { cookie } });
  assert.deepEqual(seen, ['my_access_token_cookie=1; a=1']);
  assert.deepEqual(headers['set-cookie'], ['access_token_cookie_2=1; Path=/', 'own=1; Path=/']);
  const lone = await ask(strict, 'GET', '/', { headers: { cookie: 'access_token_cookie=s' } });
  assert.deepEqual([lone.status, seen[1]], [200, undefined]);
});

test('a back end that is to verify the cookie of its profile itself gets it, and looks after it', async () => {
  const seen: (string | undefined)[] = [];
  const { url } = await startBackEnd((request, response) => {
    seen.push(request.headers.cookie);
    response.writeHead(200, { 'set-cookie': ['access_token_cookie=; Max-Age=0', 'tk_access=1'] }).end();
  });
  const front = await startFront({ backEnd: { url }, route: { credential: 'pass' }, cookies: V2 });
  const { headers } = await ask(front, 'GET', '/', { headers: { cookie: 'access_token_cookie=s; a=1' } });
  assert.deepEqual(seen, ['access_token_cookie=s; a=1']);
  assert.deepEqual(headers['set-cookie'], ['access_token_cookie=; Max-Age=0']);
});
