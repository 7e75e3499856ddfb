import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { tenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

let kit: Kit;
let key: string;
before(async () => {
  const detection = { failures: 5, inspection: { mode: 'block' } } as const;
  kit = await createKit({ config: { trustedProxies: ['127.0.0.0/8'], detection } });
  key = await kit.key('read');
});
after(() => kit.close());

const operator: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };
const MOZILLA = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)', host: 'twin.example' };

let plants = 0;
const plant = (): string => `198.51.100.${++plants}`;
const from = (address: string) => ({ 'x-forwarded-for': address });
/** A new key, and what it is called. */
async function made(): Promise<{ readonly text: string; readonly id: string }> {
  const body = { name: 'pump', scopes: ['read'] };
  const { id, key: text } = (await kit.call('POST', '/v1/api-keys', { token: await kit.signIn(), body })).json;
  return { id, text };
}
const isBlocked = (address: string): boolean => kit.twinkeep.house.blocks.blocked(address) !== undefined;

const me = async (address: string, call: { readonly token?: string; readonly key?: string } = {}) => {
  const { status, json } = await kit.call('GET', '/v1/me', { ...call, headers: from(address) });
  return status === 200 ? status : `${status} ${json.code}`;
};
const attack = (address: string, each: number, call: { readonly key?: string } = {}, path = '/v1/me') =>
  kit.call('GET', `${path}?q=${encodeURIComponent(`${each}' union select secret_${each} from t${each}--`)}`, {
    ...call,
    headers: from(address),
  });

const wish = (value: string) => ({
  ...({ kind: 'address', value, violation: 'ip_blocked', reason: 'operator', evidence: {} } as const),
  length: { kind: 'fixed', ms: minutes(60) } as const,
});

// Attack: one client behind a plant's NAT attacks without a credential, so that the whole plant is shut out.
test('a block that attacks led to lets by who proves who they are, and nobody else', async () => {
  const address = plant();
  const token = await kit.signIn();
  for (let each = 0; each < 5; each++) assert.equal((await attack(address, each)).status, 403);
  assert.ok(isBlocked(address));
  assert.equal(await me(address), '403 DETECTION_BLOCKED');
  assert.deepEqual([await me(address, { key }), await me(address, { token })], [200, 200]);
  for (const bad of [{ token: 'bad' }, { key: 'no-key-of-ours' }, { key: `${key.slice(0, -1)}!` }])
    assert.equal(await me(address, bad), '403 DETECTION_BLOCKED');
  const body = { username: 'admin', password: KIT_PASSWORD };
  const login = await kit.call('POST', '/v1/login', { body, key, headers: from(address) });
  assert.deepEqual([login.status, login.json.code], [403, 'DETECTION_BLOCKED'], 'no password is looked at from there');
  assert.equal((await attack(address, 9, { key })).json.code, 'DETECTION_REFUSED');
});

test('a block of an operator keeps out whoever it is', async () => {
  const address = plant();
  await kit.twinkeep.house.blocks.block(operator, wish(address));
  assert.deepEqual([await me(address, { key }), await me(address)], ['403 DETECTION_BLOCKED', '403 DETECTION_BLOCKED']);
});

test('a key that is blocked itself does not come in by the block of its address', async () => {
  const [address, { text: mine }] = [plant(), await made()];
  for (let each = 0; each < 5; each++) await attack(address, each);
  for (let each = 0; each < 5; each++) await attack(address, each, { key: mine });
  assert.equal(await me(address, { key: mine }), '403 DETECTION_BLOCKED');
  assert.equal(await me(address, { key }), 200);
});

// Attack: the attacks of a key go to a route that asks for none, so that its address pays for them.
test('whoever proves who they are takes an attack upon a public route', async () => {
  const [address, { id, text: mine }] = [plant(), await made()];
  for (let each = 0; each < 5; each++)
    assert.equal((await attack(address, each, { key: mine }, '/openapi.json')).json.code, 'DETECTION_REFUSED');
  assert.ok(kit.twinkeep.house.blocks.blocked(id, 'api-key') !== undefined);
  assert.ok(!isBlocked(address));
  for (let each = 0; each < 5; each++) await attack(address, each, { key: `made-up-${each}` }, '/openapi.json');
  assert.ok(isBlocked(address), 'invented ones prove nothing');
});

// Attack: an old machine goes on with its key, so that all others of the plant are shut out.
test('keys that were revoked or ran out block no address', async () => {
  const address = plant();
  const { id, text: mine } = await made();
  const token = await kit.signIn();
  assert.equal((await kit.call('DELETE', `/v1/api-keys/${id}`, { token })).status, 204);
  for (let each = 0; each < 20; each++) assert.equal(await me(address, { key: mine }), '401 APIKEY_INVALID');
  assert.ok(!isBlocked(address));
});

// Attack: a page makes its reader's browser open sockets with made-up tokens.
test('wrong tokens that a page of somebody else sends block nobody, and those of a tool do', async () => {
  const [office, tool] = [plant(), plant()];
  for (let each = 0; each < 10; each++) {
    const headers = { ...MOZILLA, origin: 'http://evil.example' };
    assert.equal(await handshake(office, `a${each}`, headers), 401);
  }
  assert.ok(!isBlocked(office));
  for (let each = 0; each < 5; each++) await handshake(tool, `a${each}`);
  assert.ok(isBlocked(tool));
});

async function handshake(address: string, token: string, headers: Readonly<Record<string, string>> = {}) {
  const url = `${kit.address.replace('http', 'ws')}/v1/readings/stream`;
  const opened = new WebSocket(url, ['twinkeep', `twinkeep.bearer.${token}`], {
    headers: { ...from(address), ...headers },
  });
  opened.on('error', () => undefined);
  const [, response] = await once(opened, 'unexpected-response');
  response.destroy();
  return response.statusCode;
}

// Attack: what was opened before the block goes on for hours.
test('the block of an address ends what is open from there, where no proof helps', async () => {
  const address = plant();
  const opened = new WebSocket(`${kit.address.replace('http', 'ws')}/v1/readings/stream`, ['twinkeep'], {
    headers: { ...from(address), 'x-api-key': key },
  });
  await once(opened, 'open');
  for (let each = 0; each < 5; each++) await attack(address, each);
  assert.ok(isBlocked(address));
  await pause(1_500);
  assert.equal(opened.readyState, WebSocket.OPEN, 'it has proved who it is');
  await kit.twinkeep.house.blocks.block(operator, wish(address));
  await once(opened, 'close', { signal: AbortSignal.timeout(5_000) });
});

// Attack: forty sign-ins are begun, their last byte is held back, and all of them end when the block is there.
test('a body that comes after its address was blocked is not looked at', async () => {
  const address = plant();
  const body = JSON.stringify({ username: 'admin', password: KIT_PASSWORD });
  const { port } = new URL(kit.address);
  const late = request({ port, path: '/v1/login', method: 'POST', agent: false, headers: from(address) });
  late.setHeader('content-type', 'application/json').setHeader('content-length', body.length);
  late.write(body.slice(0, -1));
  await pause(200);
  for (let each = 0; each < 5; each++) await attack(address, each);
  assert.ok(isBlocked(address));
  late.end(body.slice(-1));
  const [answer] = await once(late, 'response');
  answer.resume();
  assert.equal(answer.statusCode, 403);
});
