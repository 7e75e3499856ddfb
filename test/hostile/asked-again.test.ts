import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createKit, type Kit } from '../../src/testing/index.ts';

/** A back end whose streams never end. */
const backEnd = createServer((_request, response) => response.writeHead(200).write('data: x\n\n'));
let kit: Kit;
before(async () => {
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}`; // a TCP server's address has a port
  const routes = [{ path: '/events', to: 'twin', streams: true }];
  const gateway = { backEnds: { twin: { url } }, routes, closeGraceMs: 100 };
  kit = await createKit({ config: { detection: { failures: 4 }, gateway } });
});
after(async () => {
  await kit.close();
  backEnd.close().closeAllConnections();
});

const bad = () => kit.call('GET', '/v1/me', { key: `nobody-${'x'.repeat(30)}` });

/** Opens streams under a key, once their heads are there. */
async function openStreams(key: string, count: number): Promise<readonly AbortController[]> {
  const controllers = Array.from({ length: count }, () => new AbortController());
  const ask = ({ signal }: AbortController) =>
    fetch(`${kit.address}/events`, { headers: { 'x-api-key': key }, signal });
  for (const answer of await Promise.all(controllers.map(ask))) {
    assert.equal(answer.status, 200);
    answer.text().catch(() => undefined); // cut, by us or by the server
  }
  return controllers;
}

// Attack: somebody revokes a key that is in use, and the questions of its open streams block the whole plant's address.
test('the end of a key cuts its streams and blocks nobody', async () => {
  const key = await kit.key('read');
  const open = await openStreams(key, 8);
  const admin = await kit.signIn();
  const { json } = await kit.call('GET', '/v1/api-keys', { token: admin });
  for (const { id } of json.items) await kit.call('DELETE', `/v1/api-keys/${id}`, { token: admin });
  await wait(1_500);
  assert.equal((await kit.call('GET', '/v1/me', { token: admin })).status, 200);
  for (const one of open) one.abort();
});

// Attack: one open stream under a good key starts the count of bad ones anew twice a second.
test('a stream that goes on is no proof that resets a count', async () => {
  const key = await kit.key('read');
  const [open] = await openStreams(key, 1);
  const statuses: number[] = [];
  for (let each = 0; each < 6; each++) {
    statuses.push((await bad()).status);
    await wait(600);
  }
  assert.deepEqual(statuses, [401, 401, 401, 401, 403, 403]);
  open?.abort();
});
