import { days, hours, minutes, seconds } from '../kernel/clock.ts';

const UNITS = new Map([
  ['s', seconds(1)],
  ['m', minutes(1)],
  ['h', hours(1)],
  ['d', days(1)],
]);

/** The seconds of a time as it is typed, `90d` or `1h`; 0 for anything but a number above 0 with s, m, h or d. */
export function durationS(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  return (Number(count) * (UNITS.get(unit) ?? 0)) / 1_000;
}
