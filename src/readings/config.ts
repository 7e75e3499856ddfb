import { z } from 'zod';
import { minutes, seconds } from '../kernel/clock.ts';

/** Readings that one call may store, all or none. */
export const MAX_READINGS = 10_000;

/** What an operator may choose about readings. */
export const readingConfig = z.strictObject({
  batchLines: z
    .int()
    .min(1)
    .max(MAX_READINGS)
    .default(500) // as fast as larger ones, while no write of one holds up others for more than some 12 ms
    .describe('Lines of an NDJSON stream that are stored together, all or none.'),
  futureSkewMs: z
    .int()
    .min(0)
    .max(minutes(60))
    .default(seconds(60))
    .describe('How far ahead of our clock the time of a reading may lie, for meters whose clocks run fast.'),
});

export type ReadingConfig = z.output<typeof readingConfig>;
