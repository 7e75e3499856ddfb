import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { createKit } from '../testing/index.ts';

test('a socket that signs in by its first message counts as use of its session', async (t) => {
  const kit = await createKit();
  t.after(kit.close);
  const [used, asking] = [await kit.signIn(), await kit.signIn()];
  kit.clock.advance(5 * 60_000);
  const socket = new WebSocket(`${kit.address.replace('http', 'ws')}/v1/readings/stream`);
  t.after(() => socket.terminate());
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'auth', token: used }));
  const [told] = await once(socket, 'message');
  assert.equal(JSON.parse(String(told)).type, 'ready');
  await kit.twinkeep.house.sessions.flushUse();
  const { items } = (await kit.call('GET', '/v1/sessions', { token: asking })).json;
  const other = items.find(({ current }: { current: boolean }) => !current);
  assert.equal(Date.parse(other.last_used_at), kit.clock.now());
});
