import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ask, type Front, startBackEnd, startFront, until } from './gateway-kit.contract.ts';

const LONGER_THAN_IT_SETTLES_MS = 800;

/** A gateway on which a slow answer, a stream and a slow upload run. */
async function busy() {
  const held = new Map<string, ServerResponse>();
  const { url } = await startBackEnd((asked, response) => {
    asked.on('error', () => undefined).resume();
    held.set(asked.url ?? '', response);
    if (asked.url === '/events') response.writeHead(200).write('data: 1\n\n');
    else if (asked.method === 'POST') asked.on('end', () => response.end('stored'));
    else if (asked.url === '/x') response.end('quick');
  });
  const front = await startFront({
    backEnd: { url },
    routes: [
      { path: '/events', to: 'twin', streams: true },
      { path: '/*', to: 'twin' },
    ],
  });
  const slow = bodyOf(get(`${front.url}/slow`, { agent: false }));
  const stream = get(`${front.url}/events`, { agent: false });
  stream.on('error', () => undefined);
  const upload = request(`${front.url}/upload`, { method: 'POST', agent: false });
  const stored = bodyOf(upload);
  upload.write('one');
  const [events]: [IncomingMessage] = await once(stream, 'response').then(([one]) => [one]);
  events.on('error', () => undefined);
  await until(() => held.has('/slow') && held.has('/upload'));
  return { front, held, slow, events, upload, stored };
}

/** What was answered, or `cut`. */
function bodyOf(asked: ReturnType<typeof get>): Promise<string> {
  return new Promise((resolve) => {
    asked.on('error', () => resolve('cut'));
    asked.on('response', (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('error', () => resolve('cut')).on('end', () => resolve(text));
    });
  });
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function noteEnd(ended: Promise<void>): () => boolean {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  return () => over;
}

const quick = async (front: Front): Promise<string> => (await ask(front, 'GET', '/x')).text;

test('a slow answer, a stream and a slow upload survive that another gateway takes the place', async () => {
  const { front, held, slow, events, upload, stored } = await busy();
  const retired = noteEnd(front.gateway.retire());
  await wait(LONGER_THAN_IT_SETTLES_MS);
  assert.equal(retired(), false);
  assert.equal(await quick(front), 'quick'); // one that the line had admitted before
  upload.end('two');
  assert.equal(await stored, 'stored');
  held.get('/slow')?.end('at last');
  assert.equal(await slow, 'at last');
  await wait(LONGER_THAN_IT_SETTLES_MS);
  assert.equal(retired(), false); // for the stream
  const next = once(events, 'data');
  held.get('/events')?.write('data: 2\n\n');
  assert.match(String(await next), /data: /);
  events.destroy();
  await until(retired);
  assert.match(await quick(front), /GATEWAY_CLOSING/);
});

test('what is on its way through the line is served however long its body takes', async () => {
  const { url } = await startBackEnd((_asked, response) => void response.end('quick'));
  const front = await startFront({ backEnd: { url } });
  let inLine = true;
  const retired = noteEnd(front.gateway.retire(() => inLine));
  await wait(LONGER_THAN_IT_SETTLES_MS);
  assert.equal(retired(), false);
  assert.equal(await quick(front), 'quick');
  inLine = false;
  await until(retired);
});

test('closing cuts what a retired gateway still carries', async () => {
  const { front, slow, events, stored } = await busy();
  const retired = noteEnd(front.gateway.retire());
  const cut = new Promise((resolve) => events.resume().once('close', resolve));
  await front.gateway.close();
  await until(retired);
  await cut;
  assert.equal(events.complete, false);
  for (const answer of [await slow, await stored]) assert.match(answer, /^cut$|GATEWAY_CLOSING/);
  assert.equal(front.gateway.running(), 0);
});
