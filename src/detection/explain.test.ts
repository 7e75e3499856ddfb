import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { defineRoute, type Route } from '../http/index.ts';
import { explain, fieldOf } from './explain.ts';
import { createTrial } from './explain-trial.ts';
import { inspectionConfig } from './inspection-config.ts';

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
const ATTACK = Buffer.from(JSON.stringify({ items: [{ note: "1' union select password from users--" }] }));
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
