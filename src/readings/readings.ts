import { epochMs, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import { type BatchDeps, type Counts, createStoreBatch, type TenantActor } from './batch.ts';
import { type ReadingConfig, readingConfig } from './config.ts';
import { readingFault } from './errors.ts';
import { createIntake, type TakeLines } from './intake.ts';
import { createReadingList, type ReadingPage, type ReadingQuery } from './page.ts';
import { readingStore } from './store.ts';
import { assertCount, createReadingSchema, parseReadings, type Reading } from './validate.ts';

export interface ReadingDeps extends BatchDeps {
  readonly clock: Clock;
  readonly config?: ReadingConfig;
}

/** Meter readings of tenants: taken in once, kept whole, given back page by page. */
export interface Readings {
  /**
   * A JSON value of one reading, or an array of 1 to 10,000.
   *
   * @throws READING_TOO_MANY, HTTP_INPUT_REFUSED
   */
  parse(body: unknown): Promise<readonly Reading[]>;

  /**
   * Stores at most 10,000 readings, all or none. One that is stored already with the same values is counted as repeated.
   *
   * @throws READING_TOO_MANY; READING_CONFLICT naming the first that differs, with both values
   */
  store(actor: TenantActor, readings: readonly Reading[]): Promise<Counts>;

  /** Takes a stream of lines of JSON. @throws READING_LINES_REFUSED, HTTP_BODY_CUT_SHORT with the answer so far */
  takeLines: TakeLines;

  /** In the order of meter and time. @throws READING_CURSOR, READING_UNREADABLE */
  list(tenantId: TenantId, query: ReadingQuery): Promise<ReadingPage>;

  /** Deletes all readings of a meter and says how many. @throws READING_UNKNOWN_METER where there are none */
  removeMeter(actor: TenantActor, meterId: string): Promise<number>;
}

/** The rules of readings on a migrated database. */
export function createReadings({ clock, config = readingConfig.parse({}), ...deps }: ReadingDeps): Readings {
  const { storage, audit } = deps;
  const schema = createReadingSchema(() => epochMs(clock.now() + config.futureSkewMs));
  const storeBatch = createStoreBatch(deps);

  return {
    parse: (body) => parseReadings(schema, body),
    takeLines: createIntake({ schema, storeBatch, batchLines: config.batchLines }),
    list: createReadingList(deps),

    store: async (actor, readings) => {
      assertCount(readings.length);
      if (readings.length === 0) return { stored: 0, repeated: 0 };
      const outcome = await storeBatch(actor, readings);
      if (outcome.kind === 'stored') return { stored: outcome.stored, repeated: outcome.repeated };
      const { meterId, timestamp, stored, offered } = outcome.first;
      throw readingFault('READING_CONFLICT', { meter_id: meterId, timestamp, stored, offered });
    },

    removeMeter: (actor, meterId) =>
      storage.write(inTenant(actor.tenantId), async (tx) => {
        const count = await readingStore.removeMeter(tx, meterId);
        if (count === 0) throw readingFault('READING_UNKNOWN_METER', { meter_id: meterId });
        await audit.record(tx, {
          ...actor,
          action: 'readings.deleted',
          outcome: 'done',
          object: { type: 'meter', id: meterId },
          facts: { count },
        });
        return count;
      }),
  };
}
