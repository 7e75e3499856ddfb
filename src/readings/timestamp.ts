import { type EpochMs, epochMs } from '../kernel/brand.ts';

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The calendar repeats after 400 years, and `Date.UTC` takes years below 100 for ones of the 20th century. */
const CYCLE_YEARS = 400;
const CYCLE_MS = 146_097 * 86_400_000;

/** The bounds of what RFC 3339 can write in UTC: years 0000 to 9999. */
export const EARLIEST = epochMs(-62_167_219_200_000);
export const LATEST = epochMs(253_402_300_799_999);

/**
 * A time of RFC 3339, which always says its distance from UTC. Digits past the millisecond are cut off.
 *
 * @returns undefined for anything else, dates that do not exist, and leap seconds, which no count of milliseconds has
 * @see RFC 3339 §5.6, §5.7
 */
export function parseRfc3339(text: string): EpochMs | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  if (day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return undefined;

  const ms = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const local = Date.UTC(year + CYCLE_YEARS, month - 1, day, hour, minute, second, ms) - CYCLE_MS;
  const ahead = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * 60_000;
  const at = match[8] === '-' ? local + ahead : local - ahead;
  return at < EARLIEST || at > LATEST ? undefined : epochMs(at);
}

/** 0 where there is no such month. */
function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (DAYS_IN_MONTH[month - 1] ?? 0) + (month === 2 && leap ? 1 : 0);
}
