import { isLearning, type Judging, leastOf, ownUsual, sumsOfDay, type Watched } from './anomaly-watch.ts';
import { countOf, MEASURES, type Measure } from './baseline.ts';

/** What is usual for one principal, in the units that people count in. */
export interface BaselineView {
  readonly principal: string;
  readonly firstAt: number;
  readonly seenAt: number;
  /** Nothing is called unusual yet. */
  readonly learning: boolean;
  readonly measures: readonly MeasureView[];
  /** Where it was used from; of keys alone. */
  readonly places: readonly string[];
}

export interface MeasureView {
  readonly measure: Measure;
  /** Undefined while too little was seen. */
  readonly expected: number | undefined;
  /** More than this is told. */
  readonly limit: number | undefined;
  /** In the minute or hour that runs. */
  readonly now: number;
  readonly explanation: string;
}

const UNITS: Readonly<Record<Measure, string>> = {
  requests: 'requests in a minute',
  errors: '% of the requests of a minute that fail',
  bytes: 'bytes in the answers of an hour',
  records: 'records read in an hour',
};

export function viewOf(watched: Watched, now: number, judging: Judging): BaselineView {
  const { name, kind, firstAt, seenAt, spots } = watched;
  return {
    principal: name,
    firstAt,
    seenAt,
    learning: isLearning(watched, now, judging.config),
    measures: MEASURES.map((measure) => measureOf(watched, measure, now, judging)),
    places: kind === 'api-key' ? spots.map(({ name: place, country }) => place ?? country ?? 'somewhere') : [],
  };
}

function measureOf(watched: Watched, measure: Measure, now: number, judging: Judging): MeasureView {
  const running = Math.round(measure === 'errors' ? shareOf(watched) : watched[measure]);
  const usual = ownUsual(watched, measure, now, judging);
  if (usual === undefined) {
    const seen = sumsOfDay(watched, measure).n > 0 ? 'still being learned' : 'never seen';
    return { measure, expected: undefined, limit: undefined, now: running, explanation: `${UNITS[measure]}: ${seen}` };
  }
  const inUnits = (value: number): number => Math.round(measure === 'errors' ? value * 100 : countOf(value));
  const expected = inUnits(usual.expected);
  const least = measure === 'errors' ? 0 : leastOf(measure, judging.config);
  const limit = Math.max(least, inUnits(usual.limit));
  const explanation = `${UNITS[measure]}: about ${text(expected)} is usual, more than ${text(limit)} is told`;
  return { measure, expected, limit, now: running, explanation };
}

const text = (value: number): string => value.toLocaleString('en');
const shareOf = ({ errors, requests }: Watched): number => (requests === 0 ? 0 : (errors / requests) * 100);
