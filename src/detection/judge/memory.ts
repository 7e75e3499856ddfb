import { type Budget, earn } from './budget.ts';
import { judgementOrNone, merged } from './judgement.ts';
import type { Channel, Hit, Judgement, Spared } from './types.ts';
import { createVerdictCache } from './verdict-cache.ts';

type Judging = (text: string, channel: Channel, budget: Budget, spared?: Spared) => Judgement | undefined;

/** Longer texts are not remembered. */
export const MOST_REMEMBERED = 512;

/** The same judging, which knows texts again. @param tooMuch what a text counts as that the budget does not suffice for */
export function createMemory(judge: Judging, tooMuch: Hit, size: number): Judging {
  const known = createVerdictCache<Remembered>(size);
  const ids = new WeakMap<Spared, number>();
  let lastId = 0;

  /** What a text costs is remembered with it: a verdict must not hang on what was sent before. */
  function remember(text: string, channel: Channel, budget: Budget, spared?: Spared): Judgement | undefined {
    if (text.length > MOST_REMEMBERED || size === 0) return judge(text, channel, budget, spared);
    const key = spared === undefined ? `${KEYS[channel]}${text}` : `${idOf(spared)}${KEYS[channel]}${text}`;
    const before = known.get(key);
    if (before !== undefined) return again(before, text.length, budget);
    const { left, toEarn, aside: besides } = budget;
    const judged = judge(text, channel, budget, spared);
    const cost = left + toEarn - budget.toEarn - budget.left;
    const isFree = judged === undefined && cost === 0 && budget.aside === besides;
    // What was not looked at to its end is not known.
    if (budget.left >= 0) known.set(key, isFree ? FREE : { judged, cost, aside: besides - budget.aside });
    return judged;
  }

  function again({ judged, cost, aside: besides }: Remembered, characters: number, budget: Budget) {
    earn(budget, characters);
    budget.left -= cost;
    budget.aside -= besides;
    if (budget.left >= 0) return judged;
    return judgementOrNone(merged(judged?.hits ?? NO_HITS, [tooMuch]), new Set(judged?.spared));
  }

  function idOf(spared: Spared): number {
    const known = ids.get(spared);
    if (known !== undefined) return known;
    ids.set(spared, ++lastId);
    return lastId;
  }

  return remember;
}

/** What a text added up to, and what it took to find out. */
interface Remembered {
  readonly judged: Judgement | undefined;
  readonly cost: number;
  readonly aside: number;
}

/** Of most texts. */
const FREE: Remembered = { judged: undefined, cost: 0, aside: 0 };
const NO_HITS: readonly Hit[] = [];
const KEYS: Readonly<Record<Channel, string>> = {
  value: 'v',
  text: 't',
  path: 'p',
  name: 'n',
  header: 'h',
  'user-agent': 'u',
  body: 'b',
  binary: 'x',
  document: 'd',
};
