import type { Context } from '../http/index.ts';
import { epochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import type { Principal } from '../kernel/principal.ts';
import type { AnomalyEvidence, AnomalyKind, Use } from './anomaly.ts';
import type { AnomalyConfig } from './anomaly-config.ts';
import type { Episodes, Finding } from './anomaly-episodes.ts';
import { type Journey, type Spot, visit } from './anomaly-travel.ts';
import {
  isLearning,
  type Judging,
  minuteOf,
  ownUsual,
  peersUsual,
  roll,
  type Watched,
  type WatchedKind,
} from './anomaly-watch.ts';
import type { WatchedSet } from './anomaly-watched.ts';
import { countOf, doublings } from './baseline.ts';

export interface JudgeDeps {
  readonly clock: Clock;
  readonly config: AnomalyConfig;
  readonly watched: WatchedSet;
  readonly judging: Judging;
  readonly episodes: Episodes;
  readonly placeOf?: ((address: string) => Promise<Spot | undefined>) | undefined;
  readonly onError: (error: unknown) => void;
}

type Counted = 'requests' | 'bytes' | 'records';

const MOST_LOOKING = 256; // places that are asked for at a time
const MOST_BLOCKS = 16; // whose places are remembered of one principal
const SCORE_TRAVEL = 0.9;
const SCORE_PLACE = { person: 0.4, 'api-key': 0.7 } as const; // people travel, machines seldom do

/** Counts each use, and tells of one that is past what is usual the moment it is. */
export function createJudge({ clock, config, watched, judging, episodes, placeOf, onError }: JudgeDeps) {
  const looking = new Set<Promise<void>>();

  function tellCount(one: Watched, measure: Counted, kind: AnomalyKind, use: Use): void {
    const find = () => countFinding(one, measure, kind, ownUsual(one, measure, clock.now(), judging)?.expected ?? 0);
    episodes.touch(one.name, use, one[measure], find, kind);
  }

  function tellErrors(one: Watched, use: Use): void {
    const find = (): Finding => {
      const own = ownUsual(one, 'errors', clock.now(), judging);
      const usual = own ?? peersUsual(one, clock.now(), judging);
      return errorFinding(one, usual?.expected ?? 0, own === undefined ? 'peers' : 'own');
    };
    episodes.touch(one.name, use, one.errors, find, 'errors');
  }

  function arrive(one: Watched, use: Use, spot: Spot, from: Watched['here']): void {
    const now = clock.now();
    const learning = isLearning(one, now, config);
    const seen = visit(one.spots, from, spot, { now, learning, maxSpeedKmh: config.maxSpeedKmh });
    const block = use.context.addressBlock;
    if (one.spotOfBlock.size >= MOST_BLOCKS) one.spotOfBlock.clear();
    one.spotOfBlock.set(block, seen.to);
    one.isDirty = true;
    if (one.block === block) one.here = seen.to;
    if (seen.kind === 'place' || seen.kind === 'travel') {
      const { kind } = seen;
      episodes.touch(one.name, use, 1, () => journeyFinding(kind, one.kind, seen), kind);
    } else if (seen.kind === 'again') stay(one);
  }

  /** It goes on from a place that was told. */
  function stay({ name }: Watched): void {
    episodes.goOn(name, 'place');
    episodes.goOn(name, 'travel');
  }

  /** From another address than before: only then is a place asked for. */
  function move(one: Watched, use: Use, ask: NonNullable<JudgeDeps['placeOf']>): void {
    if (!one.isLoaded || looking.size >= MOST_LOOKING) return; // its next use asks again
    const { address, addressBlock } = use.context;
    const from = one.here;
    one.block = addressBlock;
    one.here = undefined; // uses that come before the answer are not from the place before
    const there = one.spotOfBlock.get(addressBlock);
    if (there !== undefined) arrive(one, use, there, from);
    else look(one, use, from, ask(address));
  }

  function look(one: Watched, use: Use, from: Watched['here'], asked: Promise<Spot | undefined>): void {
    const done: Promise<void> = asked
      .then((spot) => spot && arrive(one, use, spot, from))
      .catch(onError)
      .finally(() => looking.delete(done));
    looking.add(done);
  }

  function note(use: Use): void {
    const { context, caller, status } = use;
    const kind = kindOf(caller);
    if (kind === undefined) return;
    const one = watched.of(nameOf(caller, context), kind);
    const now = clock.now();
    if (one.minute !== minuteOf(now)) {
      roll(one, now, judging);
      watched.keep(one);
      if (one.here?.usual === false) stay(one);
    }
    const { limits } = one;
    if (++one.requests > limits.requests) tellCount(one, 'requests', 'rate', use);
    one.bytes += use.bytes;
    if (one.bytes > limits.bytes) tellCount(one, 'bytes', 'volume', use);
    one.records += use.records;
    if (one.records > limits.records) tellCount(one, 'records', 'records', use);
    if (status >= 400 && ++one.errors >= config.minErrors && one.errors > limits.errors * one.requests)
      tellErrors(one, use);
    if (placeOf === undefined || !config.places || kind === 'address') return;
    if (one.block !== context.addressBlock) move(one, use, placeOf);
    else if (one.here !== undefined) one.here.lastAt = now;
  }

  return {
    note,
    /** Resolves when every place that was asked for is known. */
    settle: async (): Promise<void> => void (await Promise.all(looking)),
  };
}

function kindOf({ kind }: Principal): Exclude<WatchedKind, 'peers'> | undefined {
  switch (kind) {
    case 'anonymous':
      return 'address';
    case 'operator': // whoever holds the machine is not held against anything
      return undefined;
    case 'person':
    case 'api-key':
      return kind;
  }
}

/** As `nameOf` of the kernel has it; nobody is known by the address. */
function nameOf(caller: Principal, { addressBlock }: Context): string {
  switch (caller.kind) {
    case 'person':
      return `person:${caller.personId}`;
    case 'api-key':
      return `api-key:${caller.apiKeyId}`;
    case 'operator':
    case 'anonymous':
      return `address:${addressBlock}`;
  }
}

const rounded = (value: number): number => Math.round(Math.min(value, Number.MAX_SAFE_INTEGER));
const scoreOf = (value: number): number => Math.round(Math.min(1, value) * 100) / 100;

function countFinding(one: Watched, measure: Counted, kind: AnomalyKind, expected: number): Finding {
  const limit = one.limits[measure];
  const observed = one[measure];
  const score = scoreOf(0.4 + 0.15 * (doublings(observed) - doublings(limit)));
  const evidence = {
    observed,
    expected: rounded(countOf(expected)),
    limit: rounded(limit),
    since: rfc3339(epochMs(one.firstAt)),
  };
  return { kind, score, evidence };
}

function errorFinding(one: Watched, expected: number, of: 'own' | 'peers'): Finding {
  const { errors, requests, limits } = one;
  const share = errors / requests;
  const shares = { observed: percent(share), expected: percent(expected), limit: percent(limits.errors) };
  const evidence: AnomalyEvidence = { ...shares, errors, requests, of, since: rfc3339(epochMs(one.firstAt)) };
  return { kind: 'errors', score: scoreOf(0.4 + 0.4 * share), evidence };
}

const percent = (share: number): number => Math.round(share * 100);

function journeyFinding(kind: 'place' | 'travel', of: WatchedKind, { from, to, km, ms }: Journey): Finding {
  const isPerson = of === 'person';
  const score = kind === 'travel' ? SCORE_TRAVEL : SCORE_PLACE[isPerson ? 'person' : 'api-key'];
  const far = km === undefined ? {} : { km: Math.round(km) };
  const names = { from: wordsOf(from), to: wordsOf(to) };
  const evidence = { ...far, after_s: Math.round(ms / 1_000), ...(isPerson ? {} : names) };
  return { kind, score, evidence, personal: isPerson ? names : undefined };
}

const wordsOf = ({ name, country }: Spot): string => name ?? country ?? 'somewhere';
