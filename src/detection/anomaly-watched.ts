import type { Clock } from '../kernel/clock.ts';
import { addSpots } from './anomaly-travel.ts';
import { createWatched, type Watched, type WatchedKind } from './anomaly-watch.ts';
import type { Baseline } from './baseline-store.ts';

/** Who is watched, bounded: of those that are known and of addresses the ones that were used last. */
export interface WatchedSet {
  get(name: string): Watched | undefined;
  /** The one of this name, made where there is none. */
  of(name: string, kind: WatchedKind): Watched;
  /** To be called now and then for one that is in use: it stays, others go. */
  keep(watched: Watched): void;
  peersOf(kind: WatchedKind): Watched;
  /** One that is stored, taken in. */
  take(baseline: Baseline): Watched | undefined;
  /** One that is stored, to look at. */
  shadow(baseline: Baseline): Watched;
  /** Forgets one, whoever holds it yet. */
  drop(name: string): void;
  all(): Iterable<Watched>;
  size(): number;
}

/** @param most of people and keys together, and as many addresses: those who have many can't push the others out */
export function createWatchedSet(most: number, clock: Clock): WatchedSet {
  const known = new Map<string, Watched>();
  const addresses = new Map<string, Watched>();
  const peers = new Map<string, Watched>();
  const mapOf = (kind: WatchedKind): Map<string, Watched> => (kind === 'address' ? addresses : known);

  function put(watched: Watched): Watched {
    const map = mapOf(watched.kind);
    map.delete(watched.name); // to the end of the order
    map.set(watched.name, watched);
    if (map.size > most) for (const oldest of map.keys()) if (map.delete(oldest)) break;
    return watched;
  }

  function peersOf(kind: WatchedKind): Watched {
    const there = peers.get(kind);
    if (there !== undefined) return there;
    const made = createWatched(`peers:${kind}`, 'peers', clock.now());
    peers.set(kind, made);
    return made;
  }

  const get = (name: string): Watched | undefined =>
    known.get(name) ?? addresses.get(name) ?? (isPeers(name) ? peers.get(kindOfPeers(name)) : undefined);

  return {
    get,
    of: (name, kind) => mapOf(kind).get(name) ?? put(createWatched(name, kind, clock.now())),
    keep: put,
    peersOf,
    take: ({ principal, kind, seenAt }) => {
      if (kind === 'peers') return peersOf(kindOfPeers(principal));
      const made = createWatched(principal, kindOf(kind), clock.now());
      return put(Object.assign(made, { seenAt }));
    },
    shadow: ({ principal, kind, firstAt, seenAt, learned, spots }) => {
      const made = createWatched(principal, kindOf(kind), firstAt);
      addSpots(made.spots, spots);
      return Object.assign(made, { seenAt, base: learned, isLoaded: true });
    },
    drop: (name) => {
      const there = get(name);
      if (there === undefined) return;
      there.isForgotten = true;
      for (const map of [known, addresses]) map.delete(name);
      if (there.kind === 'peers') peers.delete(kindOfPeers(name));
    },
    all: function* all() {
      yield* peers.values();
      yield* known.values();
      yield* addresses.values();
    },
    size: () => known.size + addresses.size,
  };
}

const PEERS = 'peers:';
const isPeers = (name: string): boolean => name.startsWith(PEERS);
const kindOfPeers = (name: string): WatchedKind => kindOf(name.slice(PEERS.length));
const kindOf = (text: string): WatchedKind => (text === 'person' || text === 'api-key' ? text : 'address');
