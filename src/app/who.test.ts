import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

const BUDGET = 6;
const HOUR = 3_600_000;

let kit: Kit;
before(async () => {
  const limits = { signInFailuresPerAddressHour: BUDGET };
  kit = await createKit({ config: { limits, trustedProxies: ['127.0.0.0/8'], detection: { enabled: false } } });
});
after(() => kit.close());

let strangers = 0;
const stranger = (): string => `198.51.100.${++strangers}`;

const login = async (from: string, password = 'certainly not the password'): Promise<number> => {
  const body = { username: 'admin', password };
  return (await kit.call('POST', '/v1/login', { body, headers: { 'x-forwarded-for': from } })).status;
};
const badKey = async (from: string): Promise<number> =>
  (await kit.call('GET', '/v1/me', { key: 'not-a-key-of-ours', headers: { 'x-forwarded-for': from } })).status;

/** What a socket of the readings stream is closed with after its first message. */
async function socket(from: string, token: string): Promise<number> {
  const url = `${kit.address.replace('http', 'ws')}/v1/readings/stream`;
  const opened = new WebSocket(url, { headers: { 'x-forwarded-for': from } });
  await once(opened, 'open');
  opened.send(JSON.stringify({ type: 'auth', token }));
  const [code] = await once(opened, 'close');
  return Number(code);
}

/** What a handshake that brings its token is answered with. */
async function handshake(from: string, token: string): Promise<number> {
  const url = `${kit.address.replace('http', 'ws')}/v1/readings/stream`;
  const opened = new WebSocket(url, ['twinkeep', `twinkeep.bearer.${token}`], { headers: { 'x-forwarded-for': from } });
  opened.on('error', () => undefined);
  const [, response] = await once(opened, 'unexpected-response');
  response.destroy();
  return response.statusCode;
}

// Attack: whoever has used up the guesses at passwords goes on with keys, and then with sockets.
test('logins, keys and sockets of one address have one budget', async () => {
  const from = stranger();
  assert.deepEqual([await login(from), await login(from)], [401, 401]);
  assert.deepEqual([await badKey(from), await badKey(from)], [401, 401]);
  assert.equal(await socket(from, 'bad'), 4401);
  assert.equal(await handshake(from, 'bad'), 401);
  assert.deepEqual([await login(from, KIT_PASSWORD), await badKey(from), await socket(from, 'bad')], [429, 429, 4429]);
  assert.equal(await handshake(from, 'bad'), 429);
  assert.equal(await login(stranger(), KIT_PASSWORD), 200, 'elsewhere nothing was counted');
  kit.clock.advance(HOUR + 60_000);
  while (!kit.twinkeep.house.revocations.fresh()) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await login(from, KIT_PASSWORD), 200);
});

// Attack: the neighbours of a stranger are locked out by what he sent.
test('a good key and a good token pass where the budget is used up, and a token of plain requests takes nothing of it', async () => {
  const from = stranger();
  const headers = { 'x-forwarded-for': from };
  const [key, token] = [await kit.key('read'), await kit.signIn()];
  for (let each = 0; each < 2 * BUDGET; each++)
    assert.equal((await kit.call('GET', '/v1/me', { token: 'bad', headers })).status, 401);
  for (let each = 0; each < 2 * BUDGET; each++)
    assert.equal((await kit.call('GET', '/v1/me', { key, headers })).status, 200);
  assert.equal(await login(from), 401, 'neither of the two was counted');
  for (let each = 0; each < BUDGET; each++) await badKey(from);
  assert.equal(await badKey(from), 429);
  assert.equal((await kit.call('GET', '/v1/me', { key, headers })).status, 200);
  assert.equal((await kit.call('GET', '/v1/me', { token, headers })).status, 200);
});

test('a token that has merely ended is no guess', async () => {
  const from = stranger();
  const token = await kit.signIn();
  await kit.call('POST', '/v1/logout', { token });
  for (let each = 0; each < 2 * BUDGET; each++) assert.equal(await socket(from, token), 4401);
  assert.equal(await login(from, KIT_PASSWORD), 200);
});
