import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { type Front, startFront } from './gateway-kit.contract.ts';

const MEGABYTES = 200;

/** A fast back end and a slow client in a process of their own, so that what is measured is the gateway's alone. */
const PEER = `
const { createServer, request } = require('node:http');
const piece = Buffer.alloc(65536, 7);
const pump = (to, megabytes) => {
  let left = megabytes * 1048576;
  const more = () => {
    for (; left > 0; left -= piece.length) if (!to.write(piece)) { left -= piece.length; return to.once('drain', more); }
    to.end();
  };
  more();
};
const slowly = (from, done) => {
  let bytes = 0;
  let chunks = 0;
  from.on('data', (chunk) => {
    bytes += chunk.length;
    if (++chunks % 4 !== 0) return;
    from.pause();
    setTimeout(() => from.resume(), 0);
  });
  from.on('end', () => done(bytes));
};
const server = createServer((asked, response) => {
  if (asked.method === 'GET') pump(response, Number(asked.url.slice(1)));
  else slowly(asked, (bytes) => response.end(String(bytes)));
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('message', ({ port, method, megabytes }) => {
  const asked = request({ port, host: '127.0.0.1', method, path: '/' + megabytes, agent: false }, (response) => {
    if (method === 'GET') slowly(response, (bytes) => process.send(bytes));
    else response.on('data', (text) => process.send(Number(text)));
  });
  if (method === 'GET') asked.end();
  else pump(asked, megabytes);
});
`;

async function grownBy(front: Front, peer: ChildProcess, method: string, megabytes = MEGABYTES): Promise<number> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 10);
  peer.send({ port: front.port, method, megabytes });
  const [bytes] = await once(peer, 'message');
  clearInterval(sampling);
  assert.equal(bytes, megabytes * 1_048_576);
  return (peak - before) / 1_048_576;
}

// Attack: a client asks for much and reads slowly, so that what it does not take piles up here.
test('memory stays flat while 200 MB go to a slow reader and 200 MB come from a fast sender', async (t) => {
  const peer = spawn(process.execPath, ['-e', PEER], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => peer.kill('SIGKILL'));
  const [port] = await once(peer, 'message');
  const backEnd = { url: `http://127.0.0.1:${port}`, maxRequestBytes: 1_073_741_824 };
  const front = await startFront({ backEnd });
  for (const method of ['GET', 'POST']) await grownBy(front, peer, method, 16); // code and buffers that any start needs
  const down = await grownBy(front, peer, 'GET');
  const up = await grownBy(front, peer, 'POST');
  t.diagnostic(`grown by ${down.toFixed(1)} MB down, ${up.toFixed(1)} MB up`);
  assert.ok(down < 60, `${down.toFixed(1)} MB`);
  assert.ok(up < 60, `${up.toFixed(1)} MB`);
});
