import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { defineRoute, type Route } from '../http/index.ts';
import { explain, fieldOf, routeAsked } from './explain.ts';
import { createTrial } from './explain-trial.ts';
import { inspectionConfig } from './inspection-config.ts';
import { strayLines } from './stray-exceptions.ts';

const handle = () => Promise.reject(new TypeError('nobody asks it'));
const row = (mode: 'off' | 'shadow' | 'block', more: Partial<Route> = {}): Route => ({
  ...defineRoute({
    ...{ method: 'POST', path: '/v1/notes', summary: 'For this test.', replies: {}, faults: [], handle },
    access: { kind: 'public', because: 'for this test' },
    inspect: 'head+body',
    detection: { mode },
  }),
  relay: handle,
  ...more,
});
const config = (more: object = {}) => inspectionConfig.parse(more);
const ATTACK_TEXT = "1' union select password from users--";
const ATTACK = Buffer.from(JSON.stringify({ items: [{ note: ATTACK_TEXT }] }));
const asked = (body?: Uint8Array, url = '/v1/notes') => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/json' },
  body,
});

const trial = createTrial(config());
after(() => trial.stop());
const told = (route: Route, body?: Uint8Array, url?: string) =>
  explain(trial.judge(route, asked(body, url)), 5, trial.rules, 'POST /v1/notes');

test('every rule of a verdict has a title, a weight, a reading and what it saw', () => {
  const { attack, findings, score } = told(row('block'), ATTACK);
  assert.ok(attack && score >= 5);
  const [finding] = findings;
  assert.deepEqual([finding?.at, finding?.class], ['body.items[0].note', 'sqli']);
  for (const { rule, title, weight, view, evidence } of finding?.rules ?? []) {
    assert.ok(title.length > 3 && title !== rule, rule);
    assert.ok(weight > 0 && view !== '' && evidence !== '', rule);
  }
});

test('a route that is in shadow or off says what would be seen, and that nothing is refused', () => {
  assert.deepEqual(
    (['block', 'shadow', 'off'] as const).map((mode) => told(row(mode), ATTACK).would),
    ['be refused', 'be told of and let through', 'pass'],
  );
  assert.ok(told(row('off'), ATTACK).attack);
  assert.equal(told(row('block')).would, 'pass');
});

test('the exceptions that are proposed let the same pass once they say why, and not before', () => {
  const { exceptions } = told(row('block'), ATTACK);
  assert.ok(exceptions.length > 0);
  assert.equal(inspectionConfig.safeParse({ exceptions }).success, false, 'a reason is demanded');
  const reasoned = exceptions.map((one) => ({ ...one, because: 'written by an engineer' }));
  const excepted = createTrial(config({ exceptions: reasoned }));
  const again = explain(excepted.judge(row('block'), asked(ATTACK)), 5, excepted.rules);
  assert.deepEqual([again.attack, again.excepted], [false, ['written by an engineer']]);
  const elsewhere = excepted.judge(row('block', { path: '/v1/others' }), asked(ATTACK));
  assert.ok(
    elsewhere.verdicts.some(({ attack }) => attack),
    'on its route alone',
  );
  excepted.stop();
});

test('what was not looked at is no matter of an exception', () => {
  const unknown = {
    ...asked(Buffer.from('{"note":"hello"}')),
    headers: { 'content-encoding': 'x-own', 'content-type': 'application/json' },
  };
  const { attack, exceptions, would } = explain(trial.judge(row('block'), unknown), 5, trial.rules);
  assert.deepEqual([attack, would], [false, 'be refused unread: 415'], 'it is no attack, and does not pass either');
  assert.deepEqual(exceptions, []);
});

test('a body at which a route does not look says so', () => {
  const { bodySeen, verdicts } = trial.judge(row('block', { inspect: 'head' }), asked(ATTACK));
  assert.deepEqual([bodySeen, verdicts], [false, []]);
});

test('of a body longer than is held the rest counts as unread', () => {
  const long = Buffer.from(JSON.stringify(Array.from({ length: 40_000 }, (_, at) => at)));
  const { verdicts } = trial.judge(row('shadow'), asked(long));
  assert.ok(verdicts[0]?.findings.some(({ hits }) => hits[0]?.rule === 'evasion-unread'));
});

test('a place becomes a field as exceptions name it', () => {
  assert.equal(fieldOf('body.items[12].Note'), 'body.items.note');
  assert.equal(fieldOf('query.a[b][0]'), 'query.a[b]');
  assert.equal(fieldOf('body["a[1].b"][2]'), 'body["a[1].b"]');
  assert.ok(fieldOf(`body.${'x'.repeat(251)}…`).endsWith('*'));
});

test('an exception is for the place that a verdict names, with indexes and capitals as the client writes them', () => {
  const body = Buffer.from(JSON.stringify({ apiQuery: [ATTACK_TEXT] }));
  for (const field of ['body.apiQuery', 'body.apiQuery[0]', 'BODY.apiquery[*]', 'body.api*']) {
    const excepted = createTrial(config({ exceptions: [{ field, because: 'for this test' }] }));
    assert.equal(excepted.judge(row('block'), asked(body)).verdicts[0]?.attack, false, field);
    for (const [name, list] of [
      ['text', [field]],
      ['unseen', [field, 'body.apiQuery[0]']],
    ] as const) {
      const found = trial.judge(row('block', { detection: { mode: 'block', [name]: list } }), asked(body)).verdicts;
      assert.equal(found[0]?.findings.length ?? 0, name === 'unseen' ? 0 : 1, `${name} ${field}`);
    }
    excepted.stop();
  }
});

test('an exception whose place no verdict can name, or without a reason, is refused in words', () => {
  const why = (one: object): string =>
    inspectionConfig.safeParse({ exceptions: [one] }).error?.issues[0]?.message ?? '';
  for (const field of ['q', 'nosuch.x', 'bodyx', ''])
    assert.notEqual(why({ field, because: 'for this test' }), '', field);
  for (const field of ['*', 'head', 'the rest', 'body', 'body*', 'body["a b"].c', 'query.a[b]', 'path[…]'])
    assert.equal(why({ field, because: 'for this test' }), '', field);
  for (const because of [undefined, '', 7]) assert.match(why({ field: 'body', because }), /say in `because` why/);
});

test('an exception for a route that there is not, and one for a number as a name, are told', () => {
  const lines = (one: object) =>
    strayLines(config({ exceptions: [{ ...one, because: 'for this test' }] }).exceptions, [row('block')]);
  assert.match(lines({ route: 'POST /nonsense' }).join(), /^Exception 0 applies nowhere: there is no route "POST/);
  assert.match(lines({ field: 'body.items.0.note' }).join(), /^Exception 0: in "body.items.0.note" the number/);
  assert.deepEqual(lines({ route: 'POST /v1/notes', field: 'body.items[0].note2' }), []);
});

test('of a route that is open at its end the exception names the path that was asked for', () => {
  const asked = (path: string, url: string) => routeAsked({ method: 'POST', path }, url);
  assert.equal(asked('/*', '/api/reports?a=b'), 'POST /api/reports');
  assert.equal(asked('/v1/notes/:id', '/v1/notes/7'), 'POST /v1/notes/:id');
  assert.equal(asked('/api/*', '/'), 'POST /api/*');
  assert.equal(asked('(no route)', '/x'), undefined);
});
