import type { AuditSink } from '../kernel/audit.ts';
import type { PersonId } from '../kernel/brand.ts';
import { type Clock, days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Bus, Storage } from '../storage/index.ts';
import type { Anomaly, Use } from './anomaly.ts';
import { type AnomalyPorts, createEpisodes } from './anomaly-episodes.ts';
import { anomalyFault } from './anomaly-errors.ts';
import { createJudge } from './anomaly-judge.ts';
import { createKeeping } from './anomaly-keeping.ts';
import { anomalyStore } from './anomaly-store.ts';
import type { Spot } from './anomaly-travel.ts';
import { type BaselineView, viewOf } from './anomaly-view.ts';
import { type Judging, rulesOf } from './anomaly-watch.ts';
import { createWatchedSet } from './anomaly-watched.ts';
import { baselineStore } from './baseline-store.ts';
import { createSteadyClock } from './steady-clock.ts';

export interface AnomalyDeps extends AnomalyPorts {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Where an address is; without it nothing is said of places. */
  readonly placeOf?: ((address: string) => Promise<Spot | undefined>) | undefined;
}

/** Which are listed, the newest first. */
export interface AnomalyFilter {
  /** Those that are over too. */
  readonly ended?: boolean | undefined;
  readonly principal?: string | undefined;
  readonly cursor?: string | undefined;
  /** 100 unless told. */
  readonly limit?: number | undefined;
}

export interface AnomalyPage {
  readonly items: readonly Anomaly[];
  readonly nextCursor: string | undefined;
}

/** Learns how each principal uses the system, and tells where a use is unlike what was learned. */
export interface Anomalies {
  /** A request that was answered: less than a microsecond. Never fails. */
  note(use: Use): void;
  list(filter?: AnomalyFilter): Promise<AnomalyPage>;
  /** What is usual for a principal, as this process knows it. */
  baseline(principal: string): Promise<BaselineView | undefined>;
  /** Learns a principal anew, for one whose work has changed. @throws DETECTION_BASELINE_UNKNOWN */
  forget(actor: Actor, principal: string): Promise<void>;
  /** Within the write that erases a person: nothing of how they used the system is left. */
  forgetPerson(tx: Tx, person: PersonId): Promise<void>;
  /** By every process, once a minute: stores what was learned and how far anomalies have got. */
  sweep(): Promise<void>;
  /** By one process: forgets anomalies that ended 90 days ago, and principals that did not come for as long. */
  prune(): Promise<void>;
  /** Reads what is stored. */
  start(): Promise<void>;
}

const baselineOf = (person: PersonId): string => `person:${person}`;

/** What is learned of a person, where it is stored: for an erasure, also anew behind a restore. */
export const eraseBaseline = async (tx: Tx, person: PersonId): Promise<void> =>
  void (await baselineStore.forget(tx, baselineOf(person)));

const KEPT_MS = days(90);
const PAGE = 100;
/** Carries the name of somebody who is to be learned anew. */
const FORGOTTEN = 'detection.baseline_forgotten';

export function createAnomalies(deps: AnomalyDeps): Anomalies {
  const { storage, bus, audit, clock, config, metrics, onError } = deps;
  const rules = rulesOf(config);
  const watched = createWatchedSet(config.maxPrincipals, clock);
  const steady = createSteadyClock(clock.now());
  const judging: Judging = { rules, config, peersOf: watched.peersOf, isSteady: steady.isSteady };
  const episodes = createEpisodes(deps);
  const judge = createJudge({ ...deps, watched, judging, episodes });
  const { all, take, drop } = watched;
  const keeping = createKeeping({ storage, clock, judging, all, take, drop, onError });
  const begun = metrics.counter('twinkeep_anomalies_total', 'Anomalies that began, as this process saw them.');
  metrics.gauge('twinkeep_anomalies_open', 'Anomalies of this process that go on.', episodes.count);
  metrics.gauge('twinkeep_principals_watched', 'People, keys and addresses whose use is held against a baseline.', () =>
    watched.size(),
  );
  let counted = 0;

  async function baseline(principal: string): Promise<BaselineView | undefined> {
    const here = watched.get(principal);
    if (here?.isLoaded) return viewOf(here, clock.now(), judging);
    const stored = await storage.read(platform, (tx) => baselineStore.get(tx, principal));
    const other = stored && watched.shadow(stored);
    return other && viewOf(other, clock.now(), judging);
  }

  function letGo(principal: string): void {
    watched.drop(principal);
    bus.publish(FORGOTTEN, principal).catch(onError); // who does not hear of it finds that nothing is stored
  }

  return {
    note: config.enabled ? judge.note : () => undefined,
    list: async ({ ended = false, principal, cursor, limit = PAGE } = {}) => {
      const wish = { ended, principal, before: cursor, count: limit };
      const items = await storage.read(platform, (tx) => anomalyStore.page(tx, wish));
      return { items, nextCursor: items.length === limit ? items.at(-1)?.id : undefined };
    },
    baseline,
    forget: async (actor, principal) => {
      const isHere = watched.get(principal) !== undefined;
      await storage.write(platform, async (tx) => {
        const wasStored = (await baselineStore.forget(tx, principal)) > 0;
        if (!wasStored && !isHere) throw anomalyFault('DETECTION_BASELINE_UNKNOWN');
        const who = principal.startsWith('address:') ? {} : { principal };
        await audit.record(tx, { ...actor, action: 'detection.baseline_forgotten', outcome: 'done', facts: who });
        tx.afterCommit(() => letGo(principal));
      });
    },
    forgetPerson: async (tx, person) => {
      await eraseBaseline(tx, person);
      tx.afterCommit(() => letGo(baselineOf(person)));
    },
    sweep: async () => {
      if (!config.enabled) return;
      steady.isSteady(clock.now()); // also where nobody comes, so that a quiet week is no jump
      await judge.settle();
      await episodes.sweep();
      await keeping.sweep();
      begun.add(episodes.begun() - counted);
      counted = episodes.begun();
    },
    prune: async () => {
      await keeping.prune(config.maxPrincipals);
      await storage.write(platform, (tx) => anomalyStore.prune(tx, clock.now() - KEPT_MS));
    },
    start: async () => {
      bus.subscribe(FORGOTTEN, (principal) => typeof principal === 'string' && watched.drop(principal));
      const seenAt = await keeping.load(config.maxPrincipals);
      if (seenAt !== undefined) steady.startFrom(seenAt);
    },
  };
}
