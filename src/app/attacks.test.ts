import assert from 'node:assert/strict';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { platform } from '../kernel/tx.ts';
import { createMetrics } from '../metrics/index.ts';
import { statement } from '../storage/index.ts';
import { createKit, type Kit } from '../testing/index.ts';
import { createAttackTally } from './attack-tally.ts';
import { blockLine } from './block-lines.ts';

const SECRETS = [
  'hunter2-Very-Secret',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlMTIzNDU2',
  'tk_live_9f8e7d6c5b4a39281706',
];

let kit: Kit;
/** The same, where attacks lead to blocks. */
let strict: Kit;
let backEnd: Server;
const reached: string[] = [];

before(async () => {
  backEnd = createServer((asked, response) => {
    reached.push(asked.url ?? '');
    asked.resume();
    response.end('ok');
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  const { port } = backEnd.address() as AddressInfo; // a TCP server's address has a port
  const open = { to: 'twin', access: 'public', because: 'for this test' } as const;
  const routes = [
    { ...open, path: '/shadow/*' },
    { ...open, path: '/off/*', detection: 'off' as const },
    {
      ...open,
      path: '/block/*',
      detection: 'block' as const,
      textFields: ['body.note', 'query.note'],
      unseenFields: ['body.sealed'],
    },
  ];
  const exceptions = [
    { route: '/block/*', field: 'query.filter', rule: 'sqli-*', because: 'a filter of our own language' },
    { route: 'GET /block/*', field: 'header.x-query', because: 'dashboards send SQL here' },
  ];
  const gateway = { backEnds: { twin: { url: `http://127.0.0.1:${port}` } }, routes };
  const inspection = { mode: 'block', exceptions } as const;
  kit = await createKit({ config: { gateway, detection: { enabled: false, inspection } } });
  strict = await createKit({ config: { gateway, detection: { inspection } } });
});
after(async () => {
  await kit.close();
  await strict.close();
  backEnd.close().closeAllConnections();
});

const UNION = "1' union select password from users--";
const get = (path: string, headers: Record<string, string> = {}) => kit.call('GET', path, { headers });
const post = (path: string, value: object) => kit.call('POST', path, { body: value });
const query = (text: string) => `?q=${encodeURIComponent(text)}`;
const written = statement({
  reach: 'platform',
  sql: "select body from audit_entry where action = 'detection.attack' order by id",
  returns: { body: 'text' },
});
const entry = z.looseObject({ outcome: z.string(), facts: z.record(z.string(), z.unknown()) });

const page = z.object({
  items: z.array(
    z.looseObject({
      principal: z.string(),
      tenant: z.string().optional(),
      facts: z.record(z.string(), z.unknown()),
    }),
  ),
});

/** Attacks in the audit log from now on; an address has so many of its own in a minute, so that begins anew. */
async function watched({
  twinkeep,
  clock,
} = kit): Promise<(least: number) => Promise<readonly z.output<typeof entry>[]>> {
  const { storage } = twinkeep;
  clock.advance(61_000);
  const read = () => storage.read(platform, (tx) => tx.all(written, {}));
  const before = (await read()).length;
  return async (least) => {
    for (const giveUp = performance.now() + 10_000; ; await pause(50)) {
      const rows = (await read()).slice(before);
      if (rows.length >= least) return rows.map(({ body }) => entry.parse(JSON.parse(body)));
      assert.ok(performance.now() < giveUp, `${rows.length} entries`);
    }
  };
}

// Attack: an injection in the query of a request to a back end.
test('where a route blocks, the refusal names place and class, and neither rule nor evidence', async () => {
  const entries = await watched();
  const refused = await get(`/block/x${query(UNION)}`);
  assert.deepEqual([refused.status, refused.json.code], [403, 'DETECTION_REFUSED']);
  const { type: _, title: __, instance: ___, ...rest } = refused.json;
  assert.deepEqual(rest, { status: 403, code: 'DETECTION_REFUSED', at: 'query.q', class: 'sqli' });
  assert.ok(!refused.text.includes('union') && !refused.text.includes('sqli-'));
  assert.deepEqual(reached, []);
  const [told] = await entries(1);
  const { route, mode, at, rule, evidence, score } = told?.facts ?? {};
  assert.deepEqual([told?.outcome, route, mode, at], ['refused', 'GET /block/*', 'block', 'query.q']);
  assert.match(String(rule), /^sqli-/);
  assert.ok(String(evidence).length > 0 && Number(score) >= 5);
});

// Attack: a rule on trial is used to have others blocked.
test('a route in shadow refuses nothing, and counts towards no block', async () => {
  const entries = await watched(strict);
  for (let each = 0; each < 30; each++) {
    const answer = await strict.call('GET', `/shadow/${each}${query(`${UNION} ${each}`)}`);
    assert.equal(answer.status, 200);
  }
  assert.deepEqual((await strict.twinkeep.house.blocks.list({ ended: false })).items, []);
  const told = await entries(10);
  assert.ok(told.every(({ outcome, facts }) => outcome === 'done' && facts['mode'] === 'shadow'));
  const text = await strict.twinkeep.metrics.text();
  assert.match(text, /^twinkeep_attacks_seen_total\{class="sqli",route="GET \/shadow\/\*"\} 30$/m);
});

test('a route that is off is not looked at', async () => {
  const before = kit.twinkeep.house.detection.rules().reduce((sum, { hits }) => sum + hits, 0);
  assert.equal((await get(`/off/x${query(UNION)}`)).status, 200);
  assert.equal((await post('/off/x', { note: UNION })).status, 200);
  assert.equal(
    kit.twinkeep.house.detection.rules().reduce((sum, { hits }) => sum + hits, 0),
    before,
  );
});

// Attack: distinct attacks, one after the other, from one address.
test('attacks on a route that blocks add up to a block', async () => {
  for (let each = 0; each < 8; each++)
    await strict.call('GET', `/block/x${query(`${each}' or ${each}=${each}-- x${each}`)}`);
  const blocked = await strict.call('GET', '/block/x');
  assert.deepEqual([blocked.status, blocked.json.code], [403, 'DETECTION_BLOCKED']);
});

test('people may talk of SQL in fields of text, and not elsewhere', async () => {
  const talk = 'Please select the meters from the list and drop me a line or two; I’ll update the table later.';
  assert.equal((await post('/block/x', { note: talk })).status, 200);
  assert.equal((await post('/block/x', { other: UNION })).status, 403);
  assert.equal(
    (await post('/block/x', { note: `Hello. ${UNION} Thank you.` })).status,
    403,
    'an attack is one there too',
  );
});

test('fields that are interpreted nowhere are not looked at, and their names in other fields are', async () => {
  assert.equal((await post('/block/x', { sealed: UNION })).status, 200);
  assert.equal((await post('/block/x', { deep: { sealed: UNION } })).status, 403);
});

test('an exception holds for its route, its field and its rule, and for nothing else', async () => {
  const filtered = `?filter=${encodeURIComponent(UNION)}`;
  assert.equal((await get(`/block/x${filtered}`)).status, 200);
  assert.equal((await get(`/v1/meters${filtered}`)).status, 403, 'another route');
  assert.equal((await get(`/block/x${query(UNION)}`)).status, 403, 'another field');
  assert.equal(
    (await get(`/block/x?filter=${encodeURIComponent('<script>alert(1)</script>')}`)).status,
    403,
    'another rule',
  );
  assert.equal((await get('/block/x', { 'x-query': UNION })).status, 200);
  assert.equal(
    (await kit.call('POST', '/block/x', { body: {}, headers: { 'x-query': UNION } })).status,
    403,
    'another method',
  );
});

test('what an exception lets by is counted by its place, and nothing else is', async () => {
  const count = async (place: number): Promise<number> => {
    const text = await kit.twinkeep.metrics.text();
    return Number(
      new RegExp(`^twinkeep_attacks_excepted_total\\{exception="${place}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
    );
  };
  const before = [await count(0), await count(1)];
  assert.equal((await get(`/block/x?filter=${encodeURIComponent(UNION)}`)).status, 200);
  assert.equal((await get(`/block/x?filter=${encodeURIComponent(UNION)}&q=${encodeURIComponent(UNION)}`)).status, 403);
  assert.equal((await get('/block/x?filter=roof')).status, 200);
  assert.deepEqual([await count(0), await count(1)], [Number(before[0]) + 1, before[1]]);
});

// Attack: one rule is excepted, and six others of which the log said nothing refuse the same request.
test('the entry of an attack has all rules that made it one, what they saw, and the other places', async () => {
  const entries = await watched();
  await get(`/block/x${query(UNION)}&other=${encodeURIComponent('<script>alert(1)</script>')}`);
  const [told] = await entries(1);
  const { at, score, evidence, hits, places } = z
    .looseObject({
      at: z.string(),
      score: z.number(),
      evidence: z.string(),
      hits: z.array(z.strictObject({ rule: z.string(), weight: z.number() })),
      places: z.array(z.object({ at: z.string(), class: z.string(), score: z.number(), rules: z.array(z.string()) })),
    })
    .parse(told?.facts);
  const strongest = hits.reduce((sum, { weight }) => sum + weight, 0);
  assert.ok(hits.length >= 2 && hits.length <= 8 && strongest >= Math.min(score, 5), JSON.stringify(hits));
  assert.match(evidence, /union select/, 'what it saw, and no fingerprint alone');
  assert.deepEqual([at, ...places.map((place) => place.at)].sort(), ['query.other', 'query.q']);
});

test('whoever reads the log at night hears of attacks once a minute, in numbers, and of blocks with what undoes them', () => {
  const said: string[] = [];
  const tally = createAttackTally(createMetrics({ ofProcess: false }), (message) => said.push(message));
  tally.tellOfMinute();
  for (let each = 0; each < 7; each++) tally.note('block', 'sqli', 'GET /x');
  for (let each = 0; each < 2; each++) tally.note('shadow', 'xss', 'GET /y');
  tally.tellOfMinute();
  tally.tellOfMinute();
  assert.deepEqual(said, ['7 attacks refused, 2 seen in shadow in the last minute']);
  const data = {
    block_id: 'b1',
    kind: 'person',
    value: 'p1',
    reason: 'suspicion',
    violation: 'suspicious_pattern',
    ends_at: null,
    evidence: { rules: ['sqli-union'] },
  } as const;
  const tenants = undefined;
  const undo = 'twinkeep blocks lift person:p1';
  assert.deepEqual(blockLine({ type: 'person.blocked', tenants, data: { ...data, undo } }), {
    message: 'somebody was blocked',
    facts: { kind: 'person', who: 'person:p1', reason: 'suspicion', ends: 'when it is lifted', undo },
  });
  assert.equal(blockLine({ type: 'person.unblocked', tenants, data })?.message, 'a block was lifted');
  assert.equal(blockLine({ type: 'administrator.blocked', tenants, data }), undefined);
});

// Attack: what is written down of an attack is read by more people than may know what is in it.
test('no secret of an attack stands in the answer, in the log or in a block', async () => {
  const entries = await watched();
  const [password, jwt, key] = SECRETS;
  const wrapped = `${UNION} password=${password}&token=${jwt} api_key: "${key}" card 4111 1111 1111 1111 ada@example.org`;
  const asked = [
    get(`/block/s${query(wrapped)}`, { authorization: `Bearer ${jwt}`, cookie: `sid=${encodeURIComponent(wrapped)}` }),
    get(`/block/s?password=${encodeURIComponent(wrapped)}`),
    post('/block/s', { password: wrapped, text: wrapped }),
    get('/block/s', { referer: `https://a.example/?token=${jwt}&q=${encodeURIComponent(wrapped)}` }),
  ];
  const answers = await Promise.all(asked);
  assert.ok(answers.every(({ status }) => status === 403));
  const kept = JSON.stringify([
    await entries(4),
    (await kit.twinkeep.house.blocks.list({ ended: true })).items,
    answers.map(({ text }) => text),
  ]);
  for (const secret of [...SECRETS, '4111 1111 1111', 'ada@example.org', jwt?.split('.')[1] ?? ''])
    assert.ok(
      !kept.includes(secret),
      `${secret} in ${kept.slice(Math.max(0, kept.indexOf(secret) - 200), kept.indexOf(secret) + 50)}`,
    );
});

test('the platform reads of attacks by unknown senders, and an administrator of one tenant does not', async () => {
  const entries = await watched();
  await get(`/shadow/p${query(UNION)}`);
  await entries(1);
  const token = await kit.signIn();
  const { json } = await kit.call('GET', '/v1/audit/entries?action=detection.attack', { token });
  assert.deepEqual(json.items, []);
  const path = '/v1/platform/audit?action=detection.attack&limit=1';
  assert.equal((await kit.call('GET', path, { token })).status, 403);
  const door = createServer(kit.twinkeep.handleOperator);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const { port } = door.address() as AddressInfo; // a TCP server's address has a port
  try {
    const since = new Date(kit.clock.now() - 1_000).toISOString();
    const ask = async (more: string) => (await fetch(`http://127.0.0.1:${port}${path}${more}`)).json();
    const read = async (more: string) => page.parse(await ask(more)).items;
    const [told] = await read(`&since=${since}`);
    assert.deepEqual(
      [told?.principal, told?.tenant, told?.facts['route'], told?.facts['mode']],
      ['anonymous', undefined, 'GET /shadow/*', 'shadow'],
    );
    assert.deepEqual(await read('&tenant=main'), []);
    assert.deepEqual(await read(`&since=${new Date(kit.clock.now() + 1_000).toISOString()}`), []);
  } finally {
    door.close().closeAllConnections();
  }
});

test('whoever holds the operator’s socket is looked at by nobody', async () => {
  const door = createServer(kit.twinkeep.handleOperator);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const { port } = door.address() as AddressInfo; // a TCP server's address has a port
  try {
    const asked = request({ port, host: '127.0.0.1', path: `/block/op${query(UNION)}`, method: 'POST', agent: false });
    asked.setHeader('content-type', 'application/json');
    const status = new Promise<number>((resolve) =>
      asked.on('response', (answer) => resolve(answer.resume().statusCode ?? 0)),
    );
    asked.end(JSON.stringify({ other: UNION }));
    assert.equal(await status, 200);
  } finally {
    door.close().closeAllConnections();
  }
});
