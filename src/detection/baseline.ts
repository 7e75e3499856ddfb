import { days } from '../kernel/clock.ts';

/** What is learned of a principal: requests and the share of failed ones by the minute, bytes and records by the hour. */
export const MEASURES = ['requests', 'errors', 'bytes', 'records'] as const;
export type Measure = (typeof MEASURES)[number];

/**
 * What was seen of one measure. The sums carry weights that double every two weeks, so that what is old counts less and
 * nothing need ever be scaled down: what several processes saw is simply added up.
 *
 * @see Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay (ICDE 2009)
 */
export interface Sums {
  /** Of the weights. */
  n: number;
  /** Of the values. */
  s1: number;
  /** Of their squares. */
  s2: number;
  /** The most that was ever seen and not called unusual; it fades by the day. */
  peak: number;
  /** The lowest that the limit has ever been, less what it may since have risen by. */
  anchor: number;
}

/** By the quarter of the day (UTC) where a measure has quarters, otherwise one: nights are not what days are. */
export type Learned = Readonly<Record<Measure, readonly Sums[]>>;

export const QUARTERS: Readonly<Record<Measure, number>> = { requests: 1, errors: 1, bytes: 4, records: 4 };

/** How a measure is judged, in the unit of its values: doublings for counts, shares for errors. */
export interface Rule {
  /** How many spreads above the mean are usual. */
  readonly spreads: number;
  readonly minSpread: number;
  /** How far above the peak is usual; undefined where the peak says nothing. */
  readonly abovePeak: number | undefined;
  /** By how much a limit may rise in a day, whatever is learned: who wants to teach us something big needs weeks. */
  readonly risePerDay: number;
  readonly highest: number;
}

/** What is usual at a moment. */
export interface Usual {
  readonly expected: number;
  readonly spread: number;
  readonly limit: number;
}

const HALF_LIFE_MS = days(14);
/** Weights are told from here on: they stay within a double's range for 38 years on both sides. */
const LANDMARK = Date.UTC(2026, 0, 1);
const MAX_EXPONENT = 1_000;
const FADE_PER_DAY = 0.1;
const NO_PEAK = -1e9;
const NO_ANCHOR = 1e9;
/** Less than about five minutes or hours in which anything happened tell nothing. */
const MIN_WEIGHT = 4;

const dayOf = (now: number): number => (now - LANDMARK) / days(1);

function weightAt(now: number): number {
  return 2 ** Math.max(-MAX_EXPONENT, Math.min(MAX_EXPONENT, (now - LANDMARK) / HALF_LIFE_MS));
}

export const noSums = (): Sums => ({ n: 0, s1: 0, s2: 0, peak: NO_PEAK, anchor: NO_ANCHOR });
const slots = (measure: Measure): Sums[] => Array.from({ length: QUARTERS[measure] }, noSums);

export const nothingLearned = (): Learned => ({
  requests: slots('requests'),
  errors: slots('errors'),
  bytes: slots('bytes'),
  records: slots('records'),
});

/** Which of the sums of a measure a time falls to. */
export function quarterAt(measure: Measure, now: number): number {
  const day = now / days(1);
  return Math.floor((day - Math.floor(day)) * QUARTERS[measure]);
}

/** Learns one value. What was called unusual counts for what the limit was, a quarter, and never as a peak. */
export function learn(sums: Sums, value: number, weight: number, now: number, limit: number): void {
  const flagged = value > limit;
  const taken = flagged ? limit : value;
  const w = weightAt(now) * (flagged ? weight / 4 : weight);
  sums.n += w;
  sums.s1 += w * taken;
  sums.s2 += w * taken * taken;
  if (!flagged) sums.peak = Math.max(sums.peak, value + FADE_PER_DAY * dayOf(now));
}

/** Adds what one process saw to what is known: in whatever order, the outcome is the same. */
export function addSums(to: Sums, more: Sums): void {
  to.n += more.n;
  to.s1 += more.s1;
  to.s2 += more.s2;
  to.peak = Math.max(to.peak, more.peak);
  to.anchor = Math.min(to.anchor, more.anchor);
}

export function addLearned(to: Learned, more: Learned): void {
  for (const measure of MEASURES)
    for (const [quarter, sums] of to[measure].entries()) addSums(sums, more[measure][quarter] ?? noSums());
}

/** @returns undefined while too little was seen */
export function usualOf(sums: Sums, rule: Rule, now: number): Usual | undefined {
  if (sums.n <= 0 || sums.n / weightAt(now) < MIN_WEIGHT) return undefined;
  const mean = sums.s1 / sums.n;
  const spread = Math.sqrt(Math.max(0, sums.s2 / sums.n - mean * mean));
  const byMean = mean + rule.spreads * Math.max(spread, rule.minSpread);
  const byPeak = rule.abovePeak === undefined ? byMean : sums.peak - FADE_PER_DAY * dayOf(now) + rule.abovePeak;
  const free = Math.min(Math.max(byMean, byPeak), rule.highest);
  // What is usual is never called unusual, wherever an anchor was set by a clock that was wrong.
  const limit = Math.max(mean, Math.min(free, sums.anchor + rule.risePerDay * dayOf(now)));
  return { expected: mean, spread, limit };
}

/** Notes how high a limit is now, so that it can't rise faster than its rule says. */
export function anchor(sums: Sums, limit: number, rule: Rule, now: number): void {
  sums.anchor = Math.min(sums.anchor, limit - rule.risePerDay * dayOf(now));
}

/** Counts differ by factors, not by differences: twice as many is one more, whether of ten or of a million. */
export const doublings = (count: number): number => Math.log2(1 + count);
export const countOf = (value: number): number => 2 ** value - 1;
