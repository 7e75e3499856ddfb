import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
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
  'bad-version': (socket) => void socket.end('HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  'bad-status': (socket) => void socket.end('HTTP/1.1 2000 Fine\r\ncontent-length: 2\r\n\r\nok'),
  'no-protocol': (socket) => void socket.end('ICY 200 OK\r\n\r\nok'),
  unasked: (socket) => void socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\n\r\nok'),
  informs: (socket) => repeat(socket, 'HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n', 20),
  'endless-head': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    repeat(socket, `x-more: ${'m'.repeat(60_000)}\r\n`, 1);
  },
  'resets-in-head': (socket) =>
    void socket.write('HTTP/1.1 200 OK\r\nserver: hidden-name', () => socket.resetAndDestroy()),
  'resets-in-body': (socket) =>
    void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => socket.resetAndDestroy()),
  'resets-in-chunk': (socket) =>
    void socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40\r\nhalf', () =>
      socket.resetAndDestroy(),
    ),
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
  drips: (socket) => repeat(socket, 'H', 50),
};

/** Until the other side has enough of it. */
function repeat(socket: Socket, text: string, everyMs: number): void {
  const timer = setInterval(() => {
    if (!socket.writable) return clearInterval(timer);
    if (socket.writableNeedDrain) return;
    socket.write(text);
    poured += text.length;
  }, everyMs);
}
/** Characters that a back end got rid of which does not stop. */
let poured = 0;
/** More than buffers of the system hold, and far less than fills a memory. */
const MOST_POURED = 8_388_608;
/** Held whole and looked at before anything is sent. */
const HELD = JSON.stringify({ notes: 'the pump of hall 2 runs warm. '.repeat(3_000) });

/** Where nothing was sent yet there is a proper answer; otherwise the connection is cut. */
const STATUS: Readonly<Record<string, number>> = {
  ...{ 'bad-version': 502, 'bad-status': 502, 'no-protocol': 502, unasked: 502, informs: 504 },
  ...{ 'endless-head': 502, 'resets-in-head': 502 },
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
  const backEnds = {
    twin: { url: recorder.url, ...times },
    other: { url: other.url },
    narrow: { url: recorder.url, connections: 1, ...times },
  };
  const routes = [
    { path: '/twin/*', to: 'twin', sockets: true, detection: 'block' as const },
    { path: '/other/*', to: 'other' },
    { path: '/narrow/*', to: 'narrow' },
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
  const blow = BLOWS[request.target.split('/')[2] ?? ''];
  if (blow === undefined && valuesOf(request, 'upgrade').length > 0) {
    setTimeout(() => socket.destroy(), 200);
    return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPTED}\r\n\r\n`;
  }
  if (request.target === '/narrow/poison') return POISON;
  if (blow === undefined) return answerOf(request.target);
  blow(socket);
  return undefined;
}

/** An answer that is longer than it says, and whose rest looks like an answer to somebody else. */
const POISON = `${answerOf('ok')}${answerOf('poison')}`;

const UPGRADE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: twin.test\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n${more}\r\n`;
const post = (path: string, body = '{}'): string =>
  `${head('POST', path, `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`)}${body}`;
const shake = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${UPGRADE}\r\n`;
/** Each blow is met by a read, by a short and a long act, and by a handshake. */
const ASKING: Readonly<Record<string, (path: string) => string>> = {
  GET: (path) => head('GET', path),
  POST: post,
  HELD: (path) => post(path, HELD),
  UPGRADE: shake,
};
const HIDDEN = /ECONN|127\.0\.0\.1|undici|UND_ERR|HPE_|hidden-name|node:|\.ts\b|\.js\b/;

/** A port whose places are all taken by connections that nobody accepts: the next one is never made. */
async function startDeaf(): Promise<{ readonly url: string; close(): void }> {
  const script = `const { createServer } = require('node:net');
    const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = Number(String((await once(child.stdout, 'data'))[0]));
  const taken = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await pause(300);
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      for (const socket of taken) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

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
  for (const [method, asking] of Object.entries(ASKING)) {
    poured = 0;
    const begun = performance.now();
    const failing = Object.keys(BLOWS).map(async (name) => {
      const answer = await speak(kit.address, asking(`/twin/${name}/${method}`), TIMEOUT_MS + SLACK_MS);
      const wanted = STATUS[name];
      assert.ok(answer.closed, `${method} ${name} hung`);
      if (wanted !== undefined) {
        // What drips is nonsense or too slow, whichever shows first; so is what says 1xx for ever.
        const good = name === 'drips' || name === 'informs' ? [502, 504] : [wanted];
        assert.ok(good.includes(answer.statuses[0] ?? 0), `${method} ${name}: ${answer.text}`);
        assert.match(answer.text, /"code":"GATEWAY_/);
      } else assert.doesNotMatch(answer.text, /\r\n0\r\n\r\n$/, 'half an answer must not look whole');
      assert.doesNotMatch(answer.text, HIDDEN, name);
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
    const before = poured;
    assert.ok(before < MOST_POURED, `${before} characters were taken`);
    await pause(200);
    assert.equal(poured, before, 'a back end that does not stop is cut off');
  }
  assert.equal((await kit.call('GET', '/ready')).status, 200);
});

test('a back end to which no connection can be made is 502 in time', async () => {
  const deaf = await startDeaf();
  try {
    const backEnds = { deaf: { url: deaf.url, connectTimeoutMs: TIMEOUT_MS } };
    const gateway = { backEnds, routes: [{ path: '/deaf/*', to: 'deaf', detection: 'block' as const }] };
    const own = await createKit({ config: { gateway } });
    const signedIn = await own.signIn();
    for (const body of [undefined, { notes: HELD }]) {
      const begun = performance.now();
      const answer = await own.call(body === undefined ? 'GET' : 'POST', '/deaf/x', { token: signedIn, body });
      assert.deepEqual([answer.status, answer.json?.code], [502, 'GATEWAY_UNREACHABLE'], answer.text);
      assert.ok(performance.now() - begun < TIMEOUT_MS + SLACK_MS);
      assert.doesNotMatch(answer.text, HIDDEN);
    }
    await own.close();
  } finally {
    deaf.close();
  }
});

// Attack: a back end that was taken over writes more than it says, to answer the next caller in the place of others.
test('what follows an answer on a kept connection is never the answer to somebody else', async () => {
  for (let round = 0; round < 5; round++) {
    const asked = Array.from({ length: 12 }, async (_, at) => {
      const path = at % 4 === 0 ? '/narrow/poison' : `/narrow/fine${round}-${at}`;
      const { status, text } = await kit.call('GET', path, { token });
      if (status !== 200) assert.equal(status, 502, text);
      else assert.equal(text, path.endsWith('poison') ? 'ok' : path);
      return status;
    });
    const statuses = await Promise.all(asked);
    assert.ok(statuses.includes(200));
    assert.equal((await kit.call('GET', `/narrow/after${round}`, { token })).text, `/narrow/after${round}`);
  }
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
  const answers = await Promise.all(Array.from({ length: 10 }, () => speak(kit.address, shake('/twin/socket'))));
  for (const { statuses, closed } of answers) assert.deepEqual([statuses, closed], [[101], true]);
  const outcomes = (await entriesOf('/twin/socket', 'gateway.connected')).map(({ outcome }) => outcome);
  assert.deepEqual([outcomes.filter((one) => one === 'intended').length, outcomes.length], [10, 20]);
});
