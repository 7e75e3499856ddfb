import { z } from 'zod';
import { flawsOf, httpFault, storableText } from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import type { Flaw } from '../kernel/errors.ts';
import { MAX_READINGS } from './config.ts';
import { readingFault } from './errors.ts';
import { parseRfc3339 } from './timestamp.ts';
import { inTurns } from './turns.ts';

/** What a meter measured at one moment. Meter and moment together are its identity. */
export interface Reading {
  readonly meterId: string;
  readonly at: EpochMs;
  /** kWh */
  readonly energyConsumption: number;
  readonly powerFactor: number | null;
  readonly location: string | null;
}

const MAX_FLAWS = 20;
const MAX_LOCATION = 200;

/** The whole string: `$` without the flag `m` matches at the end alone, so `"abc\n"` is refused. */
export const meterId = z.string().regex(/^[A-Za-z0-9_-]{1,50}$/, 'must be 1 to 50 characters of A-Z a-z 0-9 _ -');

/** Characters are code points, as JSON Schema and most languages count them, while JavaScript counts an emoji twice. */
export const location = storableText(0, MAX_LOCATION * 2)
  .refine((text) => text.length <= MAX_LOCATION || [...text].length <= MAX_LOCATION, 'must have at most 200 characters')
  .meta({ maxLength: MAX_LOCATION });

const positiveZero = (value: number): number => value + 0; // a -0 would come back from the database as 0

/**
 * The schema of one reading as it is sent, compiled: 0.5 us instead of 2 to 7.
 *
 * @param latest the time after which no reading may lie
 */
export function createReadingSchema(latest: () => EpochMs) {
  return z.compile(plainReadingSchema(latest));
}

export type ReadingSchema = ReturnType<typeof createReadingSchema>;

/** The same before it is compiled: the two are held together by a test. */
export function plainReadingSchema(latest: () => EpochMs) {
  const timestamp = z
    .string()
    .meta({ format: 'date-time' })
    .transform((text, issues): EpochMs => {
      const at = parseRfc3339(text);
      if (at !== undefined && at <= latest()) return at;
      issues.addIssue(at === undefined ? 'must be an RFC 3339 time with Z or an offset' : 'must not lie in the future');
      return z.NEVER;
    });
  return z
    .strictObject({
      meter_id: meterId,
      timestamp,
      energy_consumption: z.number().min(0).max(100_000),
      power_factor: z.number().min(0).max(1).nullish(),
      location: location.nullish(),
    })
    .transform(
      (sent): Reading => ({
        meterId: sent.meter_id,
        at: sent.timestamp,
        energyConsumption: positiveZero(sent.energy_consumption),
        powerFactor: typeof sent.power_factor === 'number' ? positiveZero(sent.power_factor) : null,
        location: sent.location ?? null,
      }),
    );
}

/**
 * A body of one reading or an array of them.
 *
 * @throws READING_TOO_MANY, HTTP_INPUT_REFUSED with the first 20 flaws: `body/3/meter_id`, and why
 */
export async function parseReadings(schema: ReadingSchema, body: unknown): Promise<readonly Reading[]> {
  const values: readonly unknown[] = Array.isArray(body) ? body : [body];
  assertCount(values.length);
  if (values.length === 0)
    throw httpFault('HTTP_INPUT_REFUSED', { errors: [{ at: 'body', reason: 'must not be empty' }] });

  const readings: Reading[] = [];
  const flaws: Flaw[] = [];
  await inTurns(values, (value, index) => {
    if (flaws.length >= MAX_FLAWS) return;
    const parsed = schema.safeParse(value);
    if (parsed.success) readings.push(parsed.data);
    else flaws.push(...flawsOf(parsed.error, Array.isArray(body) ? `body/${index}` : 'body'));
  });
  if (flaws.length > 0) throw httpFault('HTTP_INPUT_REFUSED', { errors: flaws.slice(0, MAX_FLAWS) });
  return readings;
}

/** @throws READING_TOO_MANY */
export function assertCount(count: number): void {
  if (count > MAX_READINGS) throw readingFault('READING_TOO_MANY', { count, max: MAX_READINGS });
}
