import type { AnomalyConfig } from './anomaly-config.ts';

/** Where an address is: what a database of places says of it. `Place` of the sessions is one. */
export interface Spot {
  /** ISO 3166-1 alpha-2. */
  readonly country: string | undefined;
  readonly name: string | undefined;
  readonly point?: Point | undefined;
}

export interface Point {
  readonly latitude: number;
  readonly longitude: number;
  /** The place is within this of the point. */
  readonly radiusKm: number;
}

/** A place that a principal was used from. */
export interface KnownSpot extends Spot {
  readonly firstAt: number;
  lastAt: number;
  /** False for one that was told as unusual. */
  usual: boolean;
}

export interface Journey {
  readonly from: KnownSpot;
  readonly to: KnownSpot;
  /** Between the two at the least; undefined where one of them is a country alone. */
  readonly km: number | undefined;
  readonly ms: number;
}

/** What a use from a place is: `again` for one that was told before and goes on. */
export type Visit =
  | { readonly kind: 'usual' | 'again'; readonly to: KnownSpot }
  | ({ readonly kind: 'place' | 'travel' } & Journey);

const MOST = 8;
const NEAR_KM = 100;
const EARTH_KM = 6_371;
const MIN_MS = 60_000;

/**
 * Holds a use against the places that were seen before, and takes it up among them. A place that was seen is told no
 * more: people who change between home and a VPN are told of once.
 *
 * @param known is changed; at most 8, of which those that are usual stay longest
 */
export function visit(
  known: KnownSpot[],
  from: KnownSpot | undefined,
  spot: Spot,
  at: { readonly now: number; readonly learning: boolean; readonly maxSpeedKmh: AnomalyConfig['maxSpeedKmh'] },
): Visit {
  const { now, learning, maxSpeedKmh } = at;
  const there = known.find((one) => isSame(one, spot));
  if (there !== undefined) {
    there.lastAt = now;
    return { kind: there.usual ? 'usual' : 'again', to: there };
  }
  const last = from ?? newestOf(known);
  const isNewCountry = known.length > 0 && !known.some(({ country }) => country === spot.country);
  const to: KnownSpot = { ...spot, firstAt: now, lastAt: now, usual: true };
  known.push(to);
  if (known.length > MOST) known.splice(indexToDrop(known), 1);
  if (learning || last === undefined) return { kind: 'usual', to };
  const journey = { from: last, to, km: kmBetween(last.point, spot.point), ms: Math.max(0, now - last.lastAt) };
  const isTravel = isImpossible(journey, maxSpeedKmh);
  if (!isTravel && !isNewCountry) return { kind: 'usual', to };
  to.usual = false;
  return { kind: isTravel ? 'travel' : 'place', ...journey };
}

/** What other processes saw is seen. @param into is changed */
export function addSpots(into: KnownSpot[], more: readonly KnownSpot[]): void {
  for (const spot of more) {
    const there = into.find((one) => isSame(one, spot));
    if (there === undefined) into.push({ ...spot });
    else there.lastAt = Math.max(there.lastAt, spot.lastAt);
  }
  while (into.length > MOST) into.splice(indexToDrop(into), 1);
}

const isImpossible = ({ km = 0, ms }: Journey, maxSpeedKmh: number): boolean =>
  km > NEAR_KM && km / (Math.max(ms, MIN_MS) / 3_600_000) > maxSpeedKmh;

function isSame(one: Spot, other: Spot): boolean {
  if (one.country !== other.country) return false;
  const km = kmBetween(one.point, other.point);
  return km === undefined || km <= NEAR_KM;
}

/** The least that lies between two circles, over the ground. @see the haversine formula */
export function kmBetween(one: Point | undefined, other: Point | undefined): number | undefined {
  if (one === undefined || other === undefined) return undefined;
  const rad = Math.PI / 180;
  const [a, b] = [one.latitude * rad, other.latitude * rad];
  const half =
    Math.sin((b - a) / 2) ** 2 +
    Math.cos(a) * Math.cos(b) * Math.sin(((other.longitude - one.longitude) * rad) / 2) ** 2;
  const km = 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(half)));
  return Math.max(0, km - one.radiusKm - other.radiusKm);
}

const newestOf = (known: readonly KnownSpot[]): KnownSpot | undefined =>
  known.reduce<KnownSpot | undefined>(
    (best, one) => (best === undefined || one.lastAt > best.lastAt ? one : best),
    undefined,
  );

/** The one used longest ago, of those that were told as unusual first: who hops about must not push home out. */
function indexToDrop(known: readonly KnownSpot[]): number {
  const older = known.slice(0, -1);
  const told = older.some(({ usual }) => !usual);
  let drop = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for (const [index, { usual, lastAt }] of older.entries()) {
    if ((told && usual) || lastAt >= oldest) continue;
    drop = index;
    oldest = lastAt;
  }
  return drop;
}
