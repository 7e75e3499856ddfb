import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before } from 'node:test';
import { type Answer, type Call, createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';
import { vectorTest } from '../vectors/vectors.ts';
import { NAUGHTY, spellingsOf, stringsIn, withEach } from './naughty.ts';
import { openWire } from './wire.ts';

const DAY_MS = 86_400_000;
/** Some routes want a proof of the last ten minutes. */
const PROOF_MS = 300_000;

let kit: Kit;
let token: string;
let provedAt: number;
before(async () => {
  kit = await createKit({ config: { sessions: { accessMs: DAY_MS, idleMs: DAY_MS, absoluteMs: DAY_MS } } });
  await prove();
});
after(() => kit.close());

async function prove(): Promise<void> {
  provedAt = kit.clock.now();
  token = await kit.signIn();
}

/** Asks, and lets nothing pass that is an error of ours. */
async function ask(method: string, path: string, call: Call = {}): Promise<Answer> {
  kit.clock.advance(1_500); // so that no limit is met: 60 a minute, of which 16 come at once
  if (kit.clock.now() - provedAt > PROOF_MS) await prove();
  const answer = await kit.call(method, path, { token, ...call });
  assert.ok(answer.status < 500 && answer.status !== 429, `${method} ${path}: ${answer.text}`);
  if (answer.status >= 400) assert.match(answer.json.code, /^[A-Z]+_[A-Z_]+$/);
  return answer;
}

vectorTest('no string breaks a login, and none is let in', NAUGHTY, async (text, t) => {
  const count = await withEach(stringsIn(text), async (naughty) => {
    const { status } = await ask('POST', '/v1/login', { body: { username: naughty, password: naughty } });
    assert.ok(status === 401 || status === 422);
  });
  t.diagnostic(`${count} strings`);
});

vectorTest('a username that is accepted comes back as it is and signs in', NAUGHTY, async (text, t) => {
  let accepted = 0;
  await withEach(stringsIn(text), async (username) => {
    const body = { username, password: KIT_PASSWORD, roles: ['viewer'] };
    const { status, json } = await ask('POST', '/v1/users', { body });
    if (status !== 201) return assert.ok(status === 422 || status === 409);
    accepted++;
    assert.equal(json.username, username);
    const login = await ask('POST', '/v1/login', { body: { username, password: KIT_PASSWORD } });
    const me = await ask('GET', '/v1/me', { token: login.json.access_token });
    assert.equal(me.json.username, username);
  });
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('a password that is accepted signs in', NAUGHTY, async (text, t) => {
  let accepted = 0;
  await withEach(stringsIn(text), async (password, index) => {
    const username = `user${index}`;
    const { status } = await ask('POST', '/v1/users', { body: { username, password, roles: [] } });
    if (status !== 201) return assert.equal(status, 422);
    accepted++;
    for (const spelling of spellingsOf(password)) {
      const { status: signedIn } = await ask('POST', '/v1/login', { body: { username, password: spelling } });
      assert.equal(signedIn, 200);
    }
  });
  assert.ok(accepted > 50);
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('an e-mail address that is accepted comes back as it is, and is found by it', NAUGHTY, async (text, t) => {
  const { id } = await kit.person('mailed', 'viewer');
  let accepted = 0;
  for (const [index, naughty] of stringsIn(text).entries()) {
    for (const email of [naughty, `${naughty}${index}@example.org`, `a${index}@${naughty}.example`]) {
      const { status, json } = await ask('PATCH', `/v1/users/${id}`, { body: { email } });
      if (status !== 200) {
        assert.equal(status, 422, JSON.stringify(email));
        continue;
      }
      accepted++;
      assert.equal(json.email, email);
      const found = await ask('GET', `/v1/users?email=${encodeURIComponent(email)}`);
      assert.deepEqual(
        found.json.items.map((item: { id: string; email: string }) => [item.id, item.email]),
        [[id, email]],
      );
    }
  }
  assert.ok(accepted > 50);
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('no string is a role, and none a scope but those that are', NAUGHTY, async (text) => {
  const { id } = await kit.person('rolling', 'viewer');
  await withEach(stringsIn(text), async (naughty) => {
    assert.equal((await ask('PATCH', `/v1/users/${id}`, { body: { roles: [naughty] } })).status, 422);
    assert.equal((await ask('POST', '/v1/api-keys', { body: { name: 'never', scopes: [naughty] } })).status, 422);
  });
});

vectorTest('a name of a key comes back as it is', NAUGHTY, async (text, t) => {
  const made = new Map<string, string>();
  await withEach(stringsIn(text), async (name) => {
    const { status, json } = await ask('POST', '/v1/api-keys', { body: { name, scopes: ['read'] } });
    if (status === 201) made.set(json.id, name);
    else assert.equal(status, 422);
  });
  const { json } = await ask('GET', '/v1/api-keys');
  for (const { id, name } of json.items) assert.equal(name, made.get(id));
  assert.ok(made.size > 150);
  t.diagnostic(`${made.size} accepted`);
});

vectorTest('a location comes back as it is, and a meter that is accepted too', NAUGHTY, async (text, t) => {
  let accepted = 0;
  const timestamp = '2026-11-21T11:00:00Z';
  await withEach(stringsIn(text), async (naughty, index) => {
    const reading = { meter_id: `M${index}`, timestamp, energy_consumption: 1, location: naughty };
    if ((await ask('POST', '/v1/readings', { body: reading })).status === 201) {
      accepted++;
      const { json } = await ask('GET', `/v1/readings?meter_id=M${index}`);
      assert.equal(json.items[0].location, naughty);
      const there = await ask('GET', `/v1/readings?location=${encodeURIComponent(naughty)}&limit=1000`);
      if (naughty.trim() !== '' && there.status === 200) {
        const meters = there.json.items.map(({ meter_id }: { meter_id: string }) => meter_id);
        assert.ok(meters.includes(`M${index}`), 'and is found by it');
      }
    }
    const line = { body: `${JSON.stringify(reading)}\n`, headers: { 'content-type': 'application/x-ndjson' } };
    assert.ok([200, 422].includes((await ask('POST', '/v1/readings', line)).status));

    const meter = await ask('POST', '/v1/readings', { body: { ...reading, meter_id: naughty, location: 'x' } });
    if (meter.status !== 201) return assert.equal(meter.status, 422);
    const { json } = await ask('GET', `/v1/readings?meter_id=${encodeURIComponent(naughty)}`);
    assert.equal(json.items[0].meter_id, naughty);
  });
  assert.ok(accepted > 150);
  t.diagnostic(`${accepted} locations accepted`);
});

vectorTest(
  'a name of a tenant comes back as it is, and no string is an id but those that are',
  NAUGHTY,
  async (text) => {
    const door = createServer(kit.twinkeep.handleOperator);
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const place = door.address();
    assert.ok(typeof place === 'object' && place !== null);
    const post = (body: object) =>
      fetch(`http://127.0.0.1:${place.port}/v1/tenants`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(body),
      });
    await withEach(stringsIn(text), async (naughty, index) => {
      const named = await post({ id: `t${index}`, name: naughty });
      if (named.status === 201) assert.equal(Object(await named.json()).name, naughty);
      else assert.equal(named.status, 422);
      const id = await post({ id: naughty, name: 'x' });
      if (id.status === 201) assert.equal(Object(await id.json()).id, naughty);
      else assert.ok(id.status === 422 || id.status === 409);
    });
    await new Promise((resolve) => door.close(resolve));
  },
);

vectorTest('no string breaks a query or a path', NAUGHTY, async (text) => {
  const parts = [
    '/v1/readings?meter_id=',
    '/v1/readings?cursor=',
    '/v1/readings?from=',
    '/v1/readings?limit=',
    '/v1/readings?location=',
    '/v1/users?after=',
    '/v1/users?email=',
  ];
  const more = [
    '/v1/audit/entries?action=',
    '/v1/audit/entries?before=',
    '/v1/audit/proof?seq=',
    '/v1/me?',
    '/',
    '/v1/',
  ];
  await withEach(stringsIn(text), async (naughty) => {
    const encoded = encodeURIComponent(naughty);
    for (const part of [...parts, ...more]) await ask('GET', part + encoded);
    for (const part of ['/v1/readings/', '/v1/sessions/', '/v1/api-keys/']) await ask('DELETE', part + encoded);
    await ask('PATCH', `/v1/users/${encoded}`, { body: { disabled: true } });
  });
});

vectorTest('no string breaks a header, and a user agent comes back as it is', NAUGHTY, async (text, t) => {
  let shown = 0;
  const names = [
    'X-API-Key',
    'Authorization',
    'Twinkeep-Tenant',
    'Cookie',
    'X-Forwarded-For',
    'Origin',
    'Accept',
    'Content-Encoding',
  ];
  await withEach(stringsIn(text), async (naughty) => {
    if (/[\0\r\n]/.test(naughty)) return; // more than one line of a head: test/hostile/protocol.test.ts
    const wire = await openWire(kit.address);
    for (const name of names) {
      const credential = /key|auth/i.test(name) ? '' : `Authorization: Bearer ${token}\r\n`;
      wire.send(`GET /v1/me HTTP/1.1\r\nHost: a\r\n${credential}${name}: ${naughty}\r\n\r\n`);
      const { status, headers } = await wire.answer();
      assert.ok(status < 500, `${name}: ${status}`);
      if (headers.get('connection') === 'close') return wire.end(); // a control character is in no head
    }
    const body = JSON.stringify({ username: 'admin', password: KIT_PASSWORD });
    wire.send(
      `POST /v1/login HTTP/1.1\r\nHost: a\r\nUser-Agent: ${naughty}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const login = await wire.answer();
    wire.end();
    const own = JSON.parse(login.body).access_token;
    const { json } = await ask('GET', '/v1/sessions', { token: own });
    const { user_agent } = json.items.find(({ current }: { current: boolean }) => current);
    assert.equal(
      user_agent,
      naughty
        .replace(/^[ \t]+|[ \t]+$/g, '')
        .slice(0, 256)
        .toWellFormed(),
    );
    assert.equal((await ask('GET', '/v1/devices', { token: own })).status, 200);
    assert.equal((await ask('POST', '/v1/logout', { token: own })).status, 204);
    shown++;
  });
  t.diagnostic(`${shown} user agents shown`);
});
