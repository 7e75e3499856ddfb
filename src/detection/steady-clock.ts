import { days, hours } from '../kernel/clock.ts';

/**
 * Tells a clock that goes on from one that jumped: what is learned at a time that never was stays for weeks, weighs more
 * than all that is true, and a clock that is set wrong for two minutes is a thing of every year.
 */
export interface SteadyClock {
  /** To be asked now and then, at least once a minute. @returns whether things may be learned at this time */
  isSteady(now: number): boolean;
  /** The latest time that is known to have been. */
  startFrom(at: number): void;
}

/** A process may have slept for a night; a limit that is moved by a day is moved by a sixth. */
const MOST_STEP_MS = days(1);
/** Where the clock stays for this long, it is believed. */
const STAY_MS = hours(1);

export function createSteadyClock(start: number): SteadyClock {
  let last = start;
  let other: { readonly since: number; last: number } | undefined;

  return {
    isSteady: (now) => {
      if (isNear(now, last)) {
        last = now;
        other = undefined;
        return true;
      }
      if (other === undefined || !isNear(now, other.last) || now < other.since) other = { since: now, last: now };
      other.last = now;
      if (now - other.since < STAY_MS) return false;
      last = now;
      other = undefined;
      return true;
    },
    startFrom: (at) => {
      last = at;
      other = undefined;
    },
  };
}

const isNear = (now: number, at: number): boolean => Math.abs(now - at) <= MOST_STEP_MS;
