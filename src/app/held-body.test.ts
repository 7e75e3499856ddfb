import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { csrfValueOf, defineRoute } from '../http/index.ts';
import { createKit, type Kit } from '../testing/index.ts';
import { createBodyReader } from './held-body.ts';

/** What a back end got of one request. */
interface Got {
  readonly url: string;
  readonly sha: string;
  readonly bytes: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

let backEnd: Server;
let kit: Kit;
const got: Got[] = [];
let readsAfterMs = 0;

before(async () => {
  backEnd = createServer(async (asked, response) => {
    const chunks: Buffer[] = [];
    await pause(readsAfterMs);
    for await (const chunk of asked) chunks.push(Buffer.from(chunk));
    const body = Buffer.concat(chunks);
    got.push({ url: asked.url ?? '', sha: shaOf(body), bytes: body.length, headers: asked.headers });
    response.end('ok');
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  const { port } = backEnd.address() as AddressInfo; // a TCP server's address has a port
  const open = { to: 'twin', access: 'public', because: 'for this test' } as const;
  const routes = [
    { ...open, path: '/shadow' },
    { ...open, path: '/block', detection: 'block' as const },
    { ...open, path: '/small', detection: 'block' as const, maxBodyBytes: 1_000 },
    { ...open, path: '/head', detection: 'block' as const, inspect: 'head' as const },
    { ...open, path: '/up', detection: 'block' as const, streams: true },
    { ...open, path: '/off', detection: 'off' as const },
  ];
  const backEnds = { twin: { url: `http://127.0.0.1:${port}`, maxRequestBytes: 8_388_608 } };
  const detection = { enabled: false, inspection: { mode: 'block' } } as const;
  kit = await createKit({ config: { gateway: { backEnds, routes }, detection } });
});
after(async () => {
  await kit.close();
  backEnd.close().closeAllConnections();
});
beforeEach(() => {
  got.length = 0;
  readsAfterMs = 0;
});

const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const JSON_TYPE = { 'content-type': 'application/json' };
const ATTACK = JSON.stringify({ note: "x' union select password from users--" });
const attacks = async (): Promise<number> => {
  const text = await kit.twinkeep.metrics.text();
  const rows = [...text.matchAll(/^twinkeep_attacks_seen_total\{[^}]*\} (\d+)/gm)];
  return rows.reduce((sum, [, count]) => sum + Number(count), 0);
};

/** Honest bytes of a size that compress badly and say nothing. */
const honest = (bytes: number): Buffer =>
  Buffer.from(JSON.stringify({ n: Array.from({ length: bytes / 8 }, (_, at) => 1_000_000 + at) }));

test('a body that was looked at arrives byte for byte, with a length and by pieces', async () => {
  for (const path of ['/shadow', '/block']) {
    const bodies = [Buffer.from('{"a":1}'), honest(60_000), gzipSync(honest(60_000))];
    for (const [at, body] of bodies.entries()) {
      const headers = at === 2 ? { ...JSON_TYPE, 'content-encoding': 'gzip' } : JSON_TYPE;
      assert.equal((await kit.call('POST', path, { body, headers })).status, 200, `${path} ${at}`);
      const last = got.at(-1);
      assert.deepEqual([last?.sha, last?.headers['content-length']], [shaOf(body), String(body.length)]);
    }
    assert.equal(await pieces(path, [Buffer.from('{"a":'), honest(30_000), Buffer.from('}')]), 200);
    assert.equal(got.at(-1)?.bytes, honest(30_000).length + 6);
  }
});

// Attack: the body of a request to a back end carries what its query must not.
test('an attack in a body is refused where the route blocks, and told of where it does not', async () => {
  const refused = await kit.call('POST', '/block', { body: ATTACK, headers: JSON_TYPE });
  assert.deepEqual(
    [refused.status, refused.json.code, refused.json.at, refused.json.class],
    [403, 'DETECTION_REFUSED', 'body.note', 'sqli'],
  );
  assert.equal(got.length, 0);
  const before = await attacks();
  assert.equal((await kit.call('POST', '/shadow', { body: ATTACK, headers: JSON_TYPE })).status, 200);
  assert.deepEqual([got.at(-1)?.sha, await attacks()], [shaOf(Buffer.from(ATTACK)), before + 1]);
});

// Attack: the same, compressed, so that nobody sees it.
test('an attack in a compressed body is refused too', async () => {
  const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
  const refused = await kit.call('POST', '/block', { body: gzipSync(ATTACK), headers });
  assert.deepEqual([refused.status, got.length], [403, 0]);
});

test('a body longer than is held goes on whole where attacks are told of, and counts as unread', async () => {
  for (const [at, body] of [honest(300_000), honest(6_000_000)].entries()) {
    const before = await attacks();
    const sent =
      at === 0
        ? kit.call('POST', '/shadow', { body, headers: JSON_TYPE }).then(({ status }) => status)
        : pieces('/shadow', [body]);
    assert.equal(await sent, 200);
    assert.deepEqual([got.at(-1)?.bytes, got.at(-1)?.sha], [body.length, shaOf(body)]);
    assert.equal(await attacks(), before + 1);
  }
});

test('a back end that reads late gets all of a long body, and nobody is cut for its slowness', async () => {
  readsAfterMs = 600;
  const body = honest(4_000_000);
  assert.equal((await kit.call('POST', '/shadow', { body, headers: JSON_TYPE })).status, 200);
  assert.equal(got.at(-1)?.sha, shaOf(body));
});

// Attack: 128 KiB of nothing, and the attack behind.
test('a body longer than is held is refused where the route blocks, and says what the route must say', async () => {
  const body = Buffer.concat([honest(200_000), Buffer.from(ATTACK)]);
  const told = await kit.call('POST', '/block', { body, headers: JSON_TYPE });
  assert.deepEqual([told.status, told.json.code, told.json.max_bytes], [413, 'HTTP_BODY_TOO_LARGE', 131_072]);
  assert.match(told.json.detail, /inspect: head/);
  assert.equal(await pieces('/block', [body]), 413);
  assert.equal(got.length, 0);
  assert.equal((await kit.call('POST', '/head', { body, headers: JSON_TYPE })).status, 200, 'such a route takes it');
});

test('the bound of a route holds for a body that is held', async () => {
  const told = await kit.call('POST', '/small', { body: honest(4_000), headers: JSON_TYPE });
  assert.deepEqual([told.status, told.json.max_bytes, told.json.detail], [413, 1_000, undefined]);
  assert.equal(await pieces('/small', [honest(4_000)]), 413);
});

test('routes that stream up, and those where detection is off, hand on what comes as it comes', async () => {
  for (const path of ['/up', '/off']) {
    const asked = request(kit.address + path, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
      agent: false,
    });
    const answered = new Promise<number>((resolve) =>
      asked.on('response', (response) => resolve(response.resume().statusCode ?? 0)),
    );
    asked.write('first');
    await pause(50);
    asked.end(ATTACK);
    assert.deepEqual([await answered, got.at(-1)?.bytes], [200, 5 + ATTACK.length], path);
  }
});

test('a client that leaves in the middle of a body is no request of the back end', async () => {
  const { port } = new URL(kit.address);
  for (const path of ['/shadow', '/block']) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf`);
    await pause(50);
    socket.destroy();
  }
  await pause(50);
  assert.equal(got.length, 0);
});

// Attack: hundreds of senders keep their bodies open, until nothing more is held.
test('a form for which there is no room is not called forged, and has room again once others have left', async () => {
  const detection = {
    inspect: () => undefined,
    inspectInTurns: async () => undefined,
    modeOf: () => 'shadow' as const,
  };
  const { formOf } = createBodyReader({ detection });
  const route = defineRoute({
    ...({ method: 'POST', path: '/x', summary: 'x', access: { kind: 'public', because: 'for this test' } } as const),
    ...{ replies: {}, faults: [], handle: async () => ({ status: 204 as const }) },
  });
  const type = 'application/x-www-form-urlencoded';
  const headers = { 'content-type': type, 'transfer-encoding': 'chunked' };
  const sending = (bytes: Buffer): IncomingMessage => {
    const message = Object.assign(new IncomingMessage(new Socket()), { headers });
    message.push(bytes);
    return message;
  };
  const csrf = (body: string) => {
    const message = sending(Buffer.from(body));
    message.push(null);
    return csrfValueOf({ headers }, () => formOf(route, message));
  };
  const full = Buffer.alloc(131_072, 'a');
  const others = Array.from({ length: 512 }, () => sending(full)); // all that is held at the same time
  const held = others.map((one) => formOf(route, one).catch(({ code }) => code));
  await pause(20);
  assert.equal(await csrf('csrf_token=good&a=b'), 'good', 'a token that came already counts');
  await assert.rejects(csrf('a=b&csrf_token=good'), { code: 'HTTP_BODIES_BUSY' });
  for (const one of others) one.destroy();
  assert.deepEqual([...new Set(await Promise.all(held))], ['HTTP_BODY_CUT_SHORT']);
  assert.equal(await csrf('a=b&csrf_token=good'), 'good');
});

/** Sends a body in chunks, of no told length. */
function pieces(path: string, parts: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' };
    const asked = request(kit.address + path, { method: 'POST', headers, agent: false });
    asked.on('error', reject).on('response', (response) => resolve(response.resume().statusCode ?? 0));
    for (const part of parts) asked.write(part);
    asked.end();
  });
}
