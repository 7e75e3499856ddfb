import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ALL_RULES } from '../rules/index.ts';
import { createAutomaton } from './automaton.ts';
import { newBudget } from './budget.ts';
import { costlyText } from './costly.contract.ts';
import { createEngine } from './engine.ts';
import { readExpression } from './expression.ts';
import { countsIn, groupsOf, weightOf } from './groups.ts';
import { createJudge } from './judge.ts';
import type { Node } from './nodes.ts';
import { createPanel } from './panel.ts';
import type { Channel, Rule } from './types.ts';
import { viewsOf } from './views.ts';

const CHANNELS = [
  'value',
  'text',
  'path',
  'name',
  'header',
  'user-agent',
  'body',
] as const satisfies readonly Channel[];

const ruleOf = (regex: string, more: Partial<Rule> = {}): Rule => ({
  id: 'test-rule',
  class: 'sqli',
  title: 'a rule of a test',
  view: 'decoded',
  match: { regex },
  weight: 5,
  ...more,
});

/** What expressions are made of, and what stands beside it, so that much of it almost matches. */
const pieces = [
  ...new Set(
    ALL_RULES.flatMap(({ match }) => ('regex' in match ? match.regex.split(/[|()[\]{}?*+^$]/) : []))
      .map((piece) =>
        piece
          .replace(/\\[sS]/g, ' ')
          .replace(/\\[dw]/g, '1')
          .replace(/\\(.)/g, '$1'),
      )
      .filter((piece) => piece.length > 1 && piece.length < 24),
  ),
  ...[
    "'",
    '"',
    '`',
    '(',
    ')',
    '=',
    '<',
    '>',
    '/',
    '//',
    '../',
    ';',
    '|',
    '&',
    '&&',
    '{{',
    '}}',
    '${',
    '}',
    '--',
    '#',
    '/*',
  ],
  ...[
    ' ',
    ' ',
    '\n',
    ' or ',
    ' and ',
    'union select ',
    '1=1',
    'a',
    '1',
    'é',
    '😀',
    '%00',
    ':',
    '@',
    '.',
    ',',
    'sleep(5)',
  ],
];

/** A text of pieces, as it comes or written in another way, alone or in a sentence. */
const sample = fc
  .tuple(
    fc.array(fc.constantFrom(...pieces), { maxLength: 8 }),
    fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text,
      encodeURIComponent,
      (text) => text.replaceAll('<', '&lt;').replaceAll("'", '&#39;'),
      (text) => text.replaceAll('.', '%c0%ae'),
      (text) => `Hello, the pump of the third hall is ${text} and it is loud, please have a look.`,
    ),
  )
  .map(([parts, written]) => written(parts.join('').toWellFormed()));

const named = (rules: readonly { readonly id: string }[]): string => rules.map(({ id }) => id).join();

// Attack: a text that a rule knows, written so that a quick look calls it clean and no rule is asked.
test('what any rule matches, its group is asked about', () => {
  const engine = createEngine(ALL_RULES);
  const groups = groupsOf(ALL_RULES);
  let matched = 0;
  try {
    fc.assert(
      fc.property(sample, (text) => {
        const views = viewsOf(text);
        const found = engine.match(views).map(({ rule }) => rule);
        if (found.length > 0) matched++;
        const unseen = groups.flatMap((group) => {
          const own = group.rules.filter((rule) => found.includes(rule));
          return own.length === 0 || group.mayMatch(views) ? [] : own;
        });
        const harmless = unseen.filter(({ match }) => !('is' in match) || match.is === 'xss');
        assert.equal(named(harmless), '', text);
      }),
      { numRuns: 4_000, seed: 6 },
    );
  } finally {
    engine.dispose();
  }
  assert.ok(matched > 200, `only ${matched} of the texts matched a rule`);
});

// Attack: a text that two rules of different groups only call an attack together.
test('the rules say in groups what they say as one', () => {
  const engine = createEngine(ALL_RULES);
  const panel = createPanel(ALL_RULES, 0, true);
  for (const _made of panel.make()); // with the pass over all rules at once
  let matched = 0;
  const told = (found: ReturnType<typeof engine.match>, counts: (rule: Rule) => boolean): readonly string[] =>
    found
      .filter(({ rule }) => counts(rule))
      .map(({ rule, view, evidence }) => `${rule.id} ${view} ${evidence}`)
      .toSorted();
  try {
    fc.assert(
      fc.property(
        sample,
        fc.constantFrom(...CHANNELS),
        fc.constantFrom('value', 'island', 'prose'),
        (text, channel, place) => {
          const views = viewsOf(text);
          const counts = (rule: Rule): boolean => countsIn(rule, channel) && weightOf(rule, place) > 0;
          const expected = told(engine.match(views), counts);
          if (expected.length > 0) matched++;
          const found = panel.match(views, { channel, place, isSupported: true, spend: () => true });
          assert.deepEqual(told(found, counts), expected, text);
        },
      ),
      { numRuns: 3_000, seed: 7 },
    );
  } finally {
    engine.dispose();
    panel.dispose();
  }
  assert.ok(matched > 200, `only ${matched} of the texts matched a rule`);
});

test('an automaton says what the expression says', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '[ab]',
    '[^a]',
    '\\w',
    '\\s',
    '\\b',
    '(?:ab|c)',
    '(?:a|)',
    '\\d',
    '^',
    '$',
    'é',
    '.',
  );
  const step = fc
    .tuple(atom, fc.constantFrom('', '', '*', '+', '?', '*?', '{2}', '{0,1}'))
    .map(([one, times]) => (['^', '$', '\\b'].includes(one) ? one : one + times));
  const expression = fc
    .array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 })
    .map((ways) => ways.map((way) => way.join('')).join('|'));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'A', ' ', '1', '_', 'é'), maxLength: 12 });
  fc.assert(
    fc.property(expression, text, (regex, sample) => {
      const nodes: Node[] = [];
      const automaton = createAutomaton(nodes, [readExpression(regex, false, nodes)]);
      assert.equal(
        automaton.mayMatch(sample),
        new RegExp(regex, 'is').test(sample),
        `${regex} on ${JSON.stringify(sample)}`,
      );
    }),
    { numRuns: 3_000, seed: 6 },
  );
});

/** Whether a rule alone may match a text that is read in the same way by all. */
const mayMatch = (rule: Rule, text: string): boolean => groupsOf([rule]).some((group) => group.mayMatch(viewsOf(text)));

test('a repeat that is counted high is taken for a longer one, never for a shorter', () => {
  assert.equal(mayMatch(ruleOf('^[ab]{40}$'), 'ab'.repeat(20)), true);
  assert.equal(mayMatch(ruleOf('^[ab]{40}$'), 'ab'.repeat(19)), false);
  assert.equal(mayMatch(ruleOf('^(?:abc|de|f){60,}$'), 'f'.repeat(60)), true);
  assert.equal(mayMatch(ruleOf('^a{2,3}$'), 'aaa'), true);
});

// Attack: an operator adds a rule in words that the prefilter can't read.
test('a rule that can not be read is asked about every text', () => {
  assert.equal(mayMatch(ruleOf(String.raw`\p{Greek}`), 'pump'), true);
  const added = ruleOf('', { match: { phrases: ['Pump (old)', 'größe'] } });
  assert.equal(mayMatch(added, 'the PUMP (OLD) of hall 3'), true);
  assert.equal(mayMatch(added, 'Größe'), true);
  assert.equal(mayMatch(added, 'the pump'), false);
});

test('a rule counts in its own reading and channels', () => {
  const panel = createPanel([ruleOf('^/a/b', { view: 'path', channels: ['path'] })], 5, true);
  const found = (text: string, channel: Channel): number =>
    panel.match(viewsOf(text), { channel, place: 'value', isSupported: false, spend: () => true }).length;
  try {
    assert.equal(found('/a//b', 'path'), 1);
    assert.equal(found('/a//b', 'value'), 0);
    assert.equal(found('/a/c', 'path'), 0);
  } finally {
    panel.dispose();
  }
});

// Attack: markup that only the reading of a browser has, for a rule of libinjection that an operator reads so.
test('libinjection is asked about the reading that its rule names', () => {
  const rule = ruleOf('', { match: { is: 'xss' }, view: 'js' });
  assert.equal(mayMatch(rule, 'a/*b*/ <b>'), true);
  assert.equal(mayMatch(rule, ' on\u0001load=x'), true);
});

// Attack: letters that only Unicode calls the same: the long s, and the sign for kelvin.
test('letters that fold to others are left to the rules', () => {
  for (const text of ['ſcript', '\u212aill']) assert.equal(mayMatch(ruleOf('script|kill'), text), true);
});

test('a judge is warmed group by group', () => {
  const made = groupsOf(ALL_RULES).length;
  const judge = createJudge({ rules: ALL_RULES, remembered: 0 });
  try {
    assert.ok([...judge.warm()].length >= made);
    assert.equal(judge.judge('pump 3', 'value'), undefined);
    assert.ok((judge.judge("1' union select password from users--", 'value')?.score ?? 0) >= 5);
  } finally {
    judge.dispose();
  }
});

test('plain texts are proven clean when their like has been seen, and no rule is asked', () => {
  const judge = createJudge({ rules: ALL_RULES, remembered: 0 });
  try {
    const plain = [
      'pump 3',
      '2026-11-21T19:35:02.123Z',
      'Roof, north side',
      'kWh',
      'https://twin.example.org/a/b?c=d&e=f',
      'Müller',
      'The pump of the third hall is too loud at night',
      '-12.5',
    ];
    const looksOf = (): number => {
      const before = judge.looks();
      for (const text of plain) assert.equal(judge.judge(text, 'value'), undefined, text);
      return judge.looks() - before;
    };
    for (let round = 0; round < 4; round++) looksOf(); // one text makes only so many steps
    assert.equal(looksOf(), 0);
  } finally {
    judge.dispose();
  }
});

// Attack: texts by the thousand, each a little other, to fill the memory of what was judged before, or to poison it.
test('what is remembered is told apart by its whole text and its channel', () => {
  const judge = createJudge({ rules: ALL_RULES, remembered: 16 });
  try {
    const attack = "1' union select password from users--";
    for (let i = 0; i < 200; i++) {
      assert.equal(judge.judge(`pump ${i}`, 'value'), undefined);
      assert.ok((judge.judge(`${i}${attack}`, 'value')?.score ?? 0) >= 5);
    }
    const first = judge.judge(attack, 'value');
    const looks = judge.looks();
    assert.equal(judge.judge(attack, 'value'), first);
    assert.equal(judge.looks(), looks, 'a second look was taken');
    judge.judge(attack, 'path');
    assert.ok(judge.looks() > looks, 'a channel was taken for another');
  } finally {
    judge.dispose();
  }
});

// Attack: a text that costs far more than it is long.
test('a text that would take too much work is refused and not looked at to its end', () => {
  const judge = createJudge({ rules: ALL_RULES, remembered: 0, threshold: 9 });
  try {
    const text = costlyText();
    const budget = newBudget();
    const hits = judge.judge(text, 'value', budget)?.hits ?? [];
    assert.equal(hits.find(({ rule }) => rule === 'evasion-costly')?.weight, 9, 'an attack whatever the threshold is');
    assert.ok(budget.left < 0, 'it would have cost more');
    assert.ok(judge.looks() < 4_000, `${judge.looks()} looks`);
    assert.equal(judge.judge('The pump is loud, and the valve leaks. '.repeat(4_000), 'value'), undefined);
  } finally {
    judge.dispose();
  }
});
