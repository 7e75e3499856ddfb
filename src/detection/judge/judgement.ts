import type { AttackClass, Hit, Judgement } from './types.ts';

export const scoreOf = (hits: readonly Hit[]): number => hits.reduce((sum, { weight }) => sum + weight, 0);

/** A rule counts once, with what it weighs most. */
export function merged(one: readonly Hit[], other: readonly Hit[]): readonly Hit[] {
  if (other.length === 0) return one;
  const best = new Map<string, Hit>();
  for (const hit of [...one, ...other]) if ((best.get(hit.rule)?.weight ?? 0) < hit.weight) best.set(hit.rule, hit);
  return [...best.values()];
}

export const judgementOrNone = (
  hits: readonly Hit[],
  spared: ReadonlySet<string> = new Set(),
): Judgement | undefined => (hits.length === 0 && spared.size === 0 ? undefined : judgementOf(hits, [...spared]));

/** What hits add up to. @param spared rules that were left out and found something */
export function judgementOf(found: readonly Hit[], spared: readonly string[] = []): Judgement {
  const hits = [...found].sort((one, other) => other.weight - one.weight);
  const weights = new Map<AttackClass, number>();
  for (const { class: kind, weight } of hits) weights.set(kind, (weights.get(kind) ?? 0) + weight);
  const [strongest] = [...weights].sort(([, one], [, other]) => other - one);
  const judgement = { score: scoreOf(hits), class: strongest?.[0] ?? 'evasion', hits } as const;
  return spared.length === 0 ? judgement : { ...judgement, spared };
}
