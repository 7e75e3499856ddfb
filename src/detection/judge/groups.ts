import type { Automaton } from './automaton.ts';
import { lookCost } from './budget.ts';
import { createEngine, type Engine, type Match } from './engine.ts';
import { opensHarmlessly } from './libinjection.ts';
import { automatonOf } from './prefilter.ts';
import type { Channel, Rule, ViewName } from './types.ts';
import type { Views } from './views.ts';

/** How a text, or a run of it, is weighed. */
export type Place = 'value' | 'island' | 'prose';

/** What a rule adds in a place. */
export function weightOf({ weight, inIsland = weight, inText = 0 }: Rule, place: Place): number {
  if (place === 'value') return weight;
  return place === 'island' ? inIsland : inText;
}

/** Whether a rule counts where a text stands. */
export const countsIn = ({ channels }: Pick<Rule, 'channels'>, channel: Channel): boolean =>
  channels === undefined ? !SPECIAL.has(channel) : channels.includes(channel);

/** Where a rule counts only if it says so. */
const SPECIAL: ReadonlySet<Channel> = new Set(['user-agent', 'binary', 'document']);

/** Rules that read a text alike and count in much the same channels. Nothing of it is made before it is asked. */
export interface Group {
  readonly rules: readonly Rule[];
  /** libinjection's opinion on SQL. */
  readonly isSql: boolean;
  /** @returns false where no rule of it matches: proven, not guessed */
  mayMatch(views: Views): boolean;
  match(views: Views): readonly Match[];
  /** What a look costs, in the units of a budget. */
  costOf(views: Views): number;
  /** Makes all of it now, in two steps. @throws TypeError naming the rules that libddwaf does not take */
  make(): Generator<void>;
  dispose(): void;
}

/** Rules in one group: each that may be half done at the same time doubles the states of its automaton. */
const TOGETHER = 16;

export function groupsOf(rules: readonly Rule[]): readonly Group[] {
  const alike = new Map<string, Rule[]>();
  for (const rule of rules) {
    const own = isLarge(rule) ? rule.id : '';
    const key = `${readingOf(rule)} ${COMMON.map((channel) => countsIn(rule, channel)).join()} ${own}`;
    const known = alike.get(key);
    if (known === undefined) alike.set(key, [rule]);
    else known.push(rule);
  }
  return [...alike.values()].flatMap((read) => {
    const count = Math.ceil(read.length / TOGETHER);
    return Array.from({ length: count }, (_, i) => groupOf(read.filter((_rule, at) => at % count === i)));
  });
}

/** Which rules go together. Those that differ in other channels do so too: some are asked where they do not count. */
const COMMON: readonly Channel[] = ['value', 'user-agent'];

/** Lists of hundreds of words: a look costs as much as with all other rules, so none is taken for another's sake. */
const LARGE = 2_500;
const HEAVY = 8;
const isLarge = ({ match }: Rule): boolean => 'regex' in match && match.regex.length > LARGE;

/** What libinjection takes for SQL it looks for in several readings. */
const readingOf = ({ match, view }: Rule): ViewName | 'any' => ('is' in match && match.is !== 'xss' ? 'any' : view);

function groupOf(rules: readonly Rule[]): Group {
  const view = rules[0] === undefined ? 'decoded' : readingOf(rules[0]);
  const isSql = view === 'any';
  const isHeavy = rules.some(isLarge);
  let automaton: Automaton | undefined;
  let engine: Engine | undefined;
  const readings = (views: Views): readonly string[] => readingsOf(view, views);
  const mayBe = (text: string): boolean => automatonNow().mayMatch(text) && !(isSql && opensHarmlessly(text));
  const automatonNow = (): Automaton => {
    automaton ??= automatonOf(isSql ? rules.slice(0, 1) : rules); // what libinjection can't do without is one
    return automaton;
  };
  const engineNow = (): Engine => {
    engine ??= createEngine(rules);
    return engine;
  };
  return {
    rules,
    isSql,
    mayMatch: (views) => {
      const other = views.of(view === 'any' ? 'sql' : view);
      if (mayBe(other)) return true;
      return (view === 'any' || view === 'raw') && other !== views.decoded && mayBe(views.decoded);
    },
    match: (views) => engineNow().match(views),
    costOf: (views) =>
      lookCost(
        isHeavy ? HEAVY * rules.length : rules.length,
        readings(views).reduce((sum, text) => sum + text.length, 0),
      ),
    *make() {
      automatonNow();
      yield;
      engineNow();
      yield;
    },
    dispose: () => {
      engine?.dispose();
      engine = undefined;
    },
  };
}

function readingsOf(view: ViewName | 'any', views: Views): readonly string[] {
  if (view !== 'raw' && view !== 'any') return [views.of(view)];
  const other = views.of(view === 'any' ? 'sql' : 'raw');
  return other === views.decoded ? [other] : [views.decoded, other];
}
