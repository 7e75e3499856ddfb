import type { Match } from './engine.ts';
import { countsIn, type Group, groupsOf, type Place, weightOf } from './groups.ts';
import type { Channel, Rule } from './types.ts';
import type { Views } from './views.ts';

/** All rules, asked group by group: only those of which one may match look at a text. */
export interface Panel {
  /**
   * @param spend called before a group looks, with the characters that it looks at; false leaves it out
   * @param isSupported whether something else speaks for an attack: else libinjection is not asked where all that it
   *   could add is no attack
   */
  match(views: Views, asked: Asked): readonly Match[];
  /** Makes what is made when it is first needed, in two steps a group. */
  make(): Generator<void>;
  dispose(): void;
}

export interface Asked {
  readonly channel: Channel;
  readonly place: Place;
  readonly isSupported: boolean;
  readonly spend: (characters: number) => boolean;
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

  function looked(groups: readonly Group[], views: Views, { spend }: Asked): readonly Match[] {
    let found = NOTHING;
    for (const group of groups) {
      if (prefilter && !group.mayMatch(views)) continue;
      if (!spend(group.costOf(views))) return found;
      const more = group.match(views);
      if (more.length > 0) found = found.length === 0 ? more : [...found, ...more];
    }
    return found;
  }

  return {
    match: (views, asked) => {
      const { groups, sql, mostOfSql } = partOf(asked.channel, asked.place);
      const found = looked(groups, views, asked);
      if (prefilter && mostOfSql < threshold && found.length === 0 && !asked.isSupported) return found;
      const matches = [...found, ...looked(sql, views, asked)];
      const at = ({ rule }: Match): number => order.get(rule.id) ?? 0;
      return matches.length < 2 ? matches : matches.sort((one, other) => at(one) - at(other));
    },
    *make() {
      for (const group of all) yield* group.make();
    },
    dispose: () => {
      for (const group of all) group.dispose();
    },
  };
}
