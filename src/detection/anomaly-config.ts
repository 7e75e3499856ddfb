import { z } from 'zod';
import { days, hours, minutes } from '../kernel/clock.ts';

/** Which uses of a principal are called unusual, and what follows. */
export const anomalyConfig = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Off: nothing is learned of how principals use the system, or told.'),
    learnMs: z
      .int()
      .min(hours(1))
      .max(days(90))
      .default(days(7))
      .describe('Nothing that a person, a key or an address does is called unusual before it is known for this long.'),
    sensitivity: z
      .enum(['low', 'normal', 'high'])
      .default('normal')
      .describe('How many spreads beyond what is expected are unusual: 6, 4 or 3.'),
    minRequests: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(60)
      .describe('Fewer requests in a minute are never called too many.'),
    minErrors: z
      .int()
      .min(5)
      .max(1_000_000)
      .default(20)
      .describe('Fewer refused or failed requests in a minute are never called too many.'),
    minBytes: z
      .int()
      .min(1_024)
      .max(2 ** 40)
      .default(2 ** 20)
      .describe('Fewer bytes in the answers of an hour are never called too many.'),
    minRecords: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .default(1_000)
      .describe('Fewer records read in an hour are never called too many.'),
    places: z
      .boolean()
      .default(true)
      .describe('New countries and impossible journeys are told, where `sessions.placesFile` names a database.'),
    maxSpeedKmh: z
      .int()
      .min(100)
      .max(100_000)
      .default(900)
      .describe('Two uses are an impossible journey when nobody travels that fast, in km/h.'),
    quietMs: z
      .int()
      .min(minutes(1))
      .max(days(1))
      .default(minutes(15))
      .describe('An anomaly is over when nothing of it was seen for this long.'),
    stepUp: z
      .boolean()
      .default(true)
      .describe('A person whose use is unusual proves anew who they are before the next step that asks for a proof.'),
    maxPrincipals: z
      .int()
      .min(100)
      .max(200_000)
      .default(10_000)
      .describe('So many people and keys, and as many addresses, are watched at a time; two to five kilobytes each.'),
  })
  .prefault({});

export type AnomalyConfig = z.output<typeof anomalyConfig>;
