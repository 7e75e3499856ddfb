/**
 * Work that one request may still cause, in characters that one rule looks at: some 1.3 ns each on an idle machine. It is
 * counted and not timed, so that a verdict is the same on a busy machine. Where it runs out the text counts as an attack.
 */
export interface Budget {
  left: number;
  /** How much more its texts may earn. */
  toEarn: number;
  /**
   * For finding out whether an exception changes anything. Where it runs out that is not found out, and nothing else: what
   * an operator lets pass must not use up what all else is looked at with.
   */
  aside: number;
}

/** However short a request is: what is left of 5 ms for 4 KB of the worst. */
const FIRST = 450_000;
/** More for each character of its texts: a long text may cost more, or honest ones would run out. */
const EARNED = 250;
/** All that one request can earn: twice what 100 KB of source code take, the dearest of honest texts. */
const MOST_EARNED = 26_000_000;
/** So many times its length a compressed body earns: no more than source code grows to, however far it unpacks. */
const MOST_GROWTH = 3;

/** What a look costs whatever is looked at, and more for each rule of it. */
const LOOK_COST = 3_300;
const RULE_COST = 130;
/**
 * A match is looked for once more to find where it begins, told as an object and redacted: by a regression of CPU time on
 * what was counted it is what makes hostile texts dear, and honest ones have few.
 */
const MATCH_COST = 25_000;
/** An island is cut out, decoded and read in several ways before any rule is asked. */
export const ISLAND_COST = 8_000;

/** A text that reads as another was decoded, up to four times. */
const DECODE_COST = 3_000;
const DECODE_CHARACTER_COST = 12;

/** @param compressed bytes of a body as it was sent, where it is longer to who reads it */
export const newBudget = (compressed = Number.POSITIVE_INFINITY): Budget => ({
  left: FIRST,
  toEarn: Math.min(MOST_EARNED, compressed * MOST_GROWTH * EARNED),
  aside: FIRST / 4,
});

/** A text comes that was not paid for. */
export function earn(budget: Budget, characters: number): void {
  const earned = Math.min(characters * EARNED, budget.toEarn);
  budget.left += earned;
  budget.toEarn -= earned;
}

/** @param rules how many look @param characters in all readings of a text */
export const lookCost = (rules: number, characters: number): number => LOOK_COST + rules * (RULE_COST + characters);

export const matchCost = (matches: number): number => matches * MATCH_COST;

export const decodeCost = (characters: number): number => DECODE_COST + characters * DECODE_CHARACTER_COST;
