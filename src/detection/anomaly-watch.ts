import { days, hours, minutes } from '../kernel/clock.ts';
import type { AnomalyConfig } from './anomaly-config.ts';
import type { KnownSpot } from './anomaly-travel.ts';
import {
  addSums,
  anchor,
  countOf,
  doublings,
  learn,
  type Measure,
  noSums,
  type Rule,
  type Sums,
  type Usual,
  usualOf,
  weightOf,
  wholeDay,
} from './baseline.ts';
import { changeSums, HOURS, hourAt, type Learned, nothingLearned, seenHours, sumsAt } from './baseline-hours.ts';

/** `peers`: all of a kind together, for those of whom too little is known. */
export type WatchedKind = 'person' | 'api-key' | 'address' | 'peers';

/** One principal as it is watched: what it does in the minute and hour that run, and what is learned of it. */
export interface Watched {
  readonly name: string;
  readonly kind: WatchedKind;
  firstAt: number;
  seenAt: number;
  /** False until it was looked up whether something is stored of it: till then nothing of its own is judged. */
  isLoaded: boolean;
  isStored: boolean;
  /** Whether something was learned that is not stored. */
  isDirty: boolean;
  /** Somebody had it forgotten: what this one holds is never written again. */
  isForgotten: boolean;
  minute: number;
  hour: number;
  requests: number;
  errors: number;
  bytes: number;
  records: number;
  /** What it has taught of those like it today. */
  readonly taught: { day: number; weight: number };
  /** More than this is unusual; of `errors` a share. */
  readonly limits: Record<Measure, number>;
  /** As it is stored, by all processes together. */
  base: Learned;
  /** What this process has seen since. */
  fresh: Learned;
  readonly spots: KnownSpot[];
  /** The address block that it was last used from, and where that is. */
  block: string;
  here: KnownSpot | undefined;
  readonly spotOfBlock: Map<string, KnownSpot>;
}

/** Before the first use, which sets the limits. */
const NO_MINUTE = -1;
/** Stored of those who are new: replaced by what is read, and never written to. */
const NOTHING: Learned = nothingLearned();

export type Rules = Readonly<Record<Measure, Rule>>;

const SPREADS = { low: 6, normal: 4, high: 3 } as const;
/** Days, as far as they still count, on which it came in an hour before that hour is judged by itself. */
const KNOWN_DAYS = 3;
/** A minute of fewer requests says less of how many fail. */
const WHOLE_MINUTE = 20;
/** Whole minutes that one teaches a day of those like it: who comes all day long is no more than one of them. */
const MOST_TAUGHT = 24;
const MOST_BITS = 50; // 10^15: far from where doubles get coarse
/** Of the limit of a share, so that one who fails often may yet be seen to fail always. */
const MOST_SHARE = 0.9;

export function rulesOf({ sensitivity }: AnomalyConfig): Rules {
  const spreads = SPREADS[sensitivity];
  const counted = { spreads, minSpread: 0.75, abovePeak: 2, risePerDay: 0.25, highest: MOST_BITS };
  return {
    requests: counted,
    bytes: counted,
    records: counted,
    errors: { spreads, minSpread: 0.06, abovePeak: undefined, risePerDay: 0.02, highest: MOST_SHARE },
  };
}

export function createWatched(name: string, kind: WatchedKind, now: number): Watched {
  const never = Number.POSITIVE_INFINITY;
  return {
    name,
    kind,
    firstAt: now,
    seenAt: now,
    isLoaded: false,
    isStored: false,
    isDirty: false,
    isForgotten: false,
    minute: NO_MINUTE,
    hour: hourOf(now),
    requests: 0,
    errors: 0,
    bytes: 0,
    records: 0,
    taught: { day: 0, weight: 0 },
    limits: { requests: never, errors: never, bytes: never, records: never },
    base: NOTHING,
    fresh: nothingLearned(),
    spots: [],
    block: '',
    here: undefined,
    spotOfBlock: new Map(),
  };
}

export const minuteOf = (now: number): number => Math.floor(now / minutes(1));
const hourOf = (now: number): number => Math.floor(now / hours(1));

/** What is learned of one measure in one hour of the day, stored and not yet. */
function sumsOfHour({ base, fresh }: Watched, measure: Measure, hour: number): Sums {
  const sums = noSums();
  for (const learned of [base, fresh]) {
    const seen = sumsAt(learned, measure, hour);
    if (seen !== undefined) addSums(sums, seen);
  }
  return sums;
}

/** The same of all hours together. */
export const sumsOfDay = ({ base, fresh }: Watched, measure: Measure): Sums =>
  wholeDay(seenHours(base, fresh, measure));

/** Changes what is learned now. */
function note(watched: Watched, measure: Measure, now: number, change: (sums: Sums) => void): void {
  changeSums(watched.fresh, measure, hourAt(measure, now), change);
}

export interface Judging {
  readonly rules: Rules;
  readonly config: AnomalyConfig;
  /** All of a kind together. */
  readonly peersOf: (kind: WatchedKind) => Watched;
  /** False while the clock can't be believed: nothing is learned then, and limits that are there stay. */
  readonly isSteady: (now: number) => boolean;
}

export const isLearning = ({ firstAt, isLoaded }: Watched, now: number, { learnMs }: AnomalyConfig): boolean =>
  !isLoaded || now - firstAt < learnMs;

/** What is usual of one, and the limit of this hour alone, which rises only slowly. */
interface OwnUsual extends Usual {
  readonly anchor: number;
}

/** @returns what is usual of itself; undefined while it is not known well enough */
export function ownUsual(watched: Watched, measure: Measure, now: number, judging: Judging): OwnUsual | undefined {
  if (isLearning(watched, now, judging.config)) return undefined;
  const rule = judging.rules[measure];
  const hour = hourAt(measure, now);
  const ofHour = isKnownHour(watched, measure, hour, now)
    ? usualOf(sumsOfHour(watched, measure, hour), rule, now)
    : undefined;
  if (ofHour === undefined) {
    const ofDay = usualOf(sumsOfDay(watched, measure), rule, now);
    return ofDay && { ...ofDay, anchor: ofDay.limit };
  }
  const limit = Math.max(
    ofHour.limit,
    ...besides(watched, measure, hour).map((sums) => usualOf(sums, rule, now)?.limit ?? 0),
  );
  return { ...ofHour, limit, anchor: ofHour.limit };
}

/** Whether it came in this hour on enough days: one long night says nothing of nights. */
const isKnownHour = (watched: Watched, measure: Measure, hour: number, now: number): boolean =>
  HOURS[measure] === 1 || weightOf(sumsOfHour(watched, 'bytes', hour), now) >= KNOWN_DAYS;

/** The hours before and after: a shift that begins early, and a clock that is put forward, are no theft. */
const besides = (watched: Watched, measure: Measure, hour: number): readonly Sums[] =>
  HOURS[measure] === 1
    ? []
    : [HOURS[measure] - 1, 1].map((step) => sumsOfHour(watched, measure, (hour + step) % HOURS[measure]));

/** The same of those like it, for shares of failures alone: of how much others do nothing follows for anybody. */
export function peersUsual(watched: Watched, now: number, judging: Judging): Usual | undefined {
  return watched.kind === 'peers' ? undefined : ownUsual(judging.peersOf(watched.kind), 'errors', now, judging);
}

/** Learns what the minute and the hour before held, and begins anew. Once a minute for each principal that is there. */
export function roll(watched: Watched, now: number, judging: Judging): void {
  const steady = judging.isSteady(now);
  if (steady) Object.assign(watched, { seenAt: now, firstAt: Math.min(watched.firstAt, now) });
  const minute = minuteOf(now);
  if (minute !== watched.minute) {
    if (steady && watched.minute < minute) learnMinute(watched, now, judging); // a minute to come never was
    Object.assign(watched, { minute, requests: 0, errors: 0 });
    if (steady || !Number.isFinite(watched.limits.requests)) setLimit(watched, 'requests', now, judging);
    if (steady || !Number.isFinite(watched.limits.errors)) setErrorLimit(watched, now, judging);
  }
  const hour = hourOf(now);
  if (hour === watched.hour) return;
  if (steady && watched.hour < hour) learnHour(watched);
  Object.assign(watched, { hour, bytes: 0, records: 0 });
  for (const measure of ['bytes', 'records'] as const)
    if (steady || !Number.isFinite(watched.limits[measure])) setLimit(watched, measure, now, judging);
}

/** For one whose stored baseline has just been read. */
export function setLimits(watched: Watched, now: number, judging: Judging): void {
  for (const measure of ['requests', 'bytes', 'records'] as const) setLimit(watched, measure, now, judging);
  setErrorLimit(watched, now, judging);
}

function learnMinute(watched: Watched, now: number, judging: Judging): void {
  const { minute, requests, errors, limits } = watched;
  if (requests === 0) return;
  const at = minutes(minute);
  note(watched, 'requests', at, (sums) => learn(sums, doublings(requests), 1, at, doublings(limits.requests)));
  const share = errors / requests;
  const weight = Math.min(requests, WHOLE_MINUTE) / WHOLE_MINUTE;
  // While it is learned it may have its own way; later no minute teaches more than the limit, told or too small to tell.
  const isFree = errors < judging.config.minErrors && isLearning(watched, at, judging.config);
  const limit = isFree ? Number.POSITIVE_INFINITY : limits.errors;
  note(watched, 'errors', at, (sums) => learn(sums, share, weight, at, limit));
  watched.isDirty = true;
  const peers = judging.peersOf(watched.kind);
  if (peers.minute !== minuteOf(now)) {
    peers.minute = minuteOf(now);
    setErrorLimit(peers, now, judging);
  }
  teach(peers, watched, share, weight);
}

/** Whoever has many addresses moves what is usual for all no faster than its limit may rise. */
function teach(peers: Watched, { minute, taught }: Watched, share: number, weight: number): void {
  const at = minutes(minute);
  const today = Math.floor(at / days(1));
  if (taught.day !== today) Object.assign(taught, { day: today, weight: 0 });
  if (taught.weight >= MOST_TAUGHT) return;
  taught.weight += weight;
  note(peers, 'errors', at, (sums) => learn(sums, share, weight, at, peers.limits.errors));
  Object.assign(peers, { seenAt: at, isDirty: true });
}

function learnHour(watched: Watched): void {
  const { hour, bytes, records, limits } = watched;
  const at = hours(hour);
  note(watched, 'bytes', at, (sums) => learn(sums, doublings(bytes), 1, at, doublings(limits.bytes)));
  note(watched, 'records', at, (sums) => learn(sums, doublings(records), 1, at, doublings(limits.records)));
}

function setLimit(watched: Watched, measure: 'requests' | 'bytes' | 'records', now: number, judging: Judging): void {
  const usual = ownUsual(watched, measure, now, judging);
  if (usual !== undefined && judging.isSteady(now))
    note(watched, measure, now, (sums) => anchor(sums, usual.anchor, judging.rules[measure], now));
  const least = leastOf(measure, judging.config);
  watched.limits[measure] = usual === undefined ? Number.POSITIVE_INFINITY : Math.max(least, countOf(usual.limit));
}

function setErrorLimit(watched: Watched, now: number, judging: Judging): void {
  const own = ownUsual(watched, 'errors', now, judging);
  if (own !== undefined && judging.isSteady(now))
    note(watched, 'errors', now, (sums) => anchor(sums, own.anchor, judging.rules.errors, now));
  watched.limits.errors = (own ?? peersUsual(watched, now, judging))?.limit ?? Number.POSITIVE_INFINITY;
}

export function leastOf(measure: 'requests' | 'bytes' | 'records', config: AnomalyConfig): number {
  switch (measure) {
    case 'requests':
      return config.minRequests;
    case 'bytes':
      return config.minBytes;
    case 'records':
      return config.minRecords;
  }
}
