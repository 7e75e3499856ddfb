import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { answerOf, type Recorded, type Recorder, startRecorder, valuesOf } from '../faults/gateway-recorder.ts';
import { speak } from '../faults/gateway-speak.ts';

const SLOW_MS = 200;

let kit: Kit;
let recorder: Recorder;
before(async () => {
  recorder = await startRecorder(({ target }, socket) => {
    const later = (bytes: string): void => void setTimeout(() => socket.write(bytes), SLOW_MS);
    if (target.startsWith('/open/slow')) later(answerOf('late'));
    else if (target.startsWith('/open/half')) {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf');
      later('half');
    } else return answerOf(`answer to ${target}`);
    return undefined;
  });
  const backEnds = { twin: { url: recorder.url } };
  const routes = [{ path: '/open/*', to: 'twin', access: 'public', because: 'the test asks without a token' } as const];
  kit = await createKit({ config: { limits: { enabled: false }, gateway: { backEnds, routes } } });
});
after(async () => {
  await kit.close();
  await recorder.close();
});
beforeEach(() => recorder.clear());

const HOST = 'Host: twin.example\r\n';
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\n${HOST}${more}\r\n`;
const post = (path: string, body: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n${more}\r\n${body}`;

// Attack: a refusal that is written while an earlier answer is due is taken for it; a proxy that shares the connection
// hands it to somebody else, and a client repeats what was done.
test('what is unreadable is never an answer to the request before it', async () => {
  for (const first of [
    get('/open/slow'),
    post('/open/slow', '{}'),
    post('/open/slow', '{}', 'Connection: close\r\n'),
  ]) {
    recorder.clear();
    const { statuses } = await speak(kit.address, `${first}NONSENSE\r\n\r\n`);
    assert.notEqual(statuses[0], 400, `${first.split('\r\n')[0]} reached the back end: ${recorder.bytes().length > 0}`);
  }
});

// Attack: bytes of our own in the middle of an answer, where its reader takes them for what the back end said.
test('an answer that is on its way is whole or cut, and nothing of ours stands in it', async () => {
  const { text } = await speak(kit.address, [get('/open/half'), 'NONSENSE\r\n\r\n']);
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  assert.ok(['half', 'halfhalf', ''].includes(body.slice(0, 8)), body);
});

test('requests that are sent without waiting are answered in their order', async () => {
  const paths = ['/open/slow', '/open/b', '/health', '/open/c', '/nothing', '/open/d'];
  const { text, statuses } = await speak(
    kit.address,
    paths.map((path) => get(path)).join('') + get('/open/e', 'Connection: close\r\n'),
  );
  assert.deepEqual(statuses, [200, 200, 200, 200, 404, 200, 200]);
  const seen = [...text.matchAll(/late|answer to \/open\/\w/g)].map(([one]) => one.slice(-1));
  assert.deepEqual(seen, ['e', 'b', 'c', 'd', 'e']);
});

// Attack: a request that depends on the one before it is done first. @see RFC 9112 §9.3.2
test('what follows an unsafe request reaches the back end after it', async () => {
  for (let each = 0; each < 5; each++) {
    recorder.clear();
    await speak(
      kit.address,
      post('/open/a', '{}') + get('/open/b') + post('/open/c', '[]') + get('/open/d', 'Connection: close\r\n'),
    );
    assert.deepEqual(
      recorder.requests.map(({ target }) => target),
      ['/open/a', '/open/b', '/open/c', '/open/d'],
    );
  }
});

const MARK = 'GET /open/smuggled HTTP/1.1';
const SEEDS = [
  post('/open/a', `{"x":1}`),
  `POST /open/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  post('/open/a', `${MARK}\r\n${HOST}\r\n`),
  `POST /open/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3f\r\n${`${MARK}\r\n${HOST}\r\n`.padEnd(63, 'x')}\r\n0\r\n\r\n`,
];
const SPICE = ['\r', '\n', '\r\n', '\0', ' ', '\t', '\x0b', ';', ':', ',', '0', '1', 'f', 'x', '-', '+', '"', '\xa0'];
const LINES = [
  'Content-Length: 0',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Connection: content-length',
  'Transfer-Encoding : chunked',
  ' Transfer-Encoding: chunked',
  'Content_Length: 1',
  'TE: trailers',
  'Expect: 100-continue',
];

/** One or two places of a good request are spoilt. */
const spoilt = fc
  .tuple(
    fc.constantFrom(...SEEDS),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom(0, 1, 2),
        fc.oneof(fc.constantFrom(...SPICE), fc.constantFrom(...LINES.map((line) => `\r\n${line}`))),
      ),
      { minLength: 1, maxLength: 2 },
    ),
  )
  .map(([seed, changes]) =>
    changes.reduce((text, [at, cut, spice]) => {
      const place = at % text.length;
      return text.slice(0, place) + spice + text.slice(place + cut);
    }, seed),
  );

/** The framing that we wrote is one, and the smuggled mark never begins a request of its own unless it was a plain one. */
function flawOf({ head, ...request }: Recorded): string | undefined {
  const [line = ''] = head.split('\r\n');
  const framings =
    valuesOf({ head, ...request }, 'content-length').length +
    valuesOf({ head, ...request }, 'transfer-encoding').length;
  if (!/^[A-Z]+ \/open\/[!-~]* HTTP\/1\.1$/.test(line)) return `an odd first line: ${line}`;
  if (framings > 1) return 'two framings';
  if (/[^\r]\n|\r[^\n]|\0/.test(head)) return 'a bare line end or NUL';
  return undefined;
}

test('whatever is spoilt in a request, the back end gets well-framed ones alone', { timeout: 60_000 }, async (t) => {
  let handedOn = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(spoilt, { minLength: 20, maxLength: 20 }), async (all) => {
      recorder.clear();
      await Promise.all(all.map((bytes) => speak(kit.address, bytes + get('/health', 'Connection: close\r\n'), 250)));
      for (const request of recorder.requests) assert.equal(flawOf(request), undefined, JSON.stringify(all));
      handedOn += recorder.requests.length;
    }),
    { numRuns: 25, endOnFailure: true },
  );
  assert.ok(handedOn > 20, 'some were good enough to be handed on');
  t.diagnostic(`500 requests, ${handedOn} handed on`);
});
