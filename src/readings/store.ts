import { epochMs } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

/** A reading as it is stored: its location is sealed. */
export interface ReadingRow {
  readonly meter_id: string;
  readonly at: number;
  readonly energy_consumption: number;
  readonly power_factor: number | null;
  readonly location: string | null;
}

/** A row that is yet to be stored, with the blind index of its location. */
export interface NewReadingRow extends ReadingRow {
  readonly location_index: string | null;
}

export interface ReadingKey {
  readonly meterId: string;
  readonly at: number;
}

/** A stretch of time, both ends within. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const VALUES = 'meter_id, at, energy_consumption, power_factor, location';
const VALUE_COLUMNS = {
  meter_id: 'text',
  at: 'int',
  energy_consumption: 'real',
  power_factor: 'real?',
  location: 'text?',
} as const;

const insertReadings = insertion({
  reach: 'tenant',
  table: 'reading',
  columns: { ...VALUE_COLUMNS, location_index: 'text?' },
  unless: ['meter_id', 'at'],
});

const selectOne = statement({
  reach: 'tenant',
  sql: `select ${VALUES} from reading where tenant_id = :tenant_id and meter_id = :meter_id and at = :at`,
  params: { meter_id: 'text', at: 'int' },
  returns: VALUE_COLUMNS,
});

const selectSpan = statement({
  reach: 'tenant',
  sql: `select ${VALUES} from reading
    where tenant_id = :tenant_id and meter_id = :meter_id and at >= :from_at and at <= :to_at order by at limit :count`,
  params: { meter_id: 'text', from_at: 'int', to_at: 'int', count: 'int' },
  returns: VALUE_COLUMNS,
});

const selectAfter = statement({
  reach: 'tenant',
  sql: `select ${VALUES} from reading
    where tenant_id = :tenant_id and (meter_id, at) > (:meter_id, :at) order by meter_id, at limit :count`,
  params: { meter_id: 'text', at: 'int', count: 'int' },
  returns: VALUE_COLUMNS,
});

const selectLocated = statement({
  reach: 'tenant',
  sql: `select ${VALUES} from reading
    where tenant_id = :tenant_id and location_index = :location and (meter_id, at) > (:meter_id, :at)
      and at >= :from_at and at <= :to_at and (:only is null or meter_id = :only)
    order by meter_id, at limit :count`,
  params: {
    location: 'text',
    meter_id: 'text',
    at: 'int',
    from_at: 'int',
    to_at: 'int',
    only: 'text?',
    count: 'int',
  },
  returns: VALUE_COLUMNS,
});

const selectNextMeter = statement({
  reach: 'tenant',
  sql: `select meter_id from reading
    where tenant_id = :tenant_id and meter_id > :meter_id order by meter_id, at limit 1`,
  params: { meter_id: 'text' },
  returns: { meter_id: 'text' },
});

const deleteMeter = statement({
  reach: 'tenant',
  sql: 'delete from reading where tenant_id = :tenant_id and meter_id = :meter_id',
  params: { meter_id: 'text' },
});

/** One key as text, for maps. */
export const keyText = ({ meterId, at }: ReadingKey): string => `${meterId}|${at}`;

export const readingStore = {
  /** @returns positions of those whose meter and time are taken already */
  add: (tx: Tx, rows: readonly NewReadingRow[]): Promise<number[]> => tx.insert(insertReadings, rows),

  /** The readings of one meter, oldest first. */
  span: (tx: Tx, meterId: string, { from, to }: Span, count: number): Promise<ReadingRow[]> =>
    tx.all(selectSpan, { meter_id: meterId, from_at: from, to_at: to, count }),

  /** Those of all meters behind a key, in the order of keys. */
  after: (tx: Tx, { meterId, at }: ReadingKey, count: number): Promise<ReadingRow[]> =>
    tx.all(selectAfter, { meter_id: meterId, at, count }),

  /** Those of one location, of all meters or one, behind a key and in the order of keys; `location` is a blind index. */
  located: (
    tx: Tx,
    location: string,
    only: string | undefined,
    { meterId, at }: ReadingKey,
    { from, to }: Span,
    count: number,
  ): Promise<ReadingRow[]> =>
    tx.all(selectLocated, {
      location,
      meter_id: meterId,
      at,
      from_at: from,
      to_at: to,
      only: only ?? null,
      count,
    }),

  nextMeter: async (tx: Tx, meterId: string): Promise<string | undefined> =>
    (await tx.one(selectNextMeter, { meter_id: meterId }))?.meter_id,

  removeMeter: (tx: Tx, meterId: string): Promise<number> => tx.run(deleteMeter, { meter_id: meterId }),

  rowsOf,
};

/**
 * The stored rows of keys that exist, by `keyText`. A meter's keys mostly follow one another, so one look at their span
 * finds them; where others lie in between, the rest is fetched one by one.
 */
async function rowsOf(tx: Tx, keys: readonly ReadingKey[]): Promise<ReadonlyMap<string, ReadingRow>> {
  const found = new Map<string, ReadingRow>();
  const keep = (row: ReadingRow) => found.set(keyText({ meterId: row.meter_id, at: row.at }), row);
  for (const [meterId, ofMeter] of Map.groupBy(keys, (key) => key.meterId)) {
    const span = spanOf(ofMeter);
    for (const row of await readingStore.span(tx, meterId, span, ofMeter.length * 2)) keep(row);
    for (const { at } of ofMeter) {
      if (found.has(keyText({ meterId, at }))) continue;
      const row = await tx.one(selectOne, { meter_id: meterId, at });
      if (row !== undefined) keep(row);
    }
  }
  return found;
}

/** From the first to the last of some keys; an empty list has none. */
export function spanOf(keys: readonly ReadingKey[]): Span {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { at } of keys) {
    from = Math.min(from, at);
    to = Math.max(to, at);
  }
  return { from: epochMs(from), to: epochMs(to) };
}
