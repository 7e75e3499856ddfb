import { days } from '../kernel/clock.ts';
import { addSums, type Measure, noSums, type Sums } from './baseline.ts';

/** By the hour of the day (UTC) where a measure has hours, otherwise one: nights are not what days are. */
export const HOURS: Readonly<Record<Measure, number>> = { requests: 24, errors: 1, bytes: 24, records: 24 };

/** Where the hours of each measure begin among the places. */
const FIRST: Readonly<Record<Measure, number>> = { requests: 0, errors: 24, bytes: 25, records: 49 };
export const PLACES = 73;

/** Place, n, s1, s2, peak, anchor. */
const WIDTH = 6;

/**
 * What was learned of one principal: the sums of those places alone in which something was seen, packed, for there are
 * thousands of principals and most of them sleep at night. 3.5 kilobytes at the most.
 */
export interface Learned {
  packed: Float64Array;
}

const EMPTY = new Float64Array(0);

export const nothingLearned = (): Learned => ({ packed: EMPTY });

/** Which of the hours of a measure a time falls to. */
export function hourAt(measure: Measure, now: number): number {
  const day = now / days(1);
  return Math.floor((day - Math.floor(day)) * HOURS[measure]);
}

function offsetOf({ packed }: Learned, place: number): number {
  for (let at = 0; at < packed.length; at += WIDTH) if (packed[at] === place) return at;
  return -1;
}

/** @returns undefined where nothing was seen */
export function sumsAt(learned: Learned, measure: Measure, hour: number): Sums | undefined {
  const at = offsetOf(learned, FIRST[measure] + hour);
  return at < 0 ? undefined : sumsOf(learned.packed, at);
}

function sumsOf(packed: Float64Array, at: number): Sums {
  const part = (nth: number): number => packed[at + nth] ?? 0;
  return { n: part(1), s1: part(2), s2: part(3), peak: part(4), anchor: part(5) };
}

/** The hours of a measure in which something was seen, by either. */
export function seenHours(one: Learned, other: Learned, measure: Measure): readonly Sums[] {
  const [first, end] = [FIRST[measure], FIRST[measure] + HOURS[measure]];
  const seen: Sums[] = [];
  const look = (learned: Learned, take: (place: number, at: number) => void): void => {
    const { packed } = learned;
    for (let at = 0; at < packed.length; at += WIDTH) {
      const place = packed[at] ?? 0;
      if (place >= first && place < end) take(place, at);
    }
  };
  look(one, (place, at) => {
    const sums = sumsOf(one.packed, at);
    const there = offsetOf(other, place);
    if (there >= 0) addSums(sums, sumsOf(other.packed, there));
    seen.push(sums);
  });
  look(other, (place, at) => offsetOf(one, place) < 0 && seen.push(sumsOf(other.packed, at)));
  return seen;
}

/** Changes the sums of an hour. */
export function changeSums(learned: Learned, measure: Measure, hour: number, change: (sums: Sums) => void): void {
  changePlace(learned, FIRST[measure] + hour, change);
}

function changePlace(learned: Learned, place: number, change: (sums: Sums) => void): void {
  const there = offsetOf(learned, place);
  const sums = there < 0 ? noSums() : sumsOf(learned.packed, there);
  change(sums);
  const at = there < 0 ? grow(learned) : there;
  const { packed } = learned;
  packed[at] = place;
  packed[at + 1] = sums.n;
  packed[at + 2] = sums.s1;
  packed[at + 3] = sums.s2;
  packed[at + 4] = sums.peak;
  packed[at + 5] = sums.anchor;
}

function grow(learned: Learned): number {
  const at = learned.packed.length;
  const longer = new Float64Array(at + WIDTH);
  longer.set(learned.packed);
  learned.packed = longer;
  return at;
}

/** Adds what one process saw to what is known: in whatever order, the outcome is the same. */
export function addLearned(to: Learned, more: Learned): void {
  for (const [place, sums] of entriesOf(more)) changePlace(to, place, (there) => addSums(there, sums));
}

export function* entriesOf({ packed }: Learned): Generator<readonly [place: number, sums: Sums]> {
  for (let at = 0; at < packed.length; at += WIDTH) yield [packed[at] ?? 0, sumsOf(packed, at)];
}

/** @param entries of places below `PLACES`, each once */
export function learnedOf(entries: Iterable<readonly [place: number, sums: Sums]>): Learned {
  const packed = [...entries].flatMap(([place, { n, s1, s2, peak, anchor }]) => [place, n, s1, s2, peak, anchor]);
  return { packed: Float64Array.from(packed) };
}

/** What was learned by quarters of the day, or of all of it together, as hours: each has its share of what was seen. */
export function hoursOf(measure: Measure, parts: readonly Sums[]): (readonly [place: number, sums: Sums])[] {
  const each = HOURS[measure] / parts.length;
  return parts.flatMap(({ n, s1, s2, ...rest }, part) =>
    n === 0
      ? []
      : Array.from({ length: each }, (_, hour) => {
          const sums: Sums = { n: n / each, s1: s1 / each, s2: s2 / each, ...rest };
          return [FIRST[measure] + part * each + hour, sums] as const;
        }),
  );
}
