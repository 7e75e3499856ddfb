import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { createAddressReader, createCors, defineRoute, nativeFace, ok, type Reply, type Route } from '../http/index.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createMetrics } from '../metrics/index.ts';
import { createMemoryBus } from '../storage/index.ts';
import { createKit, type Kit } from '../testing/index.ts';
import { createContextReader } from './context.ts';
import { createFactorDue } from './factor-due.ts';
import { createHttpApp, type HttpApp } from './http-app.ts';
import { createRequestLine } from './request-line.ts';
import { createSlow } from './slow.ts';
import { createWho } from './who.ts';

/** Routes that do what a route must not. */
const route = (path: string, handle: () => Promise<Reply>): Route =>
  defineRoute({
    method: 'GET',
    path,
    summary: 'For this test.',
    access: { kind: 'public', because: 'it is for this test alone' },
    replies: { 200: z.strictObject({ name: z.string() }), 204: 'nothing' },
    faults: [],
    handle,
  });

const ROUTES = [
  route('/good', async () => ok({ name: 'x' })),
  route('/more', async () => ok({ name: 'x', password_hash: '$argon2id$secret' })),
  route('/less', async () => ok({})),
  route('/unpromised', async () => ({ status: 202, body: { name: 'x' } })),
  route('/throws', async () => {
    throw new TypeError('secret detail of ours');
  }),
  route('/odd', async () => {
    throw await Promise.resolve('a string');
  }),
];

let kit: Kit;
let app: HttpApp;
let address: string;
const failures: unknown[] = [];
before(async () => {
  kit = await createKit();
  const { clock, twinkeep } = kit;
  const random = createSystemRandom();
  const contextOf = createContextReader({
    clock,
    random,
    addresses: createAddressReader([]),
    operators: new WeakSet(),
    production: false,
  });
  const onError = (error: unknown): void => void failures.push(error);
  const { house } = twinkeep;
  const none = { host: undefined, prefix: '', rules: [], routes: [] };
  const native = { ...none, name: 'twinkeep', face: nativeFace, cors: createCors([]), tokens: house.tokens };
  const profileOf = () => native;
  const slow = createSlow(house.limits, profileOf);
  const who = createWho({ ...house, profileOf, slow });
  const bus = createMemoryBus();
  const line = createRequestLine({
    ...house,
    contextOf,
    profileOf,
    assertServed: () => undefined,
    hold: () => () => undefined,
    assertFactor: createFactorDue({ ...house, clock }),
    who,
    slow,
    bus,
    metrics: createMetrics(),
    clock,
    onError,
  });
  app = await createHttpApp({ routes: ROUTES, profiles: [native], line });
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  const { port } = app.server.address() as AddressInfo; // a TCP server's address has a port
  address = `http://127.0.0.1:${port}`;
});
after(async () => {
  await app.close();
  await kit.close();
});

async function ask(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(address + path, { headers: { connection: 'close' } });
  return { status: response.status, text: await response.text() };
}

test('a reply that is what its route promises goes out', async () => {
  assert.deepEqual(await ask('/good'), { status: 200, text: '{"name":"x"}' });
});

// Attack: a handler answers with a row as it came from the database, hash and all.
test('a reply that is not what its route promises does not go out, and is our fault, not the caller’s', async () => {
  for (const path of ['/more', '/less', '/unpromised']) {
    const { status, text } = await ask(path);
    assert.deepEqual([status, JSON.parse(text).code], [500, 'INTERNAL'], path);
    assert.ok(!text.includes('argon2') && !text.includes('reply'));
  }
  assert.deepEqual(
    failures.splice(0).map((error) => Object(error).code),
    Array(3).fill('APP_REPLY_REFUSED'),
  );
});

test('what nobody foresaw is told to the operator and not to the caller', async () => {
  for (const path of ['/throws', '/odd']) {
    const { status, text } = await ask(path);
    assert.deepEqual([status, JSON.parse(text).code], [500, 'INTERNAL']);
    assert.ok(!text.includes('secret') && !text.includes('string'));
  }
  assert.equal(failures.splice(0).length, 2);
});
