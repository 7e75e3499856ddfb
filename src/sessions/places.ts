import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../kernel/clock.ts';
import { minutes } from '../kernel/clock.ts';

/** Where an address is, as a database says that an operator has put there. */
export interface Place {
  /** ISO 3166-1 alpha-2. */
  readonly country: string | undefined;
  /** `Berlin, Germany`. */
  readonly name: string | undefined;
  /** Where that is, in degrees, and how far off it may be; absent where the database holds countries alone. */
  readonly point?: { readonly latitude: number; readonly longitude: number; readonly radiusKm: number } | undefined;
}

export interface Places {
  /** `undefined` where nothing is known of it, and where the file can't be read: no request fails over a place. */
  of(address: string): Promise<Place | undefined>;
}

export interface PlacesDeps {
  /** MMDB, as GeoLite2 and DB-IP come. */
  readonly file: string;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** What is looked up in. */
interface Reader {
  get(address: string): unknown;
}

const LOOK_EVERY_MS = minutes(1);
const MAX_BYTES = 512 * 1024 * 1024; // it is held in memory
const MAX_NAME = 100;

/** Reads the file with the first question, and again within a minute of its being replaced. */
export function createPlaces({ file, clock, onError }: PlacesDeps): Places {
  let reader: Reader | undefined;
  let version = '';
  let lookAt = 0;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      const { mtimeMs, size } = await stat(file);
      if (size > MAX_BYTES) throw new Error(`${file} has more than ${MAX_BYTES} bytes`);
      const found = `${mtimeMs} ${size}`;
      if (found === version) return;
      const [{ Reader }, bytes] = await Promise.all([import('mmdb-lib'), readFile(file)]);
      reader = new Reader(bytes);
      version = found;
    } catch (error) {
      onError(error); // what was read before goes on; once a minute it is tried again
    }
  }

  async function current(): Promise<Reader | undefined> {
    if (clock.now() >= lookAt) {
      lookAt = clock.now() + LOOK_EVERY_MS;
      looking = look().finally(() => {
        looking = undefined;
      });
    }
    await looking;
    return reader;
  }

  return {
    of: async (address) => {
      const held = await current();
      if (held === undefined) return undefined;
      try {
        return placeOf(held.get(address));
      } catch {
        return undefined; // an address of another form, or a record that is damaged
      }
    },
  };
}

/** What a database without radii is taken to be off by. */
const USUAL_RADIUS_KM = 100;

function pointOf(location: unknown): Place['point'] {
  const latitude = memberOf(location, 'latitude');
  const longitude = memberOf(location, 'longitude');
  const radius = memberOf(location, 'accuracy_radius');
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return undefined;
  return { latitude, longitude, radiusKm: typeof radius === 'number' ? radius : USUAL_RADIUS_KM };
}

function placeOf(record: unknown): Place | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const country = memberOf(record, 'country');
  const code = memberOf(country, 'iso_code');
  const names = [memberOf(memberOf(record, 'city'), 'names'), memberOf(country, 'names')].map((all) =>
    memberOf(all, 'en'),
  );
  const known = names.filter((name) => typeof name === 'string').map((name) => name.slice(0, MAX_NAME));
  const iso = typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? code : undefined;
  if (iso === undefined && known.length === 0) return undefined;
  return {
    country: iso,
    name: known.length === 0 ? undefined : known.join(', '),
    point: pointOf(memberOf(record, 'location')),
  };
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
