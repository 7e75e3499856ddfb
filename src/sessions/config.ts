import { z } from 'zod';
import { days, hours, minutes, seconds } from '../kernel/clock.ts';

export const sessionConfig = z
  .strictObject({
    accessMs: z
      .int()
      .min(minutes(1))
      .max(hours(24))
      .default(minutes(15))
      .describe('An access token is good for this long.'),
    idleMs: z
      .int()
      .min(minutes(1))
      .max(days(30))
      .default(hours(1))
      .describe('A session that is not used for this long, by a refresh or a request, ends.'),
    absoluteMs: z
      .int()
      .min(minutes(5))
      .max(days(90))
      .default(hours(12))
      .describe('A session ends after this long, used or not.'),
    graceMs: z
      .int()
      .min(0)
      .max(minutes(2))
      .default(seconds(30))
      .describe('A device that proves itself may repeat a refresh whose answer it lost within this time.'),
    rotateKeysEveryMs: z
      .int()
      .min(hours(1))
      .max(days(3_660))
      .default(days(90))
      .describe('The key that signs tokens is followed by a new one after this long.'),
    maxPerPerson: z
      .int()
      .min(0)
      .max(200)
      .default(0)
      .describe(
        'A person may have this many sessions at a time, over all profiles together; 0 for as many as they like.',
      ),
    whenFull: z
      .enum(['refuse', 'end-oldest'])
      .default('refuse')
      .describe('What a sign-in past that number does: it is refused, or ends the session that was begun first.'),
    placesFile: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .describe('A database of places by IP address in the MMDB format, for the list of sessions and for notices.'),
    noticeNewDevice: z
      .boolean()
      .default(true)
      .describe('A person is told by e-mail of a sign-in from a new device that is unusual for them.'),
  })
  .refine((c) => c.idleMs <= c.absoluteMs, { path: ['idleMs'], error: 'must not exceed absoluteMs' })
  .refine((c) => c.accessMs <= c.idleMs, { path: ['accessMs'], error: 'must not exceed idleMs' });

export type SessionConfig = z.output<typeof sessionConfig>;
