import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import type { FieldPlace, FieldSealer } from '../vault/index.ts';
import { readingFault } from './errors.ts';
import { keyText, type ReadingKey, type ReadingRow } from './store.ts';

/** The columns of this room that are stored sealed. */
export const sealedFields = [{ table: 'reading', column: 'location' }] as const;

const [{ table, column }] = sealedFields;

const placeOf = (key: ReadingKey): FieldPlace => ({ table, column, row: keyText(key) });

/** A location as it is stored: it opens in the row of its meter and time alone. */
export function sealLocation(fields: FieldSealer, key: ReadingKey, location: string | null): string | null {
  return location === null ? null : fields.seal(placeOf(key), location);
}

/** @throws READING_UNREADABLE naming the row: a value that does not open is never passed over */
export function openLocation(fields: FieldSealer, row: ReadingRow): string | null {
  if (row.location === null) return null;
  try {
    return fields.open(placeOf({ meterId: row.meter_id, at: row.at }), row.location);
  } catch (error) {
    const at: EpochMs = epochMs(row.at);
    throw readingFault('READING_UNREADABLE', { meter_id: row.meter_id, timestamp: rfc3339(at) }, error);
  }
}
