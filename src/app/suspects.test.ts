import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { apiKeyId, personId, requestId, sessionId, tenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import type { Principal } from '../kernel/principal.ts';
import { createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

let kit: Kit;
let mails: Awaited<ReturnType<typeof startInbox>>;
before(async () => {
  mails = await startInbox();
  const smtp = { host: '127.0.0.1', port: mails.port, tls: 'none', from: 'twin@twin.example' } as const;
  const routes = [{ path: '/api/*', to: 'twin', detection: 'block' as const }];
  const gateway = { backEnds: { twin: { url: 'http://127.0.0.1:9' } }, routes }; // nothing is to come so far
  kit = await createKit({ config: { delivery: { smtp }, gateway, detection: { inspection: { mode: 'block' } } } });
});
after(async () => {
  await kit.close();
  await mails.close();
});

/** A mail server that takes what comes. */
async function startInbox() {
  const letters: { to: string; text: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    onData: async (stream, session, done) => {
      const text = Buffer.concat(await stream.toArray()).toString();
      letters.push({ to: session.envelope.rcptTo.map(({ address }) => address).join(), text });
      done();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo; // a TCP server's address has a port
  return { port, letters, close: () => new Promise<void>((resolve) => server.close(resolve)) };
}

const main = tenantId('main');
const operator = { principal: { kind: 'operator', tenantId: main }, tenantId: main } as const;

/** What the token of a request stands for, as the line has it. */
function callerOf(token: string, person: string): Principal {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const ids = { personId: personId(person), sessionId: sessionId(claims.sid), realmId: claims.realm };
  return { kind: 'person', ...ids, tenantId: main, username: claims.username, authenticatedAt: kit.clock.now() };
}

async function attackBy(caller: Principal, name: string): Promise<void> {
  for (let each = 0; each < 5; each++) {
    const id = requestId(`${name}-${each}`);
    const context = { address: '127.0.0.1', addressBlock: '127.0.0.1', requestId: id, headers: {}, method: 'GET' };
    const what = {
      class: 'sqli',
      rule: 'union',
      score: 7,
      at: 'query.q',
      evidence: '',
      fingerprint: `${name} ${each}`,
    };
    await kit.twinkeep.house.suspicion.attacked({ context, caller, profile: 'twinkeep' }, what);
  }
}

interface Entry {
  readonly object?: { readonly id: string };
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Entries of the log that are wanted, once there is one: they are numbered a moment after they are written. */
async function entries(token: string, action: string, wanted: (entry: Entry) => boolean): Promise<readonly Entry[]> {
  const giveUp = performance.now() + 10_000;
  for (;;) {
    const { json } = await kit.call('GET', `/v1/audit/entries?action=${action}&limit=100`, { token });
    const found = json.items.filter(wanted);
    if (found.length > 0) return found;
    assert.ok(performance.now() < giveUp, `no ${action}`);
    await pause(50);
  }
}

const me = (token: string) => kit.call('GET', '/v1/me', { token });
const signIn = (username: string, password = KIT_PASSWORD) =>
  kit.call('POST', '/v1/login', { body: { username, password } });
const refresh = (token: string) => kit.call('POST', '/v1/token/refresh', { body: { refresh_token: token } });

test('V20 a person from whose session attacks come is blocked, and every session of theirs has ended', async () => {
  const { id, token } = await kit.person('ada', 'viewer');
  const other = await kit.signIn('ada');
  assert.equal((await me(token)).status, 200);
  await attackBy(callerOf(token, id), 'ada');
  for (const one of [token, other]) assert.equal((await me(one)).status, 401);
  const refused = await signIn('ada');
  assert.deepEqual([refused.status, refused.json.code], [403, 'DETECTION_BLOCKED']);
  assert.deepEqual(
    [refused.json.blocked, refused.json.reason, refused.json.retry_after_s],
    ['person', 'suspicion', 900],
  );
  assert.equal((await me(await kit.signIn())).status, 200, 'the office goes on');
  await kit.twinkeep.house.blocks.lift(operator, `person:${id}`);
  assert.equal((await me(await kit.signIn('ada'))).status, 200);
});

// Attack: whoever was blocked signs in again, refreshes, or has tokens that a back end verifies by itself.
test('who is blocked by an operator has no session any more, and gets none', async () => {
  const { house } = kit.twinkeep;
  const { id, token } = await kit.person('mallory', 'viewer');
  const other = (await signIn('mallory')).json.refresh_token;
  const why = { violation: 'principal_blocked', reason: 'operator', evidence: {} } as const;
  await house.blocks.block(operator, { kind: 'person', value: id, ...why, length: { kind: 'permanent' } });
  assert.equal((await me(token)).status, 401);
  assert.deepEqual(await house.sessions.list(personId(id)), []);
  assert.equal((await refresh(other)).json.code, 'SESSION_REVOKED');
  const blocked = await signIn('mallory');
  assert.deepEqual([blocked.status, blocked.json.code, blocked.json.permanent], [403, 'DETECTION_BLOCKED', true]);
  const [wrong, unknown] = [await signIn('mallory', 'not the password'), await signIn('nobody', 'not the password')];
  assert.deepEqual([wrong.status, wrong.json.code], [unknown.status, unknown.json.code], 'no guesser learns of it');
  await house.blocks.lift(operator, `person:${id}`);
  assert.equal((await signIn('mallory')).status, 200);
});

test('V20 the person is told by mail, once, and the end of their sessions is recorded', async () => {
  const token = await kit.signIn();
  const body = { username: 'eve', password: KIT_PASSWORD, roles: ['viewer'], email: 'eve@plant.example' };
  const { id } = (await kit.call('POST', '/v1/users', { token, body })).json;
  await attackBy(callerOf(await kit.signIn('eve'), id), 'eve');
  await kit.twinkeep.house.delivery.run();
  assert.deepEqual(
    mails.letters.map(({ to }) => to),
    ['eve@plant.example'],
  );
  assert.match(mails.letters[0]?.text ?? '', /2026-11-21T12:15/);
  const own = await entries(token, 'session.all_ended', ({ object }) => object?.id === id);
  assert.deepEqual(
    own.map(({ facts }) => facts['reason']),
    ['suspicion'],
  );
});

test('a blocked key is refused and its office is not, and it comes back by itself', async () => {
  const key = await kit.key('read');
  const token = await kit.signIn();
  const listed = await kit.call('GET', '/v1/api-keys', { token });
  const { id } = listed.json.items.at(-1);
  const status = async () => (await kit.call('GET', '/v1/readings', { key })).status;
  const good = await status();
  assert.notEqual(good, 403);
  await attackBy({ kind: 'api-key', apiKeyId: apiKeyId(id), tenantId: main, scopes: ['read'] }, 'key');
  assert.equal(await status(), 403);
  assert.equal((await me(token)).status, 200);
  kit.clock.advance(minutes(15));
  assert.equal(await status(), good);
});

// Attack: a stolen laptop is blocked, and goes on under another session or with another device's cookie.
test('a blocked device is that of the session, and stays so whatever cookie comes along', async () => {
  const body = { username: 'admin', password: KIT_PASSWORD, delivery: 'both' };
  const first = await kit.call('POST', '/v1/login', { body });
  const jar = first.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]);
  const { house } = kit.twinkeep;
  const token = first.json.access_token ?? assert.fail(first.text);
  const [session] = (await kit.call('GET', '/v1/sessions', { token })).json.items.filter(
    (one: { current: boolean }) => one.current,
  );
  assert.ok(session !== undefined);
  const admin = personId((await me(token)).json.id);
  const device = (await house.sessions.list(admin)).find(({ id }) => id === session.id)?.knownDeviceId;
  assert.ok(device !== undefined, 'the session is bound to a device');
  const elsewhere = await kit.signIn();
  const wish = {
    violation: 'principal_blocked',
    reason: 'operator',
    evidence: {},
    length: { kind: 'permanent' },
  } as const;
  await house.blocks.block(operator, { kind: 'device', value: device, ...wish });
  for (const headers of [{}, { cookie: 'tk_device=another' }])
    assert.equal((await kit.call('GET', '/v1/me', { token, headers })).status, 403);
  assert.equal(
    (await kit.call('GET', '/v1/me', { token: elsewhere, headers: { cookie: jar.join('; ') } })).status,
    200,
  );
  await house.blocks.lift(operator, `device:${device}`);
  assert.equal((await me(token)).status, 200);
});

test('a block of an administrator is told apart from one of anybody else', async () => {
  const { house } = kit.twinkeep;
  const told: string[] = [];
  const stop = house.blockNews.listen(({ type }) => told.push(type));
  const { id } = await kit.person('bob', 'viewer');
  const { id: chief } = await kit.person('chief', 'admin');
  const wish = {
    violation: 'principal_blocked',
    reason: 'operator',
    evidence: {},
    length: { kind: 'permanent' },
  } as const;
  for (const value of [id, chief]) await house.blocks.block(operator, { kind: 'person', value, ...wish });
  stop();
  assert.deepEqual(told, ['person.blocked', 'person.blocked', 'administrator.blocked']);
});

// Attack: a blocked key goes on and on, so that every refusal is a write that others wait for.
test('the refusals of somebody who is blocked are counted together', async () => {
  const key = await kit.key('read');
  const token = await kit.signIn();
  const { id } = (await kit.call('GET', '/v1/api-keys', { token })).json.items.at(-1);
  await attackBy({ kind: 'api-key', apiKeyId: apiKeyId(id), tenantId: main, scopes: ['read'] }, 'flood');
  for (let each = 0; each < 200; each++) assert.equal((await kit.call('GET', '/v1/readings', { key })).status, 403);
  const refusals = await entries(token, 'access.refused', ({ facts }) => facts['code'] === 'DETECTION_BLOCKED');
  assert.ok(refusals.length > 0 && refusals.length < 50, String(refusals.length));
});

test('a refresh of somebody who is blocked is refused, and the token stays good for when they are not', async () => {
  const { house } = kit.twinkeep;
  const { id } = await kit.person('trent', 'viewer');
  const token = (await signIn('trent')).json.refresh_token;
  const why = { violation: 'principal_blocked', reason: 'suspicion', evidence: {} } as const;
  await house.blocks.impose(operator, { kind: 'person', value: id, ...why, length: { kind: 'fixed', ms: 60_000 } });
  assert.equal((await refresh(token)).json.code, 'DETECTION_BLOCKED');
  kit.clock.advance(minutes(2));
  assert.equal((await refresh(token)).status, 200);
});

test('who is not there cannot be blocked by a slip of the pen, and a key that is there can', async () => {
  const { blocks } = kit.twinkeep.house;
  const why = { violation: 'principal_blocked', reason: 'operator', evidence: {} } as const;
  const wish = (kind: 'person' | 'api-key' | 'device', value: string) =>
    blocks.block(operator, { kind, value, ...why, length: { kind: 'fixed', ms: minutes(1) } });
  for (const kind of ['person', 'api-key', 'device'] as const)
    await assert.rejects(wish(kind, 'nobody-of-that-name'), { code: 'DETECTION_SUSPECT_UNKNOWN' });
  const { apiKeys } = kit.twinkeep.house;
  const made = await apiKeys.create(operator, main, { name: 'pump', scopes: [], lifeMs: undefined }, async () => {});
  assert.equal((await wish('api-key', made.key.id)).value, made.key.id);
  await apiKeys.revoke(operator, main, made.key.id);
  await assert.rejects(wish('api-key', made.key.id), { code: 'DETECTION_SUSPECT_UNKNOWN' });
});

// Attack: a page asks for what no page may send, so that its reader's browser asks us first, with the attack (D06).
test('what a browser asks before it sends gets its address nowhere blocked', async () => {
  const headers = {
    origin: 'https://evil.example',
    'access-control-request-method': 'PUT',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'cors',
    'user-agent': 'Mozilla/5.0',
  };
  for (const path of ['/v1/me', '/api/x'])
    for (let each = 0; each < 6; each++) {
      const attack = encodeURIComponent(`${each}' union select password from users--`);
      const { status, json } = await kit.call('OPTIONS', `${path}?q=${attack}`, { headers });
      assert.deepEqual([status, json?.code], [403, 'DETECTION_REFUSED']);
    }
  assert.equal(kit.twinkeep.house.blocks.blocked('127.0.0.1'), undefined);
});
