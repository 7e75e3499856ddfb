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
      .describe('A session that is not refreshed for this long ends.'),
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
  })
  .refine((c) => c.idleMs <= c.absoluteMs, { path: ['idleMs'], error: 'must not exceed absoluteMs' })
  .refine((c) => c.accessMs <= c.idleMs, { path: ['accessMs'], error: 'must not exceed idleMs' });

export type SessionConfig = z.output<typeof sessionConfig>;
