import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { platform } from 'node:os';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { blindness, kernelQueues, peerOf } from './kernel-queues.ts';

const skip = platform() === 'linux' ? false : 'it is Linux that tells';

test('what the system holds of an answer is known by the other side of its connection', { skip }, async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = Object(server.address());
  const client = connect(port, '127.0.0.1').pause();
  t.after(() => client.destroy());
  const [socket] = await once(server, 'connection');
  t.after(() => socket.destroy());
  const quiet = await kernelQueues(port);
  assert.equal(quiet?.size, 0);
  socket.write(Buffer.alloc(8_000_000));
  let held = 0;
  for (let tries = 0; tries < 50 && held === 0; tries++) {
    await wait(50);
    held = (await kernelQueues(port))?.get(peerOf(socket) ?? '') ?? 0;
  }
  assert.ok(held > 1_000, `${held} bytes`);
});

// Attack: nobody sees that the system hides its tables, and whoever takes no answers is cut a minute late.
test('a system that does not tell is known, and one table of the two is enough', { skip }, async () => {
  const nowhere = ['/nowhere/tcp', '/nowhere/tcp6'];
  assert.equal(await kernelQueues(1, nowhere), undefined);
  assert.match((await blindness(nowhere)) ?? '', /^\/nowhere\/tcp and \/nowhere\/tcp6 cannot be read: /);
  assert.equal((await kernelQueues(1, ['/proc/self/net/tcp', '/nowhere/tcp6']))?.size, 0);
  assert.equal(await blindness(), undefined);
});
