import { hours, minutes, seconds } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';

/** What goes out. An `event` is not sent itself: it becomes a message for each of its receivers. */
export type Kind = 'email' | 'sms' | 'webhook' | 'event';

const FIRST = [seconds(5), seconds(30), minutes(2), minutes(10)];
const HOURS = [minutes(30), hours(2), hours(6), hours(12), hours(24)];

/** Waits between attempts. @see https://www.standardwebhooks.com, "retry schedule": several attempts over days */
const WAITS: Readonly<Record<Kind, readonly number[]>> = {
  webhook: [...FIRST, ...HOURS, hours(24)], // 2 days and 21 hours in all
  email: [...FIRST, ...HOURS],
  sms: FIRST, // later than a quarter of an hour nobody waits for it
  event: [...FIRST, ...HOURS, hours(24)],
};

/** What waits for longer is not sent any more, however few attempts it had. */
export const LIFE_MS: Readonly<Record<Kind, number>> = {
  webhook: hours(96),
  email: hours(72),
  sms: hours(1),
  event: hours(96),
};

const JITTER = 0.2;

/**
 * How long to wait after an attempt that failed, spread by a fifth both ways so that those which failed together don't
 * come back together.
 *
 * @param tries attempts so far, at least 1
 * @param atLeastMs what the receiver asked for
 * @returns undefined when it was the last attempt
 */
export function waitAfter(kind: Kind, tries: number, random: Random, atLeastMs = 0): number | undefined {
  const wait = WAITS[kind][tries - 1];
  if (wait === undefined) return undefined;
  const spread = random.bytes(4).readUInt32LE() / 0xffff_ffff;
  return Math.round(Math.max(wait * (1 - JITTER + 2 * JITTER * spread), atLeastMs));
}
