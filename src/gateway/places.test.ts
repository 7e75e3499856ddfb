import assert from 'node:assert/strict';
import { get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { apiKeyId } from '../kernel/brand.ts';
import { ada, ask, type Front, startBackEnd, startFront, until } from './gateway-kit.contract.ts';
import { begun, createPlaces, giveBack, type Place, roomFor, takePlace, whenConnectable } from './places.ts';

const device = { kind: 'api-key', apiKeyId: apiKeyId('k1'), tenantId: ada.tenantId, scopes: [] } as const;

/** A back end that answers `/slow` when it is told to, and all else at once. */
async function slowTwin() {
  const held: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  const { url } = await startBackEnd((request, response) => {
    request.on('error', () => undefined).resume();
    if (request.url === '/slow') held.push({ request, response });
    else response.end('quick');
  });
  return { url, held, letGo: () => void held.splice(0).forEach(({ response }) => void response.end('slow')) };
}

const codeOf = ({ status, text }: { readonly status: number; readonly text: string }): string =>
  `${status} ${text.startsWith('{') ? JSON.parse(text).code : text}`;

/** Asks without waiting for the answer. @returns leaves */
function open(front: Front, path: string): () => void {
  const asked = get(`${front.url}${path}`, { agent: false });
  asked.on('error', () => undefined).on('response', (answer) => answer.on('error', () => undefined).resume());
  return () => void asked.destroy();
}

// Attack: one caller asks so much that nobody else is served.
test('one caller gets a share of the places, and another is still served', async () => {
  const twin = await slowTwin();
  const front = await startFront({ backEnd: { url: twin.url, connections: 4, queue: 4 } });
  const leave = [open(front, '/slow'), open(front, '/slow')];
  await until(() => twin.held.length === 2);
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '429 GATEWAY_SHARE');
  front.caller = device;
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '200 quick');
  front.caller = undefined;
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '200 quick');
  for (const each of leave) each();
  await until(() => front.gateway.running() === 0);
  front.caller = ada;
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '200 quick');
});

// Attack: slow requests of one caller take every connection, behind which all others wait.
test('what one caller asks beyond its connections waits for one of its own, and others go ahead', async () => {
  const twin = await slowTwin();
  const front = await startFront({ backEnd: { url: twin.url, connections: 4, queue: 60 } });
  const first = [1, 2, 3, 4, 5].map(() => ask(front, 'GET', '/slow'));
  await until(() => front.gateway.running() === 5 && twin.held.length >= 2);
  front.caller = device;
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '200 quick');
  assert.equal(twin.held.length, 2);
  for (let rest = 5; rest > 0; rest -= 2) {
    await until(() => twin.held.length === Math.min(rest, 2));
    twin.letGo();
  }
  for (const answer of await Promise.all(first)) assert.equal(codeOf(answer), '200 slow');
});

// Attack: bodies that hardly come hold the connections.
test('slow uploads of one caller leave connections to the others', async () => {
  const twin = await slowTwin();
  const front = await startFront({ backEnd: { url: twin.url, connections: 2, queue: 62 } });
  const slow = Array.from({ length: 8 }, () => {
    const sent = request(`${front.url}/slow`, { method: 'POST', agent: false, headers: { 'content-length': '1000' } });
    sent.on('error', () => undefined).write('x');
    return sent;
  });
  await until(() => front.gateway.running() === 8);
  front.caller = device;
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '200 quick');
  for (const sent of slow) sent.destroy();
});

// Attack: one caller opens every event stream that there may be.
test('one caller gets a share of the streams', async () => {
  const { url } = await startBackEnd((_request, response) => response.writeHead(200).flushHeaders());
  const front = await startFront({ backEnd: { url, streams: 8 }, route: { streams: true } });
  open(front, '/events');
  open(front, '/events');
  await until(() => front.gateway.running() === 2);
  assert.equal(codeOf(await ask(front, 'GET', '/events')), '429 GATEWAY_SHARE');
  front.caller = device;
  const asked = get(`${front.url}/events`, { agent: false });
  asked.on('error', () => undefined);
  const status = await new Promise((resolve) => asked.on('response', (answer) => resolve(answer.statusCode)));
  assert.equal(status, 200);
  asked.destroy();
});

// Attack: sixty writes at once, each let in before the entry of any is kept.
test('the bound holds for requests that still wait for their entry', async () => {
  const twin = await slowTwin();
  const front = await startFront({ backEnd: { url: twin.url, connections: 4, queue: 4, maxPerPrincipal: 8 } });
  let keep = (): void => undefined;
  const kept = new Promise<void>((resolve) => {
    keep = resolve;
  });
  front.write = () => kept;
  const asked = Array.from({ length: 20 }, () => ask(front, 'POST', '/x', { body: 'y' }));
  const refused = new Promise<void>((resolve) => {
    let left = 12;
    for (const each of asked) void each.then(({ status }) => void (status === 429 && --left === 0 && resolve()));
  });
  await refused;
  keep();
  const answers = (await Promise.all(asked)).map(codeOf);
  assert.equal(answers.filter((answer) => answer === '200 quick').length, 8);
});

// Attack: a client that asks and leaves fills the queue, from which nothing can be taken.
test('what was left while it was queued counts until its turn comes', async () => {
  const twin = await slowTwin();
  const limits = { connections: 1, queue: 2, maxPerPrincipal: 3, connectionsPerPrincipal: 3 };
  const front = await startFront({ backEnd: { url: twin.url, ...limits } });
  open(front, '/slow');
  await until(() => twin.held.length === 1);
  const leave = [open(front, '/slow'), open(front, '/slow')];
  await until(() => front.gateway.running() === 3);
  for (const each of leave) each();
  await until(() => front.gateway.running() === 1);
  front.caller = device;
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '503 GATEWAY_BUSY');
  twin.letGo();
  await until(() => front.gateway.running() === 0);
  assert.equal(codeOf(await ask(front, 'GET', '/x')), '200 quick');
});

test('whatever is taken, queued, begun and given back in whatever order, the bounds hold and nothing stays', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3), fc.nat(20)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (all) => {
      const places = createPlaces({ most: 6, mostPerHolder: 4, connectionsPerHolder: 2 });
      const live: Place[] = [];
      for (const [holder, step, at] of all) {
        const place = live[at % Math.max(live.length, 1)];
        if (step === 0 && roomFor(places, holder) === 'free') live.push(takePlace(places, holder));
        else if (place === undefined) continue;
        else if (step === 1 && place.state === 'taken' && !place.over) whenConnectable(place, () => undefined);
        else if (step === 2) begun(place);
        else if (step === 3) giveBack(place);
        assert.ok(places.taken <= 6);
        for (const share of places.shares.values()) assert.ok(share.places <= 4 && share.connections <= 2);
      }
      for (const place of live) giveBack(place);
      for (const place of live) begun(place);
      for (const place of live) begun(place); // those that came to their turn by the others' end
      assert.deepEqual([places.taken, places.shares.size], [0, 0]);
    }),
    { numRuns: 500 },
  );
});
