import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';
import { hours, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createRevocationFeed, FEED_TYPE } from './feed.ts';
import { FEED_KEY, type FeedServer, startFeedServer } from './feed-server.contract.ts';
import type { Revocations } from './revocations.ts';
import { revocationDigest } from './revocations-log.ts';
import { EMS_MS, ISSUER } from './sessions-kit.contract.ts';

async function serverFor(t: TestContext, change?: (revocations: Revocations) => Revocations): Promise<FeedServer> {
  const server = await startFeedServer(({ revocations }) => change?.(revocations) ?? revocations);
  t.after(server.close);
  return server;
}

const revoke = ({ kit }: FeedServer, session: string): Promise<void> =>
  kit.storage.write(platform, (tx) => kit.revocations.add(tx, 'session', session));

const answer = z.object({
  revocations: z.string().default(''),
  next: z.string().default(''),
  more: z.boolean().default(false),
  code: z.string().optional(),
});

async function get({ address }: FeedServer, path: string) {
  const response = await fetch(address + path, { headers: { 'x-api-key': FEED_KEY } });
  return { status: response.status, json: answer.parse(await response.json()) };
}

async function claimsOf(signed: string, { kit }: FeedServer) {
  const keys = createLocalJWKSet(JSON.parse(JSON.stringify(kit.native.jwks)));
  const rules = { issuer: ISSUER, typ: FEED_TYPE, algorithms: ['EdDSA'], currentDate: new Date(kit.clock.now()) };
  return (await jwtVerify(signed, keys, rules)).payload;
}

test('a page is signed, goes on where the last one ended, and names nobody', async (t) => {
  const server = await serverFor(t);
  await revoke(server, 'the session of ada');
  const first = await get(server, '/v1/revocations?nonce=0123456789abcdef');
  assert.equal(first.status, 200);
  const claims = await claimsOf(first.json.revocations, server);
  const [item] = [claims['items']].flat();
  assert.deepEqual([claims['from'], claims['to'], claims['nonce']], ['', first.json.next, '0123456789abcdef']);
  assert.deepEqual(JSON.stringify(item).includes('ada'), false);
  assert.equal(JSON.stringify(item).includes(revocationDigest('session', 'the session of ada')), true);
  const next = await get(server, `/v1/revocations?after=${first.json.next}`);
  assert.deepEqual((await claimsOf(next.json.revocations, server))['items'], []);
});

test('a long poll answers as soon as something is called back, and without it when its time is up', async (t) => {
  const server = await serverFor(t);
  const { next } = (await get(server, '/v1/revocations')).json;
  const begun = performance.now();
  const waiting = get(server, `/v1/revocations?after=${next}&wait=30`);
  await revoke(server, 'gone');
  const { json } = await waiting;
  assert.ok(performance.now() - begun < 1_000);
  assert.equal([(await claimsOf(json.revocations, server))['items']].flat().length, 1);
  const empty = await get(server, `/v1/revocations?after=${json.next}&wait=1`);
  assert.deepEqual((await claimsOf(empty.json.revocations, server))['items'], []);
});

// Attack: a key that was called back goes on listening on the poll that it began before.
test('a long poll whose caller has lost the right meanwhile is not answered', async (t) => {
  const server = await serverFor(t);
  const { next } = (await get(server, '/v1/revocations')).json;
  const waiting = get(server, `/v1/revocations?after=${next}&wait=30`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  server.keyIsGood = false;
  await revoke(server, 'gone');
  assert.equal((await waiting).status, 500); // the line would say 401: here the confirmation throws as it is
});

test('the stream tells each revocation within moments, beats every second, and can be taken up again', async (t) => {
  const server = await serverFor(t);
  const over = new AbortController();
  const headers = { 'x-api-key': FEED_KEY };
  const response = await fetch(`${server.address}/v1/revocations/stream`, { headers, signal: over.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const events = eventsOf(response);
  const first = await events.next();
  await revoke(server, 'gone');
  const begun = performance.now();
  const second = await events.next();
  assert.ok(performance.now() - begun < 500);
  assert.ok(first.value !== undefined && second.value !== undefined);
  const claims = await claimsOf(second.value.data, server);
  assert.deepEqual([claims['from'], claims['to']], [first.value.id, second.value.id]);
  assert.equal([claims['items']].flat().length, 1);
  assert.ok((await events.next()).value !== undefined, 'a beat');
  over.abort();
  const again = await fetch(`${server.address}/v1/revocations/stream`, {
    headers: { ...headers, 'last-event-id': first.value.id },
  });
  const missed = await eventsOf(again).next();
  assert.equal([(await claimsOf(missed.value?.data ?? '', server))['items']].flat().length, 1);
});

// Attack: a key that was called back keeps its stream open.
test('a stream ends within a second of its caller losing the right', async (t) => {
  const server = await serverFor(t);
  const response = await fetch(`${server.address}/v1/revocations/stream`, { headers: { 'x-api-key': FEED_KEY } });
  const events = eventsOf(response);
  await events.next();
  server.keyIsGood = false;
  const begun = performance.now();
  const ended = (async () => {
    for await (const event of events) assert.ok(event.id);
  })();
  await ended.catch(() => undefined); // cut off
  assert.ok(performance.now() - begun < 1_100);
});

async function* eventsOf(response: Response): AsyncGenerator<{ readonly id: string; readonly data: string }> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const [, id = '', data = ''] = /^id: (.+)\ndata: (.+)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      yield { id, data };
    }
  }
}

test('many revocations come in pages, and the snapshot holds what was not told in time', async (t) => {
  const server = await serverFor(t);
  await server.kit.storage.write(platform, async (tx) => {
    for (let i = 0; i < 2_500; i++) await server.kit.revocations.add(tx, 'session', `session ${i}`);
  });
  const sizes: number[] = [];
  const seen = new Set<string>();
  let after = '';
  for (let more = true; more; ) {
    const { json } = await get(server, `/v1/revocations${after}`);
    const items = [(await claimsOf(json.revocations, server))['items']].flat();
    for (const item of items) seen.add(JSON.stringify(item));
    sizes.push(items.length);
    after = `?after=${json.next}`;
    more = json.more;
  }
  assert.deepEqual([sizes, seen.size], [[1_000, 1_000, 500], 2_500]);
  const { json } = await get(server, '/v1/revocations/snapshot');
  assert.equal([(await claimsOf(json.revocations, server))['items']].flat().length, 2_500);
});

test('a place in the feed of one node is understood by another, which tells some of it twice', async (t) => {
  const server = await serverFor(t);
  const { kit } = server;
  const { clock, random, native } = kit;
  await revoke(server, 'long ago');
  clock.advance(minutes(10));
  await revoke(server, 'just now');
  const accessMs = () => EMS_MS;
  const other = createRevocationFeed({ revocations: kit.revocations, keys: native.keys, clock, random, accessMs });
  const { next } = (await get(server, '/v1/revocations')).json;
  await revoke(server, 'since');
  const { signed } = await other.page(next, { most: 100 });
  const text = JSON.stringify((await claimsOf(signed, server))['items']);
  const told = ['long ago', 'just now', 'since'].map((session) => text.includes(revocationDigest('session', session)));
  assert.deepEqual(told, [false, true, true]);
});

test('a place that is no place, lies in the future or too far back is refused, and says what to do', async (t) => {
  const server = await serverFor(t);
  const { next } = (await get(server, '/v1/revocations')).json;
  const answerTo = async (after: string) => {
    const { status, json } = await get(server, `/v1/revocations?after=${after}`);
    return [status, json.code];
  };
  assert.deepEqual(await answerTo('x'), [400, 'SESSION_FEED_CURSOR']);
  const [node, seq, since, at] = next.split('.');
  assert.deepEqual(await answerTo([node, seq, since, Number(at) + hours(1)].join('.')), [400, 'SESSION_FEED_CURSOR']);
  server.kit.clock.advance(EMS_MS + minutes(2));
  assert.deepEqual(await answerTo(next), [409, 'SESSION_FEED_GONE']);
  assert.equal((await get(server, '/v1/revocations/snapshot')).status, 200);
});

// Attack: a node that lost touch hands half a list on as the whole.
test('a node that is behind itself tells nothing', async (t) => {
  const server = await serverFor(t, (revocations) => ({ ...revocations, fresh: () => false }));
  for (const path of ['', '/snapshot', '/stream']) {
    const { status, json } = await get(server, `/v1/revocations${path}`);
    assert.deepEqual([status, json.code], [503, 'SESSION_FEED_STALE']);
  }
});

// Attack: one client opens polls until the memory is full, or until no other finds a place.
test('no more than 20 of one follower and 2,000 of all follow at a time', async (t) => {
  const { kit, close } = await startFeedServer(({ revocations }) => revocations);
  const { revocations, clock, random, native } = kit;
  const feed = createRevocationFeed({ revocations, keys: native.keys, clock, random, accessMs: () => EMS_MS });
  t.after(close);
  const leaves = Array.from({ length: 2_000 }, (_, at) => feed.join(`key ${at % 100}`));
  const refused = (holder: string) => assert.throws(() => feed.join(holder), { code: 'SESSION_FEED_BUSY' });
  refused('another');
  leaves[0]?.();
  leaves[0]?.();
  refused('key 1');
  feed.join('another');
  refused('yet another');
  const waits = Array.from({ length: 3 }, () => feed.wait(undefined, 60_000));
  feed.stop();
  await Promise.all(waits);
  await feed.wait(undefined, 60_000); // at once, for nobody waits any more
});
