import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../kernel/errors.ts';
import { createDetection } from '../detection.ts';
import { inspectionConfig } from '../inspection-config.ts';
import type { Rule } from '../judge/index.ts';
import { readRules } from './read-rules.ts';

const rule = (id: string): Rule => ({
  id,
  class: 'sqli',
  title: 'a rule of this test',
  view: 'sql',
  match: { regex: id },
  weight: 5,
});
const RULES = [rule('sqli-one'), rule('sqli-two')];
const read = (value: unknown) => readRules(JSON.stringify(value), RULES);
const flawsOf = (text: string): readonly string[] => {
  try {
    readRules(text, RULES);
  } catch (error) {
    assert.ok(isFault(error, 'DETECTION_RULES'));
    const { errors } = error.facts;
    assert.ok(Array.isArray(errors));
    return errors.map((flaw) => String(Object(flaw).at));
  }
  return assert.fail('it was taken');
};
const own = { id: 'own-word', class: 'code', title: 'a word of ours', match: { phrases: ['zyzzyva'] }, weight: 9 };

test('a file adds, changes and leaves out rules, and the others stay as they are', () => {
  const rules = read({ add: [own], change: [{ id: 'sqli-one', weight: 2, inText: 1 }], off: ['sqli-two'] });
  assert.deepEqual(
    rules.map(({ id, weight, inText }) => [id, weight, inText]),
    [
      ['sqli-one', 2, 1],
      ['own-word', 9, undefined],
    ],
  );
  assert.deepEqual(rules[0]?.match, RULES[0]?.match);
  assert.deepEqual(read({}), RULES);
});

test('each place that is wrong is named', () => {
  assert.deepEqual(flawsOf('{'), ['/']);
  assert.deepEqual(flawsOf('{"rules":[]}').length, 1);
  assert.deepEqual(flawsOf(JSON.stringify({ off: ['sqli-three'], change: [{ id: 'sqli-four' }] })), [
    'sqli-four',
    'sqli-three',
  ]);
  assert.deepEqual(flawsOf(JSON.stringify({ add: [{ ...own, id: 'sqli-one' }] })), ['sqli-one']);
  assert.deepEqual(flawsOf(JSON.stringify({ add: [{ ...own, weight: -1 }] })), ['/add/0/weight']);
  assert.deepEqual(flawsOf(JSON.stringify({ add: [{ ...own, class: 'own' }] })), ['/add/0/class']);
});

test('an expression that cannot be compiled, and a file that cannot be read, stop the start and name the file', () => {
  const config = inspectionConfig.parse({ rulesFile: '/etc/rules.json' });
  const bad = JSON.stringify({ add: [{ ...own, match: { regex: '(?=look)' } }] });
  for (const readFile of [() => bad, () => assert.fail('ENOENT')]) {
    assert.throws(
      () => createDetection(config, readFile),
      (error) => isFault(error, 'DETECTION_RULES') && JSON.stringify(error.facts).includes('/etc/rules.json'),
    );
  }
});
