import assert from 'node:assert/strict';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { createKit, type Kit } from '../testing/index.ts';

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
  const seen = /^twinkeep_attacks_seen_total (\d+)/m.exec(await strict.twinkeep.metrics.text());
  assert.equal(Number(seen?.[1]), 30);
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
