import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createKit } from '../testing/index.ts';

// Attack: whoever holds one key waits in so many places that nobody else can follow, and leaves them taken behind.
test('one follower keeps no other out, and a place is free again when its client has left', async (t) => {
  const kit = await createKit();
  t.after(kit.close);
  const [greedy, other] = [await kit.key('follow:revocations'), await kit.key('follow:revocations')];
  const { next } = (await kit.call('GET', '/v1/revocations', { key: other })).json;
  const leaving = new AbortController();
  const poll = (key: string, wait: number, signal?: AbortSignal) =>
    fetch(`${kit.address}/v1/revocations?wait=${wait}&after=${next}`, {
      headers: { 'x-api-key': key, connection: 'close' },
      ...(signal === undefined ? {} : { signal }),
    });
  const held = Array.from({ length: 20 }, () => poll(greedy, 30, leaving.signal).catch(() => undefined));
  let refused = await poll(greedy, 1);
  for (let tries = 0; refused.status === 200 && tries < 10; tries++) refused = await poll(greedy, 1);
  assert.equal(refused.status, 429);
  assert.equal(JSON.parse(await refused.text()).code, 'SESSION_FEED_BUSY');
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  const stream = await fetch(`${kit.address}/v1/revocations/stream`, { headers: { 'x-api-key': greedy } });
  assert.equal(stream.status, 429);
  assert.equal((await poll(other, 1)).status, 200);
  leaving.abort();
  await Promise.all(held);
  let status = 429;
  for (let tries = 0; status === 429 && tries < 20; tries++) {
    await pause(100);
    status = (await poll(greedy, 1)).status;
  }
  assert.equal(status, 200);
});
