import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { answerOf, type Recorder, startRecorder, valuesOf } from './gateway-recorder.ts';
import { speak } from './gateway-speak.ts';

const TIMEOUT_MS = 600;
/** What a fault may take beyond its time on a machine that is busy. */
const SLACK_MS = 3_000;

type Blow = (socket: Socket) => void;

/** What a back end may do in the place of answering, by the path that asks for it. */
const BLOWS: Readonly<Record<string, Blow>> = {
  hangs: () => undefined,
  ends: (socket) => void socket.end(),
  resets: (socket) => void socket.resetAndDestroy(),
  garbage: (socket) => void socket.write('\x16\x03\x01 what?\r\n\r\n'),
  'half-head': (socket) => void socket.end('HTTP/1.1 200 OK\r\nconte'),
  'half-body': (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
  'stops-in-body': (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
  'bad-chunk': (socket) =>
    void socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n'),
  'two-lengths': (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
  drips: (socket) => {
    const timer = setInterval(() => (socket.writable ? socket.write('H') : clearInterval(timer)), 50);
  },
};
/** Where nothing was sent yet there is a proper answer; otherwise the connection is cut. */
const STATUS: Readonly<Record<string, number>> = {
  ...{ hangs: 504, ends: 502, resets: 502, garbage: 502, 'half-head': 502, 'two-lengths': 502, drips: 502 },
};

let kit: Kit;
let recorder: Recorder;
let other: Recorder;
let token: string;
before(async () => {
  recorder = await startRecorder(fail);
  other = await startRecorder();
  const times = { responseTimeoutMs: TIMEOUT_MS, idleTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS };
  const backEnds = { twin: { url: recorder.url, ...times }, other: { url: other.url } };
  const routes = [
    { path: '/twin/*', to: 'twin', sockets: true },
    { path: '/other/*', to: 'other' },
  ];
  kit = await createKit({ config: { limits: { enabled: false }, gateway: { backEnds, routes } } });
  token = await kit.signIn();
});
after(async () => {
  await kit.close();
  await recorder.close();
  await other.close();
});
beforeEach(() => recorder.clear());

const ACCEPTED = createHash('sha1')
  .update('dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
  .digest('base64');

function fail(
  request: Parameters<NonNullable<Parameters<typeof startRecorder>[0]>>[0],
  socket: Socket,
): string | undefined {
  if (valuesOf(request, 'upgrade').length > 0) {
    setTimeout(() => socket.destroy(), 200);
    return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPTED}\r\n\r\n`;
  }
  const blow = BLOWS[request.target.split('/')[2] ?? ''];
  if (blow === undefined) return answerOf('seen');
  blow(socket);
  return undefined;
}

const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: twin.test\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n${more}\r\n`;
const post = (path: string): string => `${head('POST', path, 'Content-Length: 2\r\n')}{}`;

interface Entry {
  readonly path: string;
  readonly outcome: string;
  readonly status: unknown;
  readonly reason: unknown;
}

/** What the log says of paths that begin so, as an auditor reads it. */
async function entriesOf(prefix: string, action = 'gateway.forwarded'): Promise<readonly Entry[]> {
  await pause(50); // an outcome is written when the answer is out already
  await kit.twinkeep.house.audit.integrate();
  const { status, json, text } = await kit.call('GET', `/v1/audit/entries?action=${action}&limit=1000`, { token });
  assert.equal(status, 200, text);
  return json.items
    .map(({ outcome, facts }: { outcome: string; facts: Record<string, unknown> }) => ({
      path: String(facts['path']),
      outcome,
      status: facts['status'],
      reason: facts['reason'],
    }))
    .filter(({ path }: Entry) => path.startsWith(prefix));
}

test('each way of a back end to fail is answered in time, and others are served meanwhile', async () => {
  for (const method of ['GET', 'POST']) {
    const begun = performance.now();
    const failing = Object.keys(BLOWS).map(async (name) => {
      const path = `/twin/${name}/${method}`;
      const answer = await speak(
        kit.address,
        method === 'POST' ? post(path) : head('GET', path),
        TIMEOUT_MS + SLACK_MS,
      );
      const wanted = STATUS[name];
      assert.ok(answer.closed, `${method} ${name} hung`);
      if (wanted !== undefined) {
        // What drips is nonsense or too slow, whichever shows first.
        const good = name === 'drips' ? [502, 504] : [wanted];
        assert.ok(good.includes(answer.statuses[0] ?? 0), `${method} ${name}: ${answer.text}`);
        assert.match(answer.text, /"code":"GATEWAY_/);
      } else assert.doesNotMatch(answer.text, /\r\n0\r\n\r\n$/, 'half an answer must not look whole');
      assert.doesNotMatch(answer.text, /ECONN|127\.0\.0\.1|undici|UND_ERR|HPE_/, name);
    });
    const served = Array.from({ length: 20 }, async (_, at) => {
      const answer = await kit.call(at % 2 === 0 ? 'POST' : 'GET', at % 4 < 2 ? '/other/x' : '/twin/fine', {
        token,
        ...(at % 2 === 0 ? { body: {} } : {}),
      });
      assert.equal(answer.status, 200, answer.text);
    });
    const fine = performance.now();
    await Promise.all(served);
    assert.ok(performance.now() - fine < SLACK_MS, 'others waited for what failed');
    await Promise.all(failing);
    assert.ok(performance.now() - begun < TIMEOUT_MS + SLACK_MS);
  }
  assert.equal((await kit.call('GET', '/ready')).status, 200);
});

test('each unsafe request has an intent and one outcome that says how it ended', async () => {
  for (const name of [...Object.keys(BLOWS), 'fine']) {
    const path = `/twin/${name}/audited`;
    await speak(kit.address, post(path), TIMEOUT_MS + SLACK_MS);
    const entries = await entriesOf(path);
    assert.deepEqual(
      entries.map(({ outcome }) => outcome).sort(),
      [name === 'fine' ? 'done' : 'failed', 'intended'],
      name,
    );
    const end = entries.find(({ outcome }) => outcome !== 'intended');
    assert.ok(name === 'fine' ? end?.status === 200 : typeof end?.reason === 'string', JSON.stringify(end));
  }
  await speak(kit.address, head('GET', '/twin/fine/read'));
  assert.deepEqual(await entriesOf('/twin/fine/read'), []);
});

// Attack: a body that breaks off in the middle leaves the back end half done, and nobody to say so.
test('a request that its client breaks off is cut at the back end, and its outcome kept', async () => {
  const opened = {
    chunk: `${head('POST', '/twin/fine/cut1', 'Transfer-Encoding: chunked\r\n')}2\r\n{}\r\nzz\r\n`,
    length: `${head('POST', '/twin/fine/cut2', 'Content-Length: 100\r\n')}{}`,
  };
  for (const bytes of Object.values(opened)) await speak(kit.address, bytes, 300);
  for (const path of ['/twin/fine/cut1', '/twin/fine/cut2']) {
    assert.deepEqual((await entriesOf(path)).map(({ outcome }) => outcome).sort(), ['failed', 'intended'], path);
  }
  assert.ok(recorder.requests.every(({ whole }) => !whole));
});

test('a back end that is stopped costs a 502 or 503 at once, and is used again when it is back', async () => {
  const { port } = recorder;
  await recorder.close();
  for (let each = 0; each < 10; each++) {
    const begun = performance.now();
    const { status, json } = await kit.call('POST', `/twin/stopped/${each}`, { token, body: {} });
    assert.ok(status === 502 || status === 503, String(status));
    assert.match(json.code, /^GATEWAY_(UNREACHABLE|DOWN)$/);
    assert.ok(performance.now() - begun < SLACK_MS);
    assert.equal((await kit.call('GET', '/other/x', { token })).status, 200);
  }
  recorder = await startRecorder(fail, port);
  const begun = performance.now();
  for (;;) {
    const { status } = await kit.call('GET', '/twin/back', { token });
    if (status === 200) break;
    assert.ok(performance.now() - begun < 2 * SLACK_MS, `still ${status}`);
    await pause(50);
  }
  const entries = await entriesOf('/twin/stopped/');
  const failed = entries.filter(({ outcome }) => outcome === 'failed').map(({ path }) => path);
  assert.deepEqual(
    failed.sort(),
    entries
      .filter(({ outcome }) => outcome === 'intended')
      .map(({ path }) => path)
      .sort(),
  );
});

test('a socket whose back end dies is closed, and its end is kept', async () => {
  const upgrade =
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const asking = `GET /twin/socket HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${upgrade}\r\n`;
  const answers = await Promise.all(Array.from({ length: 10 }, () => speak(kit.address, asking)));
  for (const { statuses, closed } of answers) assert.deepEqual([statuses, closed], [[101], true]);
  const outcomes = (await entriesOf('/twin/socket', 'gateway.connected')).map(({ outcome }) => outcome);
  assert.deepEqual([outcomes.filter((one) => one === 'intended').length, outcomes.length], [10, 20]);
});
