import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { type FieldPlace, type FieldSealer, foldedText } from '../vault/index.ts';
import { readingFault } from './errors.ts';
import { keyText, type ReadingKey, type ReadingRow } from './store.ts';

const INDEXED = { table: 'reading', column: 'location' } as const;

/** Where a reading's location is sealed to. */
export const locationPlace = (key: ReadingKey): FieldPlace => ({ ...INDEXED, row: keyText(key) });

/** A location as it is stored: it opens in the row of its meter and time alone. */
export function sealLocation(fields: FieldSealer, key: ReadingKey, location: string | null): string | null {
  return location === null ? null : fields.seal(locationPlace(key), location);
}

/** What of a location is looked for; undefined where there is nothing to look for. */
export const searchedLocation = (location: string): string | undefined => foldedText(location) || undefined;

/** What a location is found by without being opened; every spelling of it has the same. */
export function indexLocation(fields: FieldSealer, location: string | null): string | null {
  const searched = location === null ? undefined : searchedLocation(location);
  return searched === undefined ? null : fields.index(INDEXED, searched);
}

/** What rows of a location may be stored with: the key of the index rotates, and rows follow one by one. */
export const locationIndexes = (fields: FieldSealer, location: string): readonly string[] =>
  fields.indexes(INDEXED, foldedText(location));

/** @throws READING_UNREADABLE naming the row: a value that does not open is never passed over */
export function openLocation(fields: FieldSealer, row: ReadingRow): string | null {
  if (row.location === null) return null;
  try {
    return fields.open(locationPlace({ meterId: row.meter_id, at: row.at }), row.location);
  } catch (error) {
    const at: EpochMs = epochMs(row.at);
    throw readingFault('READING_UNREADABLE', { meter_id: row.meter_id, timestamp: rfc3339(at) }, error);
  }
}
