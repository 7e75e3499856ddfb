import { type EpochMs, epochMs } from './brand.ts';

/** The time, passed in so that rules can be tested at any moment. */
export interface Clock {
  now(): EpochMs;
}

export const systemClock: Clock = { now: () => epochMs(Date.now()) };

export const seconds = (n: number): number => n * 1_000;
export const minutes = (n: number): number => n * 60_000;
export const hours = (n: number): number => n * 3_600_000;
export const days = (n: number): number => n * 86_400_000;

/** RFC 3339 in UTC with milliseconds, the form of every time at the edge. */
export const rfc3339 = (at: EpochMs): string => new Date(at).toISOString();
