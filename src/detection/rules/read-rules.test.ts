import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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
const NAME = 'rules.json';
const PLACE = 'detection.inspection.rulesFile (rules.json) ';
const read = (value: unknown) => readRules(JSON.stringify(value), RULES, NAME);
const flawsOf = (text: string): readonly string[] => {
  try {
    readRules(text, RULES, NAME);
  } catch (error) {
    assert.ok(isFault(error, 'DETECTION_RULES'));
    const { errors } = error.facts;
    assert.ok(Array.isArray(errors));
    return errors.map((flaw) => String(Object(flaw).at).replace(PLACE, ''));
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
  assert.deepEqual(flawsOf('{"rules":[]}'), ['/rules']);
  assert.deepEqual(flawsOf(JSON.stringify({ off: ['sqli-three'], change: [{ id: 'sqli-four' }] })), [
    '/change/0/id',
    '/off/0',
  ]);
  assert.deepEqual(flawsOf(JSON.stringify({ add: [{ ...own, id: 'sqli-one' }] })), ['/add/0/id']);
  assert.deepEqual(flawsOf(JSON.stringify({ add: [{ ...own, weight: -1 }] })), ['/add/0/weight']);
  assert.deepEqual(flawsOf(JSON.stringify({ add: [{ ...own, class: 'own' }] })), ['/add/0/class']);
});

test('what is not JSON is named by its line and column, whatever is wrong there', () => {
  const broken: Readonly<Record<string, string>> = {
    '{': 'line 1, column 2',
    '': 'line 1, column 1',
    '{\n  "off": [x]\n}': 'line 2, column 11',
    '{\n  "off": ["a" "b"]\n}': 'line 2, column 15',
    '{\n  "off": [],\n}': 'line 3, column 1',
    '{"off":[]}\n}': 'line 2, column 1',
    '{"off":[tru]}': 'line 1, column 12',
  };
  for (const [text, place] of Object.entries(broken)) assert.deepEqual(flawsOf(text), [place], text);
});

test('an exception for a rule or class that there is not stops the start, and one for each that there is does not', () => {
  const opened = (rule: string) => {
    const exceptions = [{ rule, because: 'for this test' }];
    createDetection(inspectionConfig.parse({ exceptions, rulesFile: NAME }), () =>
      JSON.stringify({ add: [own] }),
    ).stop();
  };
  for (const rule of ['sqli', 'sqli-nosuch', 'nosuch-*', 'SQLI-*', 'evasion-costly', 'evasion-unread'])
    assert.throws(
      () => opened(rule),
      (error) =>
        isFault(error, 'DETECTION_RULES') &&
        JSON.stringify(error.facts).includes('detection.inspection.exceptions.0.rule'),
      rule,
    );
  const source = readFileSync(new URL('../protocol.ts', import.meta.url), 'utf8');
  const ofHead = [...source.matchAll(/hit\('([a-z-]+)'/g)].flatMap(([, id]) => id ?? []);
  assert.ok(ofHead.length > 8);
  for (const rule of [...new Set(ofHead), '*', 'sqli-*', 'evasion-*', 'model-attack', 'evasion-layers', 'own-word'])
    assert.doesNotThrow(() => opened(rule), rule);
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
