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

/**
 * All hours of a day together. Each may rise only slowly, and so may the highest of them; the lowest says nothing of the
 * others.
 */
export function wholeDay(hours: Iterable<Sums>): Sums {
  const all = noSums();
  let anchor = NO_PEAK;
  for (const sums of hours) {
    addSums(all, sums);
    if (sums.anchor < NO_ANCHOR) anchor = Math.max(anchor, sums.anchor);
  }
  return { ...all, anchor: anchor === NO_PEAK ? NO_ANCHOR : anchor };
}

/** How many times something was seen, as far as that still counts. */
export const weightOf = ({ n }: Sums, now: number): number => n / weightAt(now);

/** @returns undefined while too little was seen */
export function usualOf(sums: Sums, rule: Rule, now: number): Usual | undefined {
  if (sums.n <= 0 || weightOf(sums, now) < MIN_WEIGHT) return undefined;
  const mean = sums.s1 / sums.n;
  const spread = Math.sqrt(Math.max(0, sums.s2 / sums.n - mean * mean));
  const byMean = mean + rule.spreads * Math.max(spread, rule.minSpread);
  const free = Math.min(byPeak(sums, rule, mean, byMean, now), rule.highest);
  // What is usual is never called unusual, wherever an anchor was set by a clock that was wrong.
  const limit = Math.max(mean, Math.min(free, sums.anchor + rule.risePerDay * dayOf(now)));
  return { expected: mean, spread, limit };
}

/**
 * What swings between much and little has a spread that reaches far above anything that ever was, so the mean and its
 * spreads lead hardly further than the peak does.
 */
function byPeak(
  { peak }: Sums,
  { abovePeak, spreads, minSpread }: Rule,
  mean: number,
  byMean: number,
  now: number,
): number {
  if (abovePeak === undefined) return byMean;
  const most = Math.max(mean, peak - FADE_PER_DAY * dayOf(now));
  const bound = most + Math.max(abovePeak + 1, spreads * minSpread);
  return Math.max(peak - FADE_PER_DAY * dayOf(now) + abovePeak, Math.min(byMean, bound));
}

/** Notes how high a limit is now, so that it can't rise faster than its rule says. */
export function anchor(sums: Sums, limit: number, rule: Rule, now: number): void {
  sums.anchor = Math.min(sums.anchor, limit - rule.risePerDay * dayOf(now));
}

/** Counts differ by factors, not by differences: twice as many is one more, whether of ten or of a million. */
export const doublings = (count: number): number => Math.log2(1 + count);
export const countOf = (value: number): number => 2 ** value - 1;
