import { epochMs } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { logStore } from './log-store.ts';
import { createPlaces, OWN_LANES, type Placed, type Places } from './places.ts';
import type { SlowLanes } from './slow-lanes.ts';
import { type DueLane, type MessageRow, messageStore } from './store.ts';

/** A message that this process alone is sending. */
export type Claimed = MessageRow & { readonly claim: string };

/** Longer than any attempt takes. When a process dies, what it was sending waits for this long. */
const CLAIM_MS = minutes(2);

const READY_AT_ONCE = 256;
const LANES_PER_READ = 64;
const MOST_LANES = 1_024; // looked at in one turn; the next goes on behind them
const FIRST = 'webhook:'; // before the lane of every webhook
const LAST = 'webhook:~'; // behind it

export interface ClaimDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly slow: SlowLanes;
  readonly concurrency: number;
}

interface Opening {
  readonly lane: string;
  readonly places: number;
}

/**
 * Takes what is due, lane by lane in turn: where it began last time is not where it begins now. That an attempt was
 * begun is durable before anything is sent.
 */
export function createClaims({ storage, clock, random, slow, concurrency }: ClaimDeps) {
  let cursor = FIRST;

  async function makeReady(): Promise<void> {
    const now = clock.now();
    if (!(await storage.read(platform, (tx) => messageStore.hasUnready(tx, now)))) return;
    await storage.write(platform, (tx) => messageStore.makeReady(tx, now, READY_AT_ONCE));
  }

  function ownOpenings(places: Places): Promise<readonly Opening[]> {
    const free = OWN_LANES.map((lane) => ({ lane, places: places.reserve({ lane, tenantId: undefined }) }));
    return storage.read(platform, async (tx) => {
      const open: Opening[] = [];
      for (const one of free) {
        if (one.places > 0 && (await messageStore.due(tx, one.lane, clock.now(), 1)).length > 0) open.push(one);
      }
      return open;
    });
  }

  /** Webhooks to which something is due, from the cursor once around; those that were slow just now come last. */
  async function webhookOpenings(places: Places): Promise<readonly Opening[]> {
    const began = cursor;
    const open: Opening[] = [];
    const late: DueLane[] = [];
    let looked = 0;
    for (const stretch of [
      { after: began, upTo: LAST },
      { after: FIRST, upTo: began },
    ]) {
      let after: string | undefined = stretch.after;
      while (after !== undefined && looked < MOST_LANES && places.webhooksLeft() > 0) {
        const piece = await lanesFrom(after, stretch.upTo);
        looked += piece.length;
        after = piece.length === LANES_PER_READ ? piece.at(-1)?.lane : undefined;
        for (const one of piece) {
          if (places.webhooksLeft() <= 0) break;
          cursor = one.lane;
          if (!slow.has(one.lane)) open.push({ lane: one.lane, places: places.reserve(one) });
          else if (late.length < MOST_LANES) late.push(one);
        }
      }
    }
    for (const one of late) {
      const count = places.reserve(one);
      if (count === 0) continue;
      open.push({ lane: one.lane, places: count });
      cursor = one.lane; // of the slow ones too, others are first the next time
    }
    return open.filter((one) => one.places > 0);
  }

  function lanesFrom(from: string, upTo: string): Promise<readonly DueLane[]> {
    return storage.read(platform, async (tx) => {
      const found: DueLane[] = [];
      let after = from;
      while (found.length < LANES_PER_READ) {
        const next = await messageStore.nextLane(tx, after, upTo);
        if (next === undefined) break;
        found.push(next);
        after = next.lane;
      }
      return found;
    });
  }

  /** @param inFlight what this process is sending */
  return async function take(inFlight: Iterable<Placed>): Promise<readonly Claimed[]> {
    const places = createPlaces(concurrency, inFlight, slow.has);
    await makeReady();
    const open = [...(await ownOpenings(places)), ...(await webhookOpenings(places))];
    if (open.length === 0) return [];
    const claim = newUuid(clock, random);
    return storage.write(platform, async (tx) => {
      const now = clock.now();
      const until = epochMs(now + CLAIM_MS);
      const taken: Claimed[] = [];
      for (const { lane, places: count } of open) {
        for (const row of await messageStore.due(tx, lane, now, count)) {
          if (!(await messageStore.claim(tx, row.id, { claim, until, now }))) continue;
          const tries = row.tries + (row.claim === undefined ? 1 : 0); // as the claim counts it
          taken.push({ ...row, claim, attempts: row.attempts + 1, tries });
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
