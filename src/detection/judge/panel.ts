import { type Automaton, createAutomaton } from './automaton.ts';
import { matchCost } from './budget.ts';
import type { Match } from './engine.ts';
import { countsIn, type Group, groupsOf, type Place, weightOf } from './groups.ts';
import type { Node } from './nodes.ts';
import { startOf } from './prefilter.ts';
import type { Channel, Rule, Spared } from './types.ts';
import { VIEWS, type Views } from './views.ts';

/** All rules, asked group by group: only those of which one may match look at a text. */
export interface Panel {
  /**
   * @param spend called before a group looks, with what that costs; false leaves it out
   * @param isSupported whether something else speaks for an attack: else libinjection is not asked where all that it
   *   could add is no attack
   */
  match(views: Views, asked: Asked): readonly Match[];
  /**
   * Makes what is made when it is first needed, in two steps a group, and what spares most texts the groups: one pass
   * over all rules at once.
   */
  make(): Generator<void>;
  dispose(): void;
}

export interface Asked {
  readonly channel: Channel;
  readonly place: Place;
  readonly isSupported: boolean;
  readonly spend: (characters: number) => boolean;
  readonly leftOut?: LeftOut | undefined;
}

/** Rules whose opinion does not count, and what came of them. */
export interface LeftOut {
  readonly rules: Spared;
  /** As `spend`, for a look that only tells whether they would have found something. */
  readonly spend: (characters: number) => boolean;
  /** Those that found something, or of which nobody knows. */
  readonly found: Set<string>;
}

/** Of all groups those that count somewhere. */
interface Part {
  readonly groups: readonly Group[];
  readonly sql: readonly Group[];
  /** What libinjection could add. */
  readonly mostOfSql: number;
}

const NOTHING: readonly Match[] = [];

/** @param prefilter false for a comparison: then every group looks at every text */
export function createPanel(rules: readonly Rule[], threshold: number, prefilter: boolean): Panel {
  if (new Set(rules.map(({ id }) => id)).size < rules.length) throw new TypeError('two rules have the same id');
  const all = groupsOf(rules);
  const order = new Map(rules.map(({ id }, at) => [id, at]));
  const parts = new Map<string, Part>();
  /** Of all rules but libinjection's on SQL. It is large, so that only who has time for it beforehand has it. */
  let whole: Automaton | undefined;

  function mayMatchAny(views: Views): boolean {
    if (whole === undefined) return true;
    let before: string | undefined;
    for (const view of VIEWS) {
      const text = views.of(view);
      if (text === before) continue; // most texts read alike in all ways
      if (whole.mayMatch(text)) return true;
      before = text;
    }
    return false;
  }

  function* makeWhole(): Generator<void> {
    const nodes: Node[] = [];
    const starts: number[] = [];
    for (const group of all) {
      if (!group.isSql) for (const rule of group.rules) starts.push(startOf(rule, nodes));
      yield;
    }
    whole = createAutomaton(nodes, starts);
    yield;
  }

  function partOf(channel: Channel, place: Place): Part {
    const key = channel + place;
    const known = parts.get(key);
    if (known !== undefined) return known;
    const weightIn = (rule: Rule): number => (countsIn(rule, channel) ? weightOf(rule, place) : 0);
    const here = all.filter((group) => group.rules.some((rule) => weightIn(rule) > 0));
    const sql = here.filter(({ isSql }) => isSql);
    const mostOfSql = sql.flatMap((group) => group.rules).reduce((sum, rule) => sum + weightIn(rule), 0);
    const groups = here.filter(({ isSql }) => !isSql);
    const part = { groups, sql, mostOfSql };
    parts.set(key, part);
    return part;
  }

  function looked(groups: readonly Group[], views: Views, { spend, leftOut }: Asked): readonly Match[] {
    let found = NOTHING;
    for (const group of groups) {
      if (prefilter && !group.mayMatch(views)) continue;
      if (leftOut !== undefined && group.rules.every(({ id }) => leftOut.rules.has(id))) {
        lookAside(group, views, leftOut);
        continue;
      }
      if (!spend(group.costOf(views))) return found;
      const more = group.match(views);
      spend(matchCost(more.length));
      if (more.length > 0) found = found.length === 0 ? more : [...found, ...more];
    }
    return found;
  }

  function lookAside(group: Group, views: Views, { spend, found }: LeftOut): void {
    const [first] = group.rules;
    if (first === undefined || found.has(first.id)) return;
    if (!spend(group.costOf(views))) found.add(first.id);
    else for (const { rule } of group.match(views)) found.add(rule.id);
  }

  /** Those that count; of the others is told that they found something. */
  function counted(matches: readonly Match[], { leftOut }: Asked): readonly Match[] {
    if (leftOut === undefined) return matches;
    return matches.filter(({ rule }) => {
      const isLeftOut = leftOut.rules.has(rule.id);
      if (isLeftOut) leftOut.found.add(rule.id);
      return !isLeftOut;
    });
  }

  return {
    match: (views, asked) => {
      const { groups, sql, mostOfSql } = partOf(asked.channel, asked.place);
      const found = prefilter && !mayMatchAny(views) ? NOTHING : counted(looked(groups, views, asked), asked);
      if (prefilter && mostOfSql < threshold && found.length === 0 && !asked.isSupported) return found;
      const matches = [...found, ...counted(looked(sql, views, asked), asked)];
      const at = ({ rule }: Match): number => order.get(rule.id) ?? 0;
      return matches.length < 2 ? matches : matches.sort((one, other) => at(one) - at(other));
    },
    *make() {
      for (const group of all) yield* group.make();
      if (prefilter) yield* makeWhole();
    },
    dispose: () => {
      for (const group of all) group.dispose();
    },
  };
}
