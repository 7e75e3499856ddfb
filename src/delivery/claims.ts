import { epochMs } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { logStore } from './log-store.ts';
import { type MessageRow, messageStore } from './store.ts';

/** A message that this process alone is sending. */
export type Claimed = MessageRow & { readonly claim: string };

/** How many of a lane one process sends at a time: one receiver that hangs must not take every place. */
const PLACES = { email: 4, sms: 4, event: 4, webhook: 2 } as const;

/** Longer than any attempt takes. When a process dies, what it was sending waits for this long. */
const CLAIM_MS = minutes(2);

const LANES_PER_READ = 64;
const LAST = '~'; // behind the name of every lane

export interface ClaimDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
}

interface Opening {
  readonly lane: string;
  readonly places: number;
}

/**
 * Takes what is due, lane by lane in turn: where it began last time is not where it begins now. That an attempt was
 * begun is durable before anything is sent.
 */
export function createClaims({ storage, clock, random }: ClaimDeps) {
  let cursor = '';

  /** Lanes in which something is due and a place is free, from the cursor once around. */
  async function openings(busy: ReadonlyMap<string, number>, free: number): Promise<readonly Opening[]> {
    const began = cursor;
    const found: Opening[] = [];
    let left = free;
    for (const stretch of [
      { after: began, upTo: LAST },
      { after: '', upTo: began },
    ]) {
      let after: string | undefined = stretch.after;
      while (after !== undefined && left > 0) {
        const from: string = after;
        const piece = await storage.read(platform, (tx) => lanesOf(tx, from, stretch.upTo, busy));
        for (const one of piece.found) {
          if (left <= 0) break;
          found.push(one);
          left -= one.places;
          cursor = one.lane;
        }
        after = piece.next;
      }
    }
    return found;
  }

  async function lanesOf(tx: Tx, from: string, upTo: string, busy: ReadonlyMap<string, number>) {
    const now = clock.now();
    const found: Opening[] = [];
    let after = from;
    for (let looked = 0; looked < LANES_PER_READ; looked++) {
      const lane = await messageStore.nextLane(tx, after, upTo);
      if (lane === undefined) return { found, next: undefined };
      after = lane;
      const places = placesIn(lane) - (busy.get(lane) ?? 0);
      if (places > 0 && (await messageStore.due(tx, lane, now, 1)).length > 0) found.push({ lane, places });
    }
    return { found, next: after };
  }

  /** @param busy how many are being sent, by lane. @param free how many more may be */
  return async function take(busy: ReadonlyMap<string, number>, free: number): Promise<readonly Claimed[]> {
    const open = free > 0 ? await openings(busy, free) : [];
    if (open.length === 0) return [];
    const claim = newUuid(clock, random);
    return storage.write(platform, async (tx) => {
      const now = clock.now();
      const until = epochMs(now + CLAIM_MS);
      const taken: Claimed[] = [];
      for (const { lane, places } of open) {
        const count = Math.min(places, free - taken.length);
        for (const row of count > 0 ? await messageStore.due(tx, lane, now, count) : []) {
          if (!(await messageStore.claim(tx, row.id, { claim, until, now }))) continue;
          taken.push({ ...row, claim, attempts: row.attempts + 1, tries: row.tries + 1 });
        }
      }
      const sent = taken.filter(({ kind }) => kind !== 'event'); // which leaves us for nobody
      await logStore.begin(
        tx,
        sent.map(({ id, attempts }) => ({ id, n: attempts })),
        now,
      );
      return taken;
    });
  };
}

function placesIn(lane: string): number {
  return lane === 'email' || lane === 'sms' || lane === 'event' ? PLACES[lane] : PLACES.webhook;
}
