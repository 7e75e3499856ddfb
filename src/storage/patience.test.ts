import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createPatience } from './patience.ts';

/** Keeps this thread from its event loop. */
function hold(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('time runs out for who gets no answer, and not for who has left', async () => {
  const patience = createPatience();
  const began = performance.now();
  let left = 0;
  patience.wait(50, () => left++)();
  await new Promise<void>((resolve) => void patience.wait(100, resolve));
  const took = performance.now() - began;
  assert.ok(took >= 95 && took < 400, String(took));
  assert.equal(left, 0);
});

test('a wait that begins while others run gets all of its own time', async () => {
  const patience = createPatience();
  patience.wait(60, () => undefined);
  await pause(50);
  const began = performance.now();
  await new Promise<void>((resolve) => void patience.wait(60, resolve));
  assert.ok(performance.now() - began >= 55);
});

/** Answers every byte, in a thread that nothing holds up. */
const ECHO = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
    parentPort.postMessage(server.address().port);
  });
`;

// Attack: whoever keeps all cores busy makes each process believe that Redis is away, and count for itself.
test('an answer that came while this thread was held up is no late one', async (t) => {
  const worker = new Worker(ECHO, { eval: true });
  t.after(() => worker.terminate());
  const [port] = await once(worker, 'message');
  const socket = connect(Number(port), '127.0.0.1');
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  const patience = createPatience();
  for (const heldMs of [200, 700, 1_500]) {
    let late = false;
    const leave = patience.wait(150, () => {
      late = true;
    });
    const answered = once(socket, 'data').then(leave);
    socket.write('x');
    hold(heldMs);
    await answered;
    assert.equal(late, false, `held up for ${heldMs} ms`);
  }
});

test('an answer that never comes is late even where this thread is held up again and again', async () => {
  const patience = createPatience();
  let late = false;
  patience.wait(150, () => {
    late = true;
  });
  let looks = 0;
  for (; !late && looks < 20; looks++) {
    hold(60);
    await pause(1);
  }
  assert.ok(looks >= 4 && looks <= 10, String(looks));
});
