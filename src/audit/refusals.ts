import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, days, minutes } from '../kernel/clock.ts';

/**
 * Decides which refusals of anonymous callers get an entry of their own: the first 20 per address block and minute;
 * the rest of that minute becomes one counted entry. Otherwise an attacker decides how fast the disk fills.
 */
export interface RefusalGate {
  /** @returns true when this one is to be written now */
  admit(addressBlock: string): boolean;
  /** Blocks whose minute is over and that were refused more often than was written. */
  drain(everything: boolean): readonly { readonly addressBlock: string; readonly refused: number }[];
}

interface Minute {
  readonly start: EpochMs;
  written: number;
  refused: number;
}

const SINGLES = 20;
const MAX_BLOCKS = 10_000;
const MAX_ENTRIES_PER_DAY = 200_000; // about 100 MB

export function createRefusalGate(clock: Clock): RefusalGate {
  const minutesByBlock = new Map<string, Minute>();
  let day = { start: clock.now(), entries: 0 };
  let elsewhere = 0; // refused when there were too many blocks to tell apart

  const mayWrite = (now: EpochMs): boolean => {
    if (now - day.start >= days(1)) day = { start: now, entries: 0 };
    if (day.entries >= MAX_ENTRIES_PER_DAY) return false;
    day.entries++;
    return true;
  };

  return {
    admit: (addressBlock) => {
      const now = clock.now();
      let minute = minutesByBlock.get(addressBlock);
      if (minute === undefined) {
        if (minutesByBlock.size >= MAX_BLOCKS) {
          elsewhere++;
          return false;
        }
        minute = { start: now, written: 0, refused: 0 };
        minutesByBlock.set(addressBlock, minute);
      }
      if (minute.written < SINGLES && mayWrite(now)) {
        minute.written++;
        return true;
      }
      minute.refused++;
      return false;
    },
    drain: (everything) => {
      const now = clock.now();
      const counted: { addressBlock: string; refused: number }[] = [];
      for (const [addressBlock, { start, refused }] of minutesByBlock) {
        if (!everything && now - start < minutes(1)) continue;
        minutesByBlock.delete(addressBlock);
        if (refused === 0) continue;
        if (mayWrite(now)) counted.push({ addressBlock, refused });
        else elsewhere += refused;
      }
      if (elsewhere > 0) counted.push({ addressBlock: 'other', refused: elsewhere });
      elsewhere = 0;
      return counted;
    },
  };
}
