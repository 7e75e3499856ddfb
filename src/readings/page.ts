import { epochMs, type TenantId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldSealer, Vault } from '../vault/index.ts';
import { decodeCursor, encodeCursor, type ReadingFilter } from './cursor.ts';
import { locationIndexes, openLocation } from './location.ts';
import { type ReadingKey, type ReadingRow, readingStore, type Span } from './store.ts';
import { EARLIEST, LATEST } from './timestamp.ts';
import { inTurns } from './turns.ts';

/** What to list; both ends of the time are within, and each part may be left out. */
export interface ReadingQuery {
  readonly meter_id?: string | undefined;
  /** However it is spelt: case, width and blanks make no difference. */
  readonly location?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export type ReadingItem = {
  readonly meter_id: string;
  /** RFC 3339 in UTC with milliseconds. */
  readonly timestamp: string;
  readonly energy_consumption: number;
  readonly power_factor: number | null;
  readonly location: string | null;
};

export interface ReadingPage {
  readonly items: readonly ReadingItem[];
  /** Where the next page begins; null on the last one. */
  readonly next_cursor: string | null;
}

export interface PageDeps {
  readonly storage: Storage;
  readonly vault: Vault;
}

/** Rows of one read, for a larger one would stop every other request: a usual page, and a row that tells of a next one. */
const ROWS_PER_READ = 1_001;
const METERS_PER_READ = 200;

/**
 * Lists readings in the order of meter and time. A page is read in pieces, each consistent in itself, and opened
 * between them, so that neither a reader nor the event loop is held for the whole of it.
 *
 * @throws READING_CURSOR, READING_UNREADABLE
 */
export function createReadingList({ storage, vault }: PageDeps) {
  return async (tenantId: TenantId, query: ReadingQuery): Promise<ReadingPage> => {
    const filter = {
      meterId: query.meter_id,
      location: query.location,
      from: query.from ?? EARLIEST,
      to: query.to ?? LATEST,
    };
    let next = query.cursor === undefined ? startOf(filter) : decodeCursor(tenantId, filter, query.cursor);
    const rows: ReadingRow[] = [];
    const items: ReadingItem[] = [];
    while (next !== undefined && rows.length <= query.limit) {
      const after = next;
      const count = Math.min(ROWS_PER_READ, query.limit + 1 - rows.length);
      const read = filter.location === undefined ? readPiece : readerAt(await vault.fields(tenantId), filter.location);
      const piece = await storage.read(inTenant(tenantId), (tx) => read(tx, filter, after, count));
      const fields = await vault.fields(tenantId); // asked for after the read: what was sealed before it can be opened
      await inTurns(piece.rows, (row) => {
        rows.push(row);
        items.push(itemOf(row, openLocation(fields, row)));
      });
      next = piece.next;
    }
    const last = rows.length > query.limit ? rows[query.limit - 1] : undefined;
    return {
      items: items.slice(0, query.limit),
      next_cursor: last === undefined ? null : encodeCursor(tenantId, filter, keyOf(last)),
    };
  };
}

interface Piece {
  readonly rows: readonly ReadingRow[];
  /** What the next piece lies behind; undefined at the end. */
  readonly next: ReadingKey | undefined;
}

/** The place before every reading; no meter has the empty name. Undefined where nothing can match. */
function startOf({ meterId, from, to }: ReadingFilter): ReadingKey | undefined {
  return from > to ? undefined : { meterId: meterId ?? '', at: EARLIEST - 1 };
}

async function readPiece(tx: Tx, filter: ReadingFilter, after: ReadingKey, count: number): Promise<Piece> {
  if (filter.meterId !== undefined) {
    const span = { from: Math.max(filter.from, after.at + 1), to: filter.to };
    return pieceOf(await readingStore.span(tx, filter.meterId, span, count), count);
  }
  const unbounded = filter.from === EARLIEST && filter.to === LATEST;
  return unbounded ? pieceOf(await readingStore.after(tx, after, count), count) : walkMeters(tx, filter, after, count);
}

/**
 * A stretch of time over all meters, from meter to meter: a scan would read years of readings for an hour of them.
 * Meters without any in that time cost two look-ups each, so their number is bounded too.
 */
async function walkMeters(tx: Tx, { from, to }: Span, after: ReadingKey, count: number): Promise<Piece> {
  const rows: ReadingRow[] = [];
  let place = after;
  for (let meters = 0; meters < METERS_PER_READ; meters++) {
    const span = { from: Math.max(from, place.at + 1), to };
    rows.push(...(await readingStore.span(tx, place.meterId, span, count - rows.length)));
    if (rows.length >= count) return pieceOf(rows, count);
    const meterId = await readingStore.nextMeter(tx, place.meterId);
    if (meterId === undefined) return { rows, next: undefined };
    place = { meterId, at: EARLIEST - 1 };
  }
  return { rows, next: place };
}

/**
 * Those of one location. While the key of the index rotates its rows carry one of several values: each is read in the
 * order of keys, and the rows that come first are taken of all.
 */
function readerAt(fields: FieldSealer, location: string) {
  const indexes = locationIndexes(fields, location);
  return async (tx: Tx, { meterId, from, to }: ReadingFilter, after: ReadingKey, count: number): Promise<Piece> => {
    const rows: ReadingRow[] = [];
    for (const index of indexes) {
      rows.push(...(await readingStore.located(tx, index, meterId, after, { from, to }, count)));
    }
    if (indexes.length > 1) rows.sort(byKey);
    return pieceOf(rows.slice(0, count), count);
  };
}

/** As the databases order text: by bytes. */
function byKey(a: ReadingRow, b: ReadingRow): number {
  return Buffer.compare(Buffer.from(a.meter_id), Buffer.from(b.meter_id)) || a.at - b.at;
}

/** Fewer rows than were asked for are the last. */
function pieceOf(rows: readonly ReadingRow[], count: number): Piece {
  const last = rows.at(-1);
  return { rows, next: last === undefined || rows.length < count ? undefined : keyOf(last) };
}

const keyOf = (row: ReadingRow): ReadingKey => ({ meterId: row.meter_id, at: row.at });

const itemOf = (row: ReadingRow, location: string | null): ReadingItem => ({
  meter_id: row.meter_id,
  timestamp: rfc3339(epochMs(row.at)),
  energy_consumption: row.energy_consumption,
  power_factor: row.power_factor,
  location,
});
