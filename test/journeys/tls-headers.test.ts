import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { SECURITY_HEADERS } from '../../src/http/index.ts';
import { openWire, type WireAnswer } from '../hostile/wire.ts';
import { startTls, type TlsKit } from './tls-kit.ts';

/** As E16 lists them, character by character, and what its clients don't mind. */
const EMS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-xss-protection': '1; mode=block',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'self'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

type Case = readonly [status: number, request: string];
const HOST = 'Host: x\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** Every way in which an answer comes about: of a route, the router, the line, the framing, Node, and the gateway. */
const CASES: readonly Case[] = [
  [200, `GET /health HTTP/1.1\r\n${HOST}\r\n`],
  [200, `HEAD /health HTTP/1.1\r\n${HOST}\r\n`],
  [401, `GET /v1/me HTTP/1.1\r\n${HOST}\r\n`],
  [401, `HEAD /v1/me HTTP/1.1\r\n${HOST}\r\n`],
  [401, `GET /v1/me HTTP/1.1\r\n${HOST}Authorization: Bearer x\r\n\r\n`],
  [
    401,
    `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 44\r\n\r\n{"username":"admin","password":"wrong wrong"}`.replace(
      '44',
      '45',
    ),
  ],
  [404, `GET /nothing HTTP/1.1\r\n${HOST}\r\n`],
  [404, `GET /v1/nothing HTTP/1.1\r\n${HOST}\r\n`],
  [405, `PUT /health HTTP/1.1\r\n${HOST}\r\n`],
  [405, `OPTIONS /health HTTP/1.1\r\n${HOST}\r\n`],
  [413, `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 99999999\r\n\r\n`],
  [415, `POST /v1/login HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx`],
  [422, `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 2\r\n\r\n{}`],
  [400, `POST /v1/login HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 1\r\n\r\n{`],
  [400, `GET /%zz HTTP/1.1\r\n${HOST}\r\n`],
  [400, `GET /health HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n{}`],
  [400, 'GET /health HTTP/1.1\r\n\r\n'],
  [400, `GET /health HTTP/1.1\r\n${HOST}Expect: nonsense\r\n\r\n`],
  [400, 'hello\r\n\r\n'],
  [431, `GET /health HTTP/1.1\r\n${HOST}X: ${'x'.repeat(20_000)}\r\n\r\n`],
  [401, `GET /v1/readings/stream HTTP/1.1\r\n${HOST}X-Api-Key: bad\r\n${UPGRADE}\r\n`],
  [404, `GET /nothing HTTP/1.1\r\n${HOST}${UPGRADE}\r\n`],
  [304, `GET /open/kept HTTP/1.1\r\n${HOST}\r\n`],
  [200, `GET /open/page HTTP/1.1\r\n${HOST}\r\n`],
  [204, `GET /open/none HTTP/1.1\r\n${HOST}\r\n`],
  [302, `GET /open/away HTTP/1.1\r\n${HOST}\r\n`],
  [500, `GET /open/broken HTTP/1.1\r\n${HOST}\r\n`],
  [502, `GET /dead HTTP/1.1\r\n${HOST}\r\n`],
];

/** What a back end says of itself. */
const TELLING = { server: 'nginx/1.18', 'x-powered-by': 'PHP/5.6', 'x-xss-protection': '1' };

async function startBackEnd(t: TestContext): Promise<string> {
  const answers: Record<string, number> = {
    '/open/kept': 304,
    '/open/page': 200,
    '/open/none': 204,
    '/open/away': 302,
  };
  const backEnd = createServer((request, response) => {
    response.writeHead(answers[request.url ?? ''] ?? 500, { location: '/x', ...TELLING }).end();
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  t.after(() => backEnd.close().closeAllConnections());
  return `http://127.0.0.1:${Object(backEnd.address()).port}`;
}

async function start(t: TestContext, more: object = {}): Promise<TlsKit> {
  const open = { access: 'public' as const, because: 'of a test' };
  const gateway = {
    backEnds: { old: { url: await startBackEnd(t) }, dead: { url: 'http://127.0.0.1:1' } },
    routes: [
      { path: '/open/*', to: 'old', ...open },
      { path: '/dead', to: 'dead', ...open },
    ],
  };
  return startTls(t, () => ({ tls: { enabled: false }, gateway, ...more }));
}

async function answerTo(kit: TlsKit, [status, request]: Case): Promise<WireAnswer> {
  const wire = await openWire(kit.listening.address);
  wire.send(request);
  const bodiless = request.startsWith('HEAD') || status === 304;
  const answer = await wire.answer(bodiless ? 'HEAD' : undefined);
  wire.end();
  assert.equal(answer.status, status, `${request.slice(0, 60)}: ${answer.body}`);
  return answer;
}

test('the strict headers stand in every kind of answer, once each, and nothing tells what serves it', async (t) => {
  const kit = await start(t);
  for (const one of CASES) {
    const { headers } = await answerTo(kit, one);
    for (const [name, value] of Object.entries(SECURITY_HEADERS))
      if (!(one[1].includes('/open/') && name === 'cache-control'))
        assert.equal(headers.get(name), value, `${one[0]} ${name}`);
    for (const name of ['server', 'x-powered-by', 'x-xss-protection'])
      assert.equal(headers.has(name), false, `${one[0]} ${name} ${one[1].slice(0, 40)}`);
  }
});

test('where ems speaks for all, its five headers stand in answers to what nobody can read, too', async (t) => {
  const profile = {
    ems: { secret: 'A7x9Qm2Lp8Rt5Vw3Zk6Nc1Bd4Fg0Hj2Y', apiKeysFile: '/dev/null', logDirectory: '/tmp/t-ems' },
  };
  const kit = await startTls(t, (file) => ({
    tls: { enabled: false },
    profiles: ['ems' as const],
    profile: {
      ems: { ...profile.ems, apiKeysFile: file('keys.json', '{}'), logDirectory: file('x', '').slice(0, -1) },
    },
  }));
  const cases: readonly Case[] = [
    [404, `GET /nothing HTTP/1.1\r\n${HOST}\r\n`],
    [401, `GET /api/v1/data/secure HTTP/1.1\r\n${HOST}\r\n`],
    [400, 'hello\r\n\r\n'],
    [431, `GET /health HTTP/1.1\r\n${HOST}X: ${'x'.repeat(20_000)}\r\n\r\n`],
  ];
  for (const one of cases) {
    const { headers } = await answerTo(kit, one);
    for (const [name, value] of Object.entries(EMS)) assert.equal(headers.get(name), value, `${one[0]} ${name}`);
  }
});

// Attack: a page in a sandbox, whose origin is `null`, or one of a name that looks like a listed one, reads with cookies.
test('no answer lets a page read along that is not named, and `*` never goes with cookies', async (t) => {
  const kit = await start(t, { corsOrigins: ['https://app.example'] });
  const of = async (kitOf: TlsKit, origin: string, request = `GET /v1/me HTTP/1.1\r\n${HOST}`) => {
    const { headers } = await answerTo(kitOf, [401, `${request}Origin: ${origin}\r\n\r\n`]);
    return [headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')];
  };
  assert.deepEqual(await of(kit, 'https://app.example'), ['https://app.example', 'true']);
  for (const origin of [
    'null',
    'https://app.example.evil.example',
    'https://evil-app.example',
    'http://app.example',
    'https://app.example:444',
    'HTTPS://APP.EXAMPLE',
    'https://app.example/',
    '*',
  ])
    assert.deepEqual(await of(kit, origin), [undefined, undefined], origin);
  const anybody = await start(t, { corsOrigins: ['*'] });
  for (const origin of ['null', 'https://evil.example']) assert.deepEqual(await of(anybody, origin), ['*', undefined]);
});
