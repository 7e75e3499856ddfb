import { epochMs } from '../kernel/brand.ts';
import { type Clock, days, hours } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { addSpots } from './anomaly-travel.ts';
import type { Judging, Watched } from './anomaly-watch.ts';
import { setLimits } from './anomaly-watch.ts';
import { addLearned, type Learned, nothingLearned } from './baseline-hours.ts';
import { type Baseline, baselineStore } from './baseline-store.ts';

export interface KeepingDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly judging: Judging;
  /** Everybody who is watched at present, peers too. */
  readonly all: () => Iterable<Watched>;
  /** The one of this name, made where there is none. */
  readonly take: (baseline: Baseline) => Watched | undefined;
  /** Forgets the one of this name. */
  readonly drop: (name: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Keeps what is learned through restarts, and shares it between processes. */
export interface Keeping {
  /** Reads those seen last. @returns when the last of them was */
  load(count: number): Promise<number | undefined>;
  /** Reads what is stored of those who are new here, and adds what was learned since to what is stored. */
  sweep(): Promise<void>;
  prune(mostOfKind: number): Promise<void>;
}

const MOST_READ = 500;
const MOST_WRITTEN = 500;
const BATCH = 50;
const KEPT_MS = days(90);
/** Addresses are many and pass from hand to hand, and one that came but once tells nothing. */
const ADDRESS_KEPT_MS = days(14);
const ADDRESS_KNOWN_MS = hours(1);

export function createKeeping({ storage, clock, judging, all, take, drop, onError }: KeepingDeps): Keeping {
  const waiting = new Set<Watched>();

  function adopt(watched: Watched, stored: Baseline | undefined): void {
    if (stored !== undefined) {
      watched.base = stored.learned;
      watched.firstAt = Math.min(watched.firstAt, stored.firstAt);
      addSpots(watched.spots, stored.spots);
      watched.isStored = true;
    }
    watched.isLoaded = true;
    setLimits(watched, clock.now(), judging);
  }

  async function lookUp(): Promise<void> {
    const unknown = [...all()].filter(({ isLoaded }) => !isLoaded).slice(0, MOST_READ);
    for (let at = 0; at < unknown.length; at += BATCH) {
      await storage.read(platform, async (tx) => {
        for (const one of unknown.slice(at, at + BATCH)) adopt(one, await baselineStore.get(tx, one.name));
      });
    }
  }

  /** What is new is taken out first and put back where it can't be stored: requests go on meanwhile. */
  async function flush(some: readonly Watched[]): Promise<void> {
    const moves = some.map((watched) => {
      const { base, fresh } = watched;
      watched.fresh = nothingLearned();
      watched.base = added(base, fresh);
      watched.isDirty = false;
      return { watched, base, fresh };
    });
    try {
      await storage.write(platform, async (tx) => {
        for (const { watched, fresh } of moves) {
          if (watched.isForgotten) continue;
          const stored = await baselineStore.get(tx, watched.name);
          if (stored === undefined && watched.isStored && watched.kind === 'person') {
            tx.afterCommit(() => drop(watched.name)); // erased, and we did not hear of it
            continue;
          }
          const merged = mergedOf(watched, stored, fresh);
          if (stored === undefined) await baselineStore.add(tx, merged);
          else if (!(await baselineStore.change(tx, merged))) {
            Object.assign(watched, { isDirty: true, isStored: true }); // the next turn finds that it is gone
            continue;
          }
          tx.afterCommit(() => settle(watched, stored, merged));
        }
      });
    } catch (error) {
      for (const { watched, base, fresh } of moves) {
        watched.base = base;
        addLearned(watched.fresh, fresh);
        watched.isDirty = true;
      }
      onError(error); // what was learned is kept for the next turn
    }
  }

  function settle(watched: Watched, stored: Baseline | undefined, { learned, firstAt }: Baseline): void {
    if (stored === undefined && watched.isStored) watched.spots.length = 0; // it was forgotten elsewhere
    watched.base = learned;
    watched.firstAt = firstAt;
    watched.isStored = true;
    addSpots(watched.spots, stored?.spots ?? []);
  }

  function mergedOf(watched: Watched, stored: Baseline | undefined, fresh: Learned): Baseline {
    const { name, kind, firstAt, seenAt, spots, isStored } = watched;
    // One that was stored and is not there was forgotten by somebody: it is learned anew.
    const since = stored?.firstAt ?? (isStored ? clock.now() : firstAt);
    const shared = stored === undefined && isStored ? [] : [...spots];
    if (stored !== undefined) addSpots(shared, stored.spots);
    return {
      principal: name,
      kind,
      firstAt: epochMs(Math.min(since, isStored ? since : firstAt)),
      seenAt: epochMs(Math.max(seenAt, stored?.seenAt ?? 0)),
      learned: stored === undefined ? added(fresh, nothingLearned()) : added(stored.learned, fresh),
      spots: kind === 'api-key' ? shared : [], // where a person is stays in memory
    };
  }

  return {
    load: async (count) => {
      const stored = await storage.read(platform, (tx) => baselineStore.newest(tx, count));
      for (const one of [...stored].reverse()) {
        const watched = take(one);
        if (watched !== undefined) adopt(watched, one);
      }
      return stored[0]?.seenAt;
    },
    sweep: async () => {
      await lookUp();
      const now = clock.now();
      for (const one of all()) if (one.isDirty && one.isLoaded && isWorthKeeping(one, now)) waiting.add(one);
      const some = [...waiting].slice(0, MOST_WRITTEN);
      for (const one of some) waiting.delete(one);
      for (let at = 0; at < some.length; at += BATCH) await flush(some.slice(at, at + BATCH));
    },
    prune: async (mostOfKind) => {
      const now = clock.now();
      await storage.write(platform, async (tx) => {
        await baselineStore.prune(tx, 'address', now - ADDRESS_KEPT_MS, mostOfKind);
        for (const kind of ['person', 'api-key']) await baselineStore.prune(tx, kind, now - KEPT_MS, mostOfKind);
      });
    },
  };
}

const isWorthKeeping = ({ kind, firstAt }: Watched, now: number): boolean =>
  kind !== 'address' || now - firstAt >= ADDRESS_KNOWN_MS;

function added(one: Learned, other: Learned): Learned {
  const sum = nothingLearned();
  addLearned(sum, one);
  addLearned(sum, other);
  return sum;
}
