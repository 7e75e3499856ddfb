import type { RelayInput } from '../http/index.ts';
import { nameOf } from '../kernel/principal.ts';

/** How many of one kind a URL takes, from all and from one. */
export interface PlaceLimits {
  /** Places for all, those that wait among them. */
  readonly most: number;
  readonly mostPerHolder: number;
  /** Connections that one holder may have at the same time; what is over waits for one of its own to end. */
  readonly connectionsPerHolder: number;
}

/** The places at one URL. */
export interface Places {
  readonly limits: PlaceLimits;
  readonly shares: Map<string, Share>;
  taken: number;
}

interface Share {
  places: number;
  connections: number;
  readonly waiting: Set<Place>;
}

/**
 * The place of one request, from when its URL is picked until undici has let go of it. Between the two it may be given
 * back while undici still has it in its queue, from which nothing can be taken: then it counts until its turn comes, or
 * a client that asks and leaves would fill that queue without end.
 */
export interface Place {
  readonly places: Places;
  readonly holder: string;
  readonly share: Share;
  state: 'taken' | 'waiting' | 'queued' | 'begun' | 'free';
  over: boolean;
  go: (() => void) | undefined;
}

export const createPlaces = (limits: PlaceLimits): Places => ({ limits, shares: new Map(), taken: 0 });

/** Who holds a place: a person, a key, or the addresses that an unknown caller may have at will. */
export const holderOf = ({ caller, context }: Pick<RelayInput, 'caller' | 'context'>): string =>
  caller.kind === 'anonymous' ? context.addressBlock : nameOf(caller);

/** Whether there is room for one more, and if not, whether it is this holder's own fault. */
export function roomFor({ limits, shares, taken }: Places, holder: string): 'free' | 'full' | 'share' {
  if ((shares.get(holder)?.places ?? 0) >= limits.mostPerHolder) return 'share';
  return taken < limits.most ? 'free' : 'full';
}

/** Takes a place where `roomFor` found one. It has to be given back. */
export function takePlace(places: Places, holder: string): Place {
  let share = places.shares.get(holder);
  if (share === undefined) {
    share = { places: 0, connections: 0, waiting: new Set() };
    places.shares.set(holder, share);
  }
  share.places++;
  places.taken++;
  return { places, holder, share, state: 'taken', over: false, go: undefined };
}

/** Calls `go`, which hands the request to undici, as soon as its holder may have one more connection. */
export function whenConnectable(place: Place, go: () => void): void {
  const { share, places } = place;
  if (share.connections >= places.limits.connectionsPerHolder) {
    place.state = 'waiting';
    place.go = go;
    share.waiting.add(place);
    return;
  }
  share.connections++;
  place.state = 'queued';
  go();
}

/** undici has it in its queue no more: it was sent, or has failed. */
export function begun(place: Place): void {
  if (place.state !== 'queued') return;
  place.state = 'begun';
  if (place.over) release(place);
}

export function giveBack(place: Place): void {
  if (place.over) return;
  place.over = true;
  if (place.state !== 'queued') release(place);
}

function release(place: Place): void {
  const { share, places, holder, state } = place;
  place.state = 'free';
  places.taken--;
  share.places--;
  if (state === 'waiting') share.waiting.delete(place);
  if (state === 'begun') {
    share.connections--;
    letNextGo(share);
  }
  if (share.places === 0) places.shares.delete(holder);
}

function letNextGo(share: Share): void {
  for (const next of share.waiting) {
    share.waiting.delete(next);
    share.connections++;
    next.state = 'queued';
    next.go?.();
    return;
  }
}
