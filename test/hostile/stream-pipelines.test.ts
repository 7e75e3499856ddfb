import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createPlace } from '../conformance/started.ts';

/** Sends bytes as they are. @returns what came until it fell silent */
async function speak(address: string, text: string): Promise<string> {
  const { port, hostname } = new URL(address);
  const socket = connect(Number(port), hostname, () => socket.write(text));
  let answer = '';
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      answer += chunk.toString();
    });
  for (let before = -1; answer.length > before; ) {
    before = answer.length;
    await pause(1_000);
  }
  socket.destroy();
  return answer;
}

// Attack: a stranger ends the process with one TCP segment: more handshakes than there are places, all at once.
test('a segment full of handshakes of Socket.IO ends nothing but its own connection', async (t) => {
  const { address, running, call, log } = await createPlace(t).start();
  const poll = 'GET /v1/socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n';
  const answers = await speak(address, poll.repeat(25));
  assert.deepEqual([answers.split(' 200 OK').length - 1, answers.split(' 429 ').length - 1], [20, 5]);
  const key = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n`;
  const upgrade = `GET /v1/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${key}\r\n`;
  await Promise.all(Array.from({ length: 25 }, () => speak(address, upgrade)));
  assert.equal((await call('GET', '/health')).status, 200);
  assert.equal(running.child.exitCode, null, log());
  assert.doesNotMatch(log(), /unhandled|uncaught/i);
});
