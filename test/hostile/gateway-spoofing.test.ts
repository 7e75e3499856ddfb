import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { answerOf, type Recorded, type Recorder, startRecorder, valuesOf } from '../faults/gateway-recorder.ts';
import { type Spoken, speak } from '../faults/gateway-speak.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

let kit: Kit;
let recorder: Recorder;
let token: string;
/** What the back end says in its head. */
let saying = '';
before(async () => {
  recorder = await startRecorder((request) => {
    if (valuesOf(request, 'upgrade').length === 0) return answerOf('seen', saying);
    return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n${saying}\r\n`;
  });
  const backEnds = { twin: { url: recorder.url } };
  const routes = [
    { path: '/open/*', to: 'twin', access: 'public' as const, because: 'the test asks without a token' },
    { path: '/api/*', to: 'twin', sockets: true },
  ];
  kit = await createKit({ config: { limits: { enabled: false }, gateway: { backEnds, routes } } });
  token = await kit.signIn();
});
after(async () => {
  await kit.close();
  await recorder.close();
});
beforeEach(() => {
  recorder.clear();
  saying = '';
});

/** Asks and waits. @returns the answer and the only request that the back end got */
async function through(path: string, head: string): Promise<{ readonly answer: Spoken; readonly request: Recorded }> {
  recorder.clear();
  const closing = /^connection:/im.test(head) ? '' : 'Connection: close\r\n';
  const answer = await speak(kit.address, `GET ${path} HTTP/1.1\r\nHost: twin.test\r\n${closing}${head}\r\n`);
  const [request, ...others] = recorder.requests;
  assert.ok(request !== undefined && others.length === 0, `${head}: ${answer.text}`);
  return { answer, request };
}

const bearer = (): string => `Authorization: Bearer ${token}\r\n`;

/** All spellings under which a server finds a header, and some under which only a careless one does. */
function spellings(name: string): readonly string[] {
  const capital = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  return [
    name,
    capital,
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    capital.replaceAll('-', '_'),
    name.replace('-', '_'),
  ];
}

// Attack: an assertion from outside, by which a back end takes a stranger for an administrator.
test('an assertion from outside never reaches the back end, and ours is there once and good', async () => {
  const { json } = await kit.call('GET', '/.well-known/assertion-jwks.json');
  const keys = createLocalJWKSet(json);
  for (const name of spellings('twinkeep-assertion')) {
    for (const forged of [`${name}: forged\r\n`, `${name}: forged\r\n${name}: forged2\r\n`, `${name}:\r\n`]) {
      const open = await through('/open/x', forged);
      assert.deepEqual(valuesOf(open.request, 'twinkeep-assertion'), [], name);
      const known = await through('/api/x', bearer() + forged);
      const [own, ...others] = valuesOf(known.request, 'twinkeep-assertion');
      assert.equal(others.length, 0, name);
      const { payload } = await jwtVerify(own ?? '', keys, {
        audience: 'twin',
        currentDate: new Date(kit.clock.now()),
      });
      assert.equal(typeof payload.sub, 'string');
      assert.ok(!recorder.bytes().includes('forged'), name);
    }
  }
});

// Attack: an address, a host, a path or a method that a back end believes because a proxy would have said it.
test('what only a proxy may say is said by us alone', async () => {
  const ours = {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'twin.test',
    via: undefined,
    'x-request-id': undefined,
  };
  const dropped = [
    ...['forwarded', 'x-real-ip', 'x-client-ip', 'x-cluster-client-ip', 'true-client-ip', 'cf-connecting-ip'],
    ...['x-forwarded-port', 'x-forwarded-server', 'x-forwarded-prefix', 'x-forwarded-user', 'x-forwarded-client-cert'],
    ...['x-original-url', 'x-rewrite-url', 'x-original-host', 'x-host', 'x-http-method-override', 'x-method-override'],
    ...['proxy', 'proxy-authorization', 'proxy-connection', 'twinkeep-tenant-id', 'twinkeep-roles', 'te', 'trailer'],
  ];
  for (const name of [...Object.keys(ours), ...dropped]) {
    for (const spelt of spellings(name)) {
      if (name === 'via' || spelt.toLowerCase() === 'twinkeep-tenant') continue;
      const { request } = await through('/open/x', `${spelt}: forged\r\n`);
      assert.ok(!recorder.bytes().includes('forged'), spelt);
      for (const [own, value] of Object.entries(ours)) {
        const values = valuesOf(request, own);
        assert.equal(values.length, 1, `${spelt}: ${own} ${values}`);
        if (value !== undefined) assert.equal(values[0], value, spelt);
      }
    }
  }
});

// Attack: `Connection` names headers of ours, and a proxy that does as it is told takes them away.
test('no header of ours and none that the policy looked at can be named away', async () => {
  const ours = [
    'twinkeep-assertion',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-request-id',
    'via',
    'host',
  ];
  for (const names of [
    ...ours,
    ours.join(', '),
    ours.join(',').toUpperCase(),
    ours.map((name) => name.replaceAll('-', '_')).join(),
  ]) {
    for (const connection of [`Connection: close, ${names}\r\n`, `Connection: ${names}\r\nConnection: close\r\n`]) {
      const { request } = await through('/api/x', bearer() + connection);
      for (const name of ours) assert.equal(valuesOf(request, name).length, 1, `${connection}: ${name}`);
    }
  }
  const kept = 'User-Agent: a\r\nOrigin: http://b\r\nRange: bytes=0-1\r\nIf-Match: "c"\r\nAccept: */*\r\n';
  const { request } = await through(
    '/open/x',
    `${kept}Connection: close, user-agent, origin, range, if-match, accept\r\n`,
  );
  for (const name of ['user-agent', 'origin', 'range', 'if-match', 'accept'])
    assert.equal(valuesOf(request, name).length, 1, name);
  const gone = await through('/open/x', 'X-Hop: secret\r\nConnection: close, x-hop\r\nKeep-Alive: timeout=9\r\n');
  assert.doesNotMatch(recorder.bytes(), /secret|timeout=9/);
  assert.deepEqual(
    valuesOf(gone.request, 'connection').filter((value) => value.includes('x-hop')),
    [],
  );
});

// Attack: a back end, or whoever reads its logs, acts with the token, key or cookie of its caller.
test('no credential of ours reaches the back end', async () => {
  const key = await kit.key('read');
  for (const name of ['Authorization', 'authorization', 'AUTHORIZATION']) {
    const { request } = await through('/api/x', `${name}: Bearer ${token}\r\n`);
    assert.deepEqual(valuesOf(request, 'authorization'), []);
    assert.ok(!recorder.bytes().includes(token));
  }
  for (const name of ['X-API-Key', 'x-api-key']) {
    await through('/api/x', `${name}: ${key}\r\n`);
    assert.ok(!recorder.bytes().includes(key), name);
  }
  for (const name of ['X_API_KEY', 'x_api-key', 'x-api_key']) {
    await through('/open/x', `${name}: ${key}\r\n`);
    assert.ok(!recorder.bytes().includes(key), name);
  }
  const cookies = [
    'tk_device=secret',
    'a=1; tk_device=secret',
    'tk_device=secret; a=1',
    '__Host-tk_device=secret',
    'TK_DEVICE=secret;a=1',
  ];
  for (const cookie of [
    ...cookies,
    'a=1;tk_device=secret',
    'a=1;\ttk_device=secret',
    'tk_other=secret',
    'tk_device="secret"',
  ]) {
    for (const name of ['Cookie', 'cookie', 'COOKIE']) {
      const { request } = await through('/api/x', `${bearer()}${name}: ${cookie}\r\n`);
      assert.ok(!recorder.bytes().includes('secret'), `${name}: ${cookie}`);
      if (cookie.includes('a=1')) assert.deepEqual(valuesOf(request, 'cookie'), ['a=1']);
    }
  }
  await through('/open/x', 'Cookie: a=1\r\nCookie: tk_device=secret\r\n');
  assert.ok(!recorder.bytes().includes('secret'));
});

test('the token of a socket stays with us, and the protocols beside it go through', async () => {
  const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n`;
  const offers = [
    `twinkeep, twinkeep.bearer.${token}`,
    `twinkeep.bearer.${token}, chat`,
    `chat, TWINKEEP.BEARER.${token}`,
  ];
  for (const offer of offers) {
    recorder.clear();
    saying = offer.includes('chat') ? 'Sec-WebSocket-Protocol: chat\r\n' : '';
    const head = `GET /api/socket HTTP/1.1\r\nHost: a\r\n${upgrade}Sec-WebSocket-Protocol: ${offer}\r\n\r\n`;
    const { statuses, text } = await speak(kit.address, head, 500);
    assert.deepEqual(statuses, [101], offer);
    assert.ok(!text.includes(token) && !recorder.bytes().includes(token), offer);
    const [request] = recorder.requests;
    assert.deepEqual(request && valuesOf(request, 'sec-websocket-protocol'), offer.includes('chat') ? ['chat'] : []);
  }
});

// Attack: a back end that was taken over speaks in our name to the clients of the others.
test('the head of an answer can neither forge what is ours nor set our cookies', async () => {
  const forged = [
    ...['Twinkeep-Assertion: forged', 'Twinkeep-Tenant: forged', 'X-Request-Id: forged'],
    ...[
      'Set-Cookie: tk_device=forged',
      'Set-Cookie: __Host-tk_device=forged; Secure; Path=/',
      'Set-Cookie: TK_DEVICE=forged',
    ],
    ...[
      'Set-Cookie: \ttk_device=forged',
      'Set-Cookie: =tk_device=forged',
      'Set-Cookie: = tk_device=forged',
      'Set-Cookie: __Secure-tk_x=forged',
    ],
    ...[
      'Proxy-Authenticate: Basic realm=forged',
      'Upgrade: forged',
      'Trailer: forged',
      'Keep-Alive: timeout=1, forged',
      'Location: ORIGIN/forged-not',
    ],
  ];
  for (const line of forged) {
    saying = `${line.replace('ORIGIN', recorder.url)}\r\nSet-Cookie: own=1\r\n`;
    const { answer } = await through('/open/x', '');
    assert.deepEqual(answer.statuses, [200], line);
    if (line.startsWith('Location')) assert.match(answer.text, /^location: \/forged-not\r$/im);
    else assert.ok(!answer.text.includes('forged'), `${line}: ${answer.text}`);
    assert.match(answer.text, /^set-cookie: own=1\r$/im, line);
    assert.equal(answer.text.match(/^x-request-id: /gim)?.length, 1, line);
  }
  saying = 'X-Own: 1\r\nConnection: x-request-id, content-security-policy, x-content-type-options, set-cookie\r\n';
  const { answer } = await through('/open/x', '');
  for (const name of ['x-request-id', 'content-security-policy', 'x-content-type-options', 'strict-transport-security'])
    assert.equal(answer.text.match(new RegExp(`^${name}: `, 'gim'))?.length, 1, name);
});
