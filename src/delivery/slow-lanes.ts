import { type Clock, minutes, seconds } from '../kernel/clock.ts';
import type { Outcome } from './outcome.ts';

/** Lanes whose last attempt took long. They come last, so that places go to receivers that give them back. */
export interface SlowLanes {
  has(lane: string): boolean;
  note(lane: string, outcome: Outcome, tookMs: number): void;
}

const SLOW_MS = seconds(3);
const KEPT_MS = minutes(10);
const MOST = 10_000; // a lane forgotten too early is tried among the others once

export function createSlowLanes(clock: Clock): SlowLanes {
  const until = new Map<string, number>(); // the oldest first
  return {
    has: (lane) => (until.get(lane) ?? 0) > clock.now(),
    note: (lane, outcome, tookMs) => {
      until.delete(lane);
      if (tookMs < SLOW_MS && !(outcome.kind === 'retry' && outcome.reason === 'timeout')) return;
      until.set(lane, clock.now() + KEPT_MS);
      if (until.size <= MOST) return;
      for (const oldest of until.keys()) {
        until.delete(oldest);
        break;
      }
    },
  };
}
