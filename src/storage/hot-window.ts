/**
 * One cell of a limit in a few hundred bytes, whether it lies in the memory of one thread or of several. Time is cut
 * into slots of a sixtieth of the window, and the takes of a slot are one number, a run.
 *
 * A take counts while its slot is one of the last 60 or the present one, so from the end of its slot on for a whole
 * window: never for less than the window, and never for more than the window and a sixtieth.
 *
 * A cell is `HEADER_INTS` of a header and a ring of up to `MAX_RUNS` runs, at `base` in `ints`. All zero, it is empty.
 * @see windowScript (hot-script.ts), which is the same in Lua
 */
import type { Limit, Taken } from './hot-state.ts';

const SLOTS = 60;

/** The last 60 slots, the present one, and one that is still to come when the clock was set back. */
export const MAX_RUNS = SLOTS + 2;

// A safe integer takes two places. HEAD is the newest slot in which anything was taken; SPAN holds where the ring
// begins and, 8 bits higher, how many runs there are.
const WINDOW = 0;
const HEAD = 2;
const TOTAL = 4;
const SPAN = 5;
export const HEADER_INTS = 6;

// A run holds the last seven bits of its slot, which with HEAD tell the whole of it, and in 25 bits its takes.
const COUNT_BITS = 25;
const COUNT_MASK = 2 ** COUNT_BITS - 1;
const SLOT_MASK = 127;

/** Where a cell lies. */
export interface CellPlace {
  readonly ints: Int32Array;
  readonly base: number;
  /** How many runs there is room for. */
  readonly runs: number;
}

const at = (ints: Int32Array, index: number): number => ints[index] ?? 0;

const wideAt = (ints: Int32Array, index: number): number => at(ints, index) * 2 ** 31 + at(ints, index + 1);

function setWide(ints: Int32Array, index: number, value: number): void {
  ints[index] = Math.floor(value / 2 ** 31);
  ints[index + 1] = value % 2 ** 31;
}

const lengthAt = ({ ints, base }: CellPlace): number => at(ints, base + SPAN) >> 8;

/** @param nth counted from the oldest */
function runIndex({ ints, base, runs }: CellPlace, nth: number): number {
  const index = (at(ints, base + SPAN) & 255) + nth;
  return base + HEADER_INTS + (index < runs ? index : index % runs);
}

function slotOfRun({ ints, base }: CellPlace, run: number): number {
  const head = wideAt(ints, base + HEAD);
  return head - ((at(ints, base + HEAD + 1) - (run >>> COUNT_BITS)) & SLOT_MASK);
}

const runOf = (slot: number, count: number): number => ((slot % (SLOT_MASK + 1)) << COUNT_BITS) | count;

/** The first millisecond at which the takes of a slot count no more. The products are below 2^53, so it is exact. */
const endOf = (slot: number, windowMs: number): number => Math.ceil(((slot + SLOTS + 1) * windowMs) / SLOTS);

/** Forgets all takes. */
export function clearCell({ ints, base }: CellPlace): void {
  ints[base + TOTAL] = 0;
  ints[base + SPAN] = 0;
}

/** Lets go of the takes that count no more. @returns the present slot, which `takeSettled` wants */
export function settle(place: CellPlace, windowMs: number, now: number): number {
  const { ints, base } = place;
  const slot = Math.floor((now * SLOTS) / windowMs);
  if (lengthAt(place) > 0) {
    const was = wideAt(ints, base + WINDOW);
    if (was !== windowMs) {
      settle(place, was, now);
      rewindow(place, windowMs, slot);
    }
    // One ahead is left: taken back by less than a slot, a clock must not shorten the window.
    if (wideAt(ints, base + HEAD) > slot + 1) rebase(place, slot + 1);
    expire(place, slot - SLOTS);
  }
  if (lengthAt(place) === 0) {
    clearCell(place);
    setWide(ints, base + WINDOW, windowMs);
    setWide(ints, base + HEAD, slot);
  }
  return slot;
}

function expire(place: CellPlace, oldest: number): void {
  const { ints, base, runs } = place;
  if (wideAt(ints, base + HEAD) < oldest) clearCell(place); // which leaves the loop nothing to do
  for (let length = lengthAt(place); length > 0; length--) {
    const run = at(ints, runIndex(place, 0));
    if (slotOfRun(place, run) >= oldest) return;
    const first = ((at(ints, base + SPAN) & 255) + 1) % runs;
    ints[base + TOTAL] = at(ints, base + TOTAL) - (run & COUNT_MASK);
    ints[base + SPAN] = ((length - 1) << 8) | first;
  }
}

/** After the clock was set back: the newest takes are as if they had just been made, the older ones as long before. */
function rebase(place: CellPlace, head: number): void {
  const { ints, base } = place;
  const slots = slotsOf(place);
  const back = wideAt(ints, base + HEAD) - head;
  for (const [nth, slot] of slots.entries()) {
    const index = runIndex(place, nth);
    ints[index] = runOf(Math.max(0, slot - back), at(ints, index) & COUNT_MASK);
  }
  setWide(ints, base + HEAD, head);
}

const slotsOf = (place: CellPlace): readonly number[] =>
  Array.from({ length: lengthAt(place) }, (_, nth) => slotOfRun(place, at(place.ints, runIndex(place, nth))));

/** The limit of a cell got another window: each take keeps its time, none of them lies ahead. */
function rewindow(place: CellPlace, windowMs: number, slot: number): void {
  const { ints, base } = place;
  const was = wideAt(ints, base + WINDOW);
  const counted = slotsOf(place).map((old, nth) => ({
    slot: Math.min(slot, Math.floor(((old + 1) * was) / windowMs)),
    count: at(ints, runIndex(place, nth)) & COUNT_MASK,
  }));
  clearCell(place);
  setWide(ints, base + WINDOW, windowMs);
  setWide(ints, base + HEAD, counted.at(-1)?.slot ?? slot);
  for (const run of counted) if (run.slot >= slot - SLOTS) add(place, run.slot, run.count);
}

function add(place: CellPlace, slot: number, count: number): void {
  const { ints, base } = place;
  const length = lengthAt(place);
  const newest = runIndex(place, Math.max(0, length - 1));
  if (length > 0 && slotOfRun(place, at(ints, newest)) === slot) ints[newest] = at(ints, newest) + count;
  else {
    ints[runIndex(place, length)] = runOf(slot, count);
    ints[base + SPAN] = at(ints, base + SPAN) + (1 << 8);
  }
  ints[base + TOTAL] = at(ints, base + TOTAL) + count;
}

/** Whether a settled cell has no room for another run. */
export const isCrowded = (place: CellPlace): boolean => lengthAt(place) === place.runs;

/** Copies a cell to where there is more room. */
export function moveCell(from: CellPlace, to: CellPlace): void {
  for (let index = 0; index < HEADER_INTS; index++) to.ints[to.base + index] = at(from.ints, from.base + index);
  const length = lengthAt(from);
  to.ints[to.base + SPAN] = length << 8;
  for (let nth = 0; nth < length; nth++) to.ints[runIndex(to, nth)] = at(from.ints, runIndex(from, nth));
}

/** Counts one take, if there is room under the limit. @param slot what `settle` returned */
export function takeSettled(place: CellPlace, { count, windowMs }: Limit, slot: number, now: number): Taken {
  const { ints, base } = place;
  const total = at(ints, base + TOTAL);
  if (total >= count) return refusalOf(place, total - count + 1, windowMs, now);
  const head = wideAt(ints, base + HEAD);
  const newest = Math.max(head, slot);
  if (newest > head) setWide(ints, base + HEAD, newest);
  add(place, newest, 1);
  return { allowed: true, remaining: count - total - 1, retryAfterMs: 0, resetMs: endOf(newest, windowMs) - now };
}

/** @param surplus how many takes have to be given back before there is room for one */
function refusalOf(place: CellPlace, surplus: number, windowMs: number, now: number): Taken {
  const { ints } = place;
  const last = lengthAt(place) - 1;
  let nth = 0;
  for (let left = surplus; nth < last; nth++) {
    left -= at(ints, runIndex(place, nth)) & COUNT_MASK;
    if (left <= 0) break;
  }
  const until = (run: number): number => endOf(slotOfRun(place, at(ints, runIndex(place, run))), windowMs) - now;
  return { allowed: false, remaining: 0, retryAfterMs: until(nth), resetMs: until(last) };
}

/** Undoes the newest take of a settled cell, if there is one. */
export function undoNewest(place: CellPlace): void {
  const { ints, base } = place;
  const length = lengthAt(place);
  if (length === 0) return;
  const newest = runIndex(place, length - 1);
  ints[newest] = at(ints, newest) - 1;
  ints[base + TOTAL] = at(ints, base + TOTAL) - 1;
  if ((at(ints, newest) & COUNT_MASK) > 0) return;
  ints[base + SPAN] = at(ints, base + SPAN) - (1 << 8);
  if (length > 1) setWide(ints, base + HEAD, slotOfRun(place, at(ints, runIndex(place, length - 2))));
}

/** When the last take of a cell ends, in epoch ms; 0 for an empty one. */
export function endOfCell(place: CellPlace): number {
  const length = lengthAt(place);
  if (length === 0) return 0;
  return endOf(slotOfRun(place, at(place.ints, runIndex(place, length - 1))), wideAt(place.ints, place.base + WINDOW));
}

/** Makes a cell whole in which a thread was ended between two writes; one that makes no sense is emptied. */
export function repair(place: CellPlace): void {
  const { ints, base, runs } = place;
  const length = lengthAt(place);
  if (length < 0 || length > runs || (at(ints, base + SPAN) & 255) >= runs || wideAt(ints, base + WINDOW) <= 0) {
    for (let index = 0; index < HEADER_INTS; index++) ints[base + index] = 0;
    return;
  }
  let total = 0;
  for (let nth = 0; nth < length; nth++) total += at(ints, runIndex(place, nth)) & COUNT_MASK;
  ints[base + TOTAL] = total;
}
