import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInspection, type InspectedRoute } from './inspection.ts';
import type { Exception } from './inspection-config.ts';
import type { Channel, Judge } from './judge/index.ts';
import { strayExceptions } from './route-plan.ts';

/** A judge by which every text with `bad` in it is an attack by two rules, and `odd` half of one; it remembers its channels. */
function inspectionOf(exceptions: readonly Exception[] = []) {
  const asked: { readonly text: string; readonly channel: Channel }[] = [];
  const hit = (rule: string, weight: number, evidence: string) =>
    ({ rule, class: 'sqli', weight, view: 'raw', evidence }) as const;
  const judged: Judge['judge'] = (text, channel) => {
    asked.push({ text, channel });
    if (text.includes('bad'))
      return { score: 6, class: 'sqli', hits: [hit('sqli-a', 4, text), hit('sqli-b', 2, text)] };
    return text.includes('odd') ? { score: 3, class: 'sqli', hits: [hit('sqli-a', 3, text)] } : undefined;
  };
  const judge: Judge = {
    judge: judged,
    *judgeInSteps(text, channel) {
      yield;
      return judged(text, channel);
    },
    looks: () => asked.length,
    *warm() {},
    dispose: () => undefined,
  };
  return { ...createInspection({ judge, threshold: 5, exceptions }), asked };
}

const route = (more: Partial<InspectedRoute> = {}): InspectedRoute => {
  return { name: 'POST /v1/x', mode: 'block', text: [], unseen: [], ...more };
};
const head = (url: string, headers: Record<string, string> = {}) => ({ method: 'POST', url, headers });
const JSON_HEAD = head('/v1/x', { 'content-type': 'application/json' });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

test('a route that is off is not walked at all', () => {
  const { asked, ...inspection } = inspectionOf();
  assert.equal(inspection.head(head('/v1/x?q=bad'), route({ mode: 'off' })), undefined);
  assert.equal(inspection.body(JSON_HEAD, json({ q: 'bad' }), route({ mode: 'off' })), undefined);
  assert.deepEqual(asked, []);
});

test('a verdict names the places, the strongest first, with every rule and what it saw', () => {
  const verdict = inspectionOf().body(JSON_HEAD, json({ a: 'odd', list: [{ n: 'fine' }, { n: 'bad' }] }), route());
  assert.deepEqual([verdict?.attack, verdict?.score, verdict?.threshold], [true, 6, 5]);
  assert.deepEqual(
    verdict?.findings.map(({ at, score }) => [at, score]),
    [
      ['body.list[1].n', 6],
      ['body.a', 3],
    ],
  );
  assert.deepEqual(
    verdict?.findings[0]?.hits.map(({ rule, evidence }) => [rule, evidence]),
    [
      ['sqli-a', 'bad'],
      ['sqli-b', 'bad'],
    ],
  );
});

test('what is only odd does not add up over places, and is no attack', () => {
  const verdict = inspectionOf().body(JSON_HEAD, json({ a: 'odd', b: 'odd', c: 'odd' }), route());
  assert.deepEqual([verdict?.attack, verdict?.score], [false, 3]);
});

test('fields of text are judged as text, at every index, and names in them are not', () => {
  const { asked, ...inspection } = inspectionOf();
  inspection.body(
    JSON_HEAD,
    json({ note: 'one', items: [{ say: 'two' }], other: 'three' }),
    route({ text: ['body.note', 'body.items.*'] }),
  );
  const channels = Object.fromEntries(asked.map(({ text, channel }) => [text, channel]));
  assert.deepEqual(channels, {
    note: 'name',
    one: 'text',
    items: 'name',
    say: 'name',
    two: 'text',
    other: 'name',
    three: 'value',
  });
});

// Attack: a field that looks as if it stood in one at which nobody looks.
test('nothing is unseen but the fields that are named', () => {
  const { body } = inspectionOf();
  const unseen = route({ unseen: ['body.sealed', 'body.vault.*'] });
  assert.equal(body(JSON_HEAD, json({ sealed: 'bad', vault: { deep: ['bad'] } }), unseen), undefined);
  for (const value of [{ unsealed: 'bad' }, { a: { sealed: 'bad' } }, { 'a.sealed': 'bad' }, { vaults: 'bad' }])
    assert.equal(body(JSON_HEAD, json(value), unseen)?.attack, true, JSON.stringify(value));
});

// Attack: PHP and qs make a list of `sealed[]`, and a list of texts is no longer the one that nothing interprets.
test('a field that is unseen is seen as a list, unless the list is named', () => {
  const { body } = inspectionOf();
  const form = { ...JSON_HEAD, headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const said = (unseen: string) => [
    ...['sealed=bad', 'sealed[]=bad', 'sealed[0]=bad'].map((text) =>
      body(form, Buffer.from(text), route({ unseen: [unseen] })),
    ),
    ...[{ sealed: ['bad'] }, { items: [{ sealed: 'bad' }] }].map((value) =>
      body(JSON_HEAD, json(value), route({ unseen: [unseen, 'body.items.sealed'] })),
    ),
  ];
  const attacks = (unseen: string) => said(unseen).map((verdict) => verdict?.attack === true);
  assert.deepEqual(attacks('body.sealed'), [false, true, true, true, false]);
  assert.deepEqual(attacks('body.sealed[]'), [true, false, false, false, false]);
});

test('an exception takes out what it names, says why, and what is left may still be an attack', () => {
  const because = 'written by an engineer';
  const judged = (exception: Omit<Exception, 'because'>, more: Partial<InspectedRoute> = {}) => {
    const verdict = inspectionOf([{ ...exception, because }]).body(JSON_HEAD, json({ q: ['bad'] }), route(more));
    return [verdict?.attack ?? false, verdict?.score ?? 0, verdict?.excepted.length ?? 0];
  };
  assert.deepEqual(judged({ rule: 'sqli-*' }), [false, 0, 1]);
  assert.deepEqual(judged({ rule: 'sqli-b' }), [false, 4, 1]);
  assert.deepEqual(judged({ field: 'body.q' }), [false, 0, 1]);
  assert.deepEqual(judged({ field: 'body.*', rule: 'sqli-a' }), [false, 2, 1]);
  for (const route of ['POST /v1/x', '/v1/x', '/v1/*', 'POST /v1/*'])
    assert.deepEqual(judged({ route }), [false, 0, 1], route);
  for (const route of ['GET /v1/x', '/v1', '/v1/x/y', 'POST /v2/*'])
    assert.deepEqual(judged({ route }), [true, 6, 0], route);
  assert.deepEqual(judged({ field: 'query.q' }), [true, 6, 0]);
  assert.deepEqual(judged({ rule: 'xss-*' }), [true, 6, 0]);
});

test('an exception names a path below an open route, and no other path comes under it', () => {
  const because = 'written by an engineer';
  const attack = (url: string, exception: string, name: string) => {
    const { body } = inspectionOf([{ route: exception, because }]);
    return body({ ...JSON_HEAD, url }, json({ q: 'bad' }), route({ name }))?.attack;
  };
  for (const [exception, name] of [
    ['POST /api/reports', 'POST /*'],
    ['/api/reports', 'POST /api/*'],
    ['POST /api/rep*', 'POST /*'],
    ['/api/reports', 'POST /api/:kind'],
  ] as const) {
    assert.equal(attack('/api/reports?a=b', exception, name), false, exception);
    assert.equal(attack('/api/others', exception, name), true, exception);
  }
  assert.equal(attack('/api/reports', 'GET /api/reports', 'POST /*'), true);
  // Attack: a path that a back end takes for another one.
  for (const url of [
    '/api/reports/../users',
    '/api/reports/%2e%2e/users',
    '/api/reports/..%2fusers',
    '/api/reports//x',
  ])
    assert.equal(attack(url, 'POST /api/reports/*', 'POST /*'), true, url);
  assert.equal(attack('/api/reports/my%20one', 'POST /api/reports/*', 'POST /*'), false);
});

test('an exception for a route that there is none of is told', () => {
  const names = ['POST /v1/notes', 'GET /api/*', 'GET /x/:id/y'];
  const stray = (route: string) => strayExceptions([{ route, because: 'for this test' }], names).length;
  for (const route of ['POST /v1/notes', '/v1/*', '/api/reports', 'GET /api/a*', '/x/7/y', '*'])
    assert.equal(stray(route), 0, route);
  for (const route of ['GET /v1/notes', '/v2/*', 'POST /api/reports', '/y']) assert.equal(stray(route), 1, route);
});

// Attack: most of a body is sent where nobody looks.
test('a rest that was not seen is an attack by itself', () => {
  const verdict = inspectionOf().body(JSON_HEAD, json({ a: 1 }), route(), false);
  assert.deepEqual([verdict?.attack, verdict?.findings[0]?.hits[0]?.rule], [true, 'evasion-unread']);
  assert.equal(inspectionOf().body(JSON_HEAD, json({ a: 1 }), route()), undefined);
});

test('the same attack has one fingerprint wherever it comes from, and another one another', () => {
  const { head: look } = inspectionOf();
  const print = (url: string, agent: string) => look(head(url, { 'user-agent': agent }), route())?.fingerprint;
  assert.equal(print('/v1/x?q=bad', 'a'), print('/v1/x?q=bad', 'b'));
  assert.notEqual(print('/v1/x?q=bad', 'a'), print('/v1/x?q=bad2', 'a'));
});

// Attack: ten thousand findings, for a verdict that fills the memory.
test('a verdict keeps the ten strongest findings, however many there are', () => {
  const many = Array.from({ length: 5_000 }, () => 'odd');
  const verdict = inspectionOf().body(JSON_HEAD, json([...many, 'bad', ...many]), route());
  assert.deepEqual([verdict?.findings.length, verdict?.attack, verdict?.findings[0]?.at], [10, true, 'body[5000]']);
});

// Attack: whoever may read of attacks reads what was typed into a field of secrets.
test('the evidence of a secret place is never told', () => {
  const verdict = inspectionOf().body(JSON_HEAD, json({ user: { password: 'bad hunter2' } }), route());
  assert.ok(verdict?.attack && !JSON.stringify(verdict).includes('hunter2'));
});

test('a body looked at in steps is judged as it is at once, and the steps are many', () => {
  const bodies = [
    json({ a: 'odd', list: [{ n: 'fine' }, { n: 'bad' }], note: 'bad' }),
    json(Array.from({ length: 2_000 }, (_, i) => ({ name: `pump ${i}`, note: i === 1_999 ? 'bad' : 'fine' }))),
    Buffer.from('{ broken'),
  ];
  for (const body of bodies) {
    const { asked, ...inspection } = inspectionOf();
    const expected = inspection.body(JSON_HEAD, body, route());
    const before = asked.splice(0);
    const steps = inspection.bodyInSteps(JSON_HEAD, body, route());
    let count = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) count++;
    assert.deepEqual(step.value, expected);
    assert.deepEqual(asked, before);
    assert.ok(count >= Math.floor(body.length / 4_096));
  }
});

test('a token that comes with each request is looked at once, and all else each time', () => {
  const { asked, ...inspection } = inspectionOf();
  const session = head('/v1/x?q=1', { cookie: 'sid=fine; theme=dark', authorization: 'Basic dXNlcjpmaW5l' });
  assert.equal(inspection.head(session, route()), undefined);
  const first = asked.length;
  assert.equal(inspection.head(session, route()), undefined);
  assert.ok(asked.length - first < first);
  const again = asked.slice(first).map(({ text }) => text);
  assert.ok(!again.includes('dark') && !again.includes('user:fine'), String(again));
  assert.ok(again.includes('1'));
});

// Attack: what was found in a cookie once is sent again and again, until it is taken for known.
test('a header in which something was found is looked at each time', () => {
  const inspection = inspectionOf();
  const session = head('/v1/x', { cookie: 'sid=fine; theme=bad' });
  for (let n = 0; n < 3; n++) assert.equal(inspection.head(session, route())?.findings[0]?.at, 'cookie.theme');
});

// Attack: a header goes by a route that does not look at it, to be taken for known on one that does.
test('a header that one route leaves out is looked at on all others', () => {
  const inspection = inspectionOf();
  const sent = head('/v1/x', { cookie: 'sid=bad', 'x-note': 'bad' });
  const blind = route({ unseen: ['cookie.sid', 'header.x-note'] });
  assert.equal(inspection.head(sent, blind), undefined);
  assert.equal(inspection.head(sent, route())?.findings.length, 2);
});
