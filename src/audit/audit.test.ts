import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import type { EntryBody } from './entry.ts';
import { auditStore } from './store.ts';
import { verifyLog } from './verify.ts';

let kit: Kit;
let token: string;
before(async () => {
  kit = await createKit();
  token = await kit.signIn();
});
after(() => kit.close());

/** Asks a moment later than before, so that entries have an order. */
function ask(method: string, path: string, call: object = {}): Promise<Answer> {
  kit.clock.advance(1);
  return kit.call(method, path, { token, ...call });
}

/** Everything in the log of a kit, oldest first. */
async function entriesOf({ twinkeep: { house, storage } }: Kit): Promise<readonly EntryBody[]> {
  await storage.write(platform, async () => undefined); // behind what is noted and not awaited
  await house.audit.integrate();
  const rows = await storage.read(platform, (tx) => auditStore.from(tx, 0, 5_000));
  return rows.map(({ body }) => JSON.parse(body)); // our own text
}

const since = async (count: number): Promise<readonly EntryBody[]> => (await entriesOf(kit)).slice(count);
const known = ({ action, outcome, principal, object }: EntryBody) => [action, outcome, principal, object?.type];

test('each act of a day is one entry that says who did what to whom', async () => {
  const from = (await entriesOf(kit)).length;
  const me = (await ask('GET', '/v1/me')).json;
  const admin = `person:${me.id}`;
  const body = { username: 'dora', password: KIT_PASSWORD, roles: ['viewer'] };
  const { json: dora } = await ask('POST', '/v1/users', { body });
  const login = await ask('POST', '/v1/login', {
    token: undefined,
    body: { username: 'dora', password: KIT_PASSWORD },
  });
  await ask('POST', '/v1/token/refresh', { token: undefined, body: { refresh_token: login.json.refresh_token } });
  await ask('PATCH', `/v1/users/${dora.id}`, { body: { roles: ['analyst'] } });
  const { json: key } = await ask('POST', '/v1/api-keys', { body: { name: 'k', scopes: ['write:meter_data'] } });
  const reading = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 };
  await ask('POST', '/v1/readings', { token: undefined, key: key.key, body: reading });
  await ask('DELETE', '/v1/readings/M1');
  await ask('DELETE', `/v1/api-keys/${key.id}`);
  await ask('POST', '/v1/logout', { token: login.json.access_token });
  await ask('PATCH', `/v1/users/${dora.id}`, { body: { disabled: true } });

  const entries = (await since(from)).filter(({ action }) => action !== 'access.read');
  const self = `person:${dora.id}`;
  assert.deepEqual(entries.map(known).sort(), [
    ['api_key.created', 'done', admin, 'api-key'],
    ['api_key.revoked', 'done', admin, 'api-key'],
    ['device.added', 'done', 'anonymous', 'device'],
    ['person.created', 'done', admin, 'person'],
    ['person.disabled', 'done', admin, 'person'],
    ['readings.deleted', 'done', admin, 'meter'],
    ['readings.stored', 'done', `api-key:${key.id}`, 'meter'],
    ['roles.granted', 'done', admin, 'person'],
    ['roles.granted', 'done', admin, 'person'],
    ['session.all_ended', 'done', admin, 'person'],
    ['session.ended', 'done', self, 'session'],
    ['session.refreshed', 'done', 'anonymous', 'session'],
    ['session.started', 'done', self, 'session'],
    ['signin.passed', 'done', 'anonymous', 'person'],
  ]);
  for (const { v, id, at, tenant, request } of entries) {
    assert.equal(v, 1);
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(new Date(at).toISOString(), at);
    assert.equal(tenant, 'main');
    assert.match(String(request), /^[0-9a-f-]{36}$/);
  }
});

test('what is refused to somebody known is written before the answer goes out', async () => {
  const { id, token: viewer } = await kit.person('vera', 'viewer');
  kit.clock.advance(1);
  const answer = await kit.call('DELETE', '/v1/readings/M1', { token: viewer });
  assert.equal(answer.status, 403);
  const { house, storage } = kit.twinkeep;
  await house.audit.integrate();
  const bodies = (await storage.read(platform, (tx) => auditStore.from(tx, 0, 5_000))).map(({ body }) => body);
  const refused = bodies.findLast((text) => text.includes('access.refused')) ?? assert.fail('nothing was written');
  const body: EntryBody = JSON.parse(refused); // not the newest of all: numbers of reads are written at any moment
  assert.deepEqual(known(body), ['access.refused', 'refused', `person:${id}`, undefined]);
  assert.deepEqual(body.facts, { route: 'DELETE /v1/readings/:meter_id', code: 'ACCESS_FORBIDDEN' });
  assert.equal(`urn:uuid:${body.request}`, answer.json.instance, 'the answer and the entry name each other');
});

// Attack: whoever knows no password fills the disk with refusals.
test('of a flood of refusals 20 are written one by one and the rest as one number', async () => {
  const own = await createKit({ config: { trustedProxies: ['127.0.0.1'] } });
  try {
    const flood = (times: number, address: string) =>
      Promise.all(
        Array.from({ length: times }, () =>
          own.call('GET', '/v1/me', { key: 'tk_bad', headers: { 'x-forwarded-for': address } }),
        ),
      );
    await flood(50, '192.0.2.1');
    await flood(3, '192.0.2.2');
    await flood(30, '2001:db8::1');
    await flood(30, '2001:db8::2'); // the same customer
    await own.twinkeep.house.audit.stop();
    const refused = (await entriesOf(own)).filter(({ action }) => action === 'access.refused');
    const counted = refused.flatMap(({ facts }) => (typeof facts?.['refused'] === 'number' ? [facts['refused']] : []));
    assert.deepEqual(
      counted.toSorted((a, b) => a - b),
      [30, 40],
    );
    assert.equal(refused.length - counted.length, 20 + 3 + 20);
  } finally {
    await own.close();
  }
});

test('a flood of requests past the limit is one number too, whoever sends it', async () => {
  const own = await createKit({ config: { limits: { principalPerMinute: 10 } } });
  try {
    const key = await own.key('read');
    const answers = await Promise.all(Array.from({ length: 100 }, () => own.call('GET', '/v1/me', { key })));
    assert.equal(answers.filter(({ status }) => status === 429).length, 90);
    await own.twinkeep.house.audit.stop();
    const refused = (await entriesOf(own)).filter(({ action }) => action === 'access.refused');
    assert.equal(refused.length, 21);
    assert.ok(refused.some(({ facts }) => facts?.['refused'] === 70));
  } finally {
    await own.close();
  }
});

test('many reads become one entry with counts, and it names what was read and by whom', async () => {
  const own = await createKit();
  try {
    const key = await own.key('read');
    const admin = await own.signIn();
    for (let each = 0; each < 5; each++) await own.call('GET', '/v1/readings?meter_id=M1', { key });
    await own.call('GET', '/v1/users', { token: admin });
    await own.twinkeep.house.audit.stop();
    const reads = (await entriesOf(own)).filter(({ action }) => action === 'access.read');
    const accesses = reads.flatMap(({ facts }) => Object(facts)['accesses']);
    const total = new Map<string, number>();
    for (const { route, count } of accesses) total.set(route, (total.get(route) ?? 0) + count);
    assert.equal(total.get('GET /v1/readings'), 5);
    assert.equal(total.get('GET /v1/users'), 1);
    const [first] = accesses.filter(({ route }: { route: string }) => route === 'GET /v1/readings');
    assert.match(first.principal, /^api-key:/);
    assert.equal(first.object, 'meter M1');
    assert.ok(reads.every(({ tenant }) => tenant === 'main'));
  } finally {
    await own.close();
  }
});

test('erasing a person leaves the log whole, and what it said of them unreadable', async () => {
  const { id } = await kit.person('erika', 'viewer');
  const subject = personId(id);
  const { house, storage } = kit.twinkeep;
  const created = (await entriesOf(kit)).find(({ action, object }) => action === 'person.created' && object?.id === id);
  const part = created?.personal;
  assert.ok(part);
  assert.equal(part.subject, id);
  const open = () =>
    storage.read(platform, (tx) => house.vault.subjects.open(tx, subject, 'audit_entry.personal', part.sealed));
  assert.equal(JSON.parse(await open()).username, 'erika');

  await storage.write(platform, async (tx) => assert.equal(await house.vault.subjects.destroy(tx, subject), true));
  await assert.rejects(open(), { code: 'VAULT_SUBJECT_ERASED' });
  await storage.write(platform, async (tx) => assert.equal(await house.vault.subjects.destroy(tx, subject), false));
  const { whole, flaws } = await verifyLog(storage, { key: house.audit.key });
  assert.deepEqual([whole, flaws], [true, []]);
});

test('entries are read page by page, newest first, and by action', async () => {
  await entriesOf(kit);
  const all = (await ask('GET', '/v1/audit/entries?limit=1000')).json.items;
  const seqs = all.map(({ seq }: { seq: number }) => seq);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a: number, b: number) => b - a),
  );
  const paged: number[] = [];
  for (let before_: number | null = seqs[0] + 1; before_ !== null; ) {
    const { json } = await ask('GET', `/v1/audit/entries?limit=7&before=${before_}`);
    paged.push(...json.items.map(({ seq }: { seq: number }) => seq));
    before_ = json.next_before;
  }
  assert.deepEqual(paged, seqs);
  const { json } = await ask('GET', '/v1/audit/entries?action=person.created&limit=1');
  assert.equal(json.items[0].action, 'person.created');
  assert.equal((await ask('GET', '/v1/audit/entries?action=nothing')).json.items.length, 0);
});
