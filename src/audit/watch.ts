import { setImmediate as breathe } from 'node:timers/promises';
import {
  emptyFrontier,
  equalBytes,
  extendFrontier,
  type Frontier,
  frontierRoot,
  hashLeaf,
  type TreeHead,
  type VerifierKey,
  verifyCheckpoint,
} from '../crypto/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, hours, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { HeadKeeper } from './head.ts';
import { auditStore } from './store.ts';

export interface LogWatchDeps {
  readonly storage: Storage;
  readonly key: VerifierKey;
  readonly head: Pick<HeadKeeper, 'read'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** What is known of the log, and since when. */
export interface LogState {
  /** Undefined until the first look is done. */
  readonly looked: { readonly at: EpochMs; readonly entries: number; readonly flaw: string | undefined } | undefined;
  /** Whether what was recorded a minute ago is still under no signed head. */
  readonly isBehind: boolean;
}

/** Looks through the log in the background, so that its state can be told at any moment. Writes nothing. */
export interface LogWatch {
  /** Begins a look where the last one is an hour old, or failed a minute ago; waits for the very first one, and not for long. */
  state(): Promise<LogState>;
}

const KEPT_MS = hours(1);
const AGAIN_MS = minutes(1);
const FIRST_MS = 1_000;
const BEHIND_MS = minutes(1);
const PAGE = 200; // a few milliseconds of the event loop, which then breathes

/** @see verifyLog, which reads the checkpoints in between too and says all that is wrong */
export function createLogWatch({ storage, key, head, clock, onError }: LogWatchDeps): LogWatch {
  let looked: LogState['looked'];
  let looking: Promise<void> | undefined;
  let failedAt: EpochMs | undefined;

  const headOf = (note: string | undefined): TreeHead | undefined =>
    note === undefined ? undefined : verifyCheckpoint(note, key.publicKey, key.keyName);

  /** Grows the tree from the entries up to `size`. @returns the place of the first that is not as it was */
  async function grow(from: Frontier, size: number): Promise<Frontier | string> {
    let frontier = from;
    while (frontier.size < size) {
      const rows = await storage.read(platform, (tx) =>
        auditStore.from(tx, frontier.size, Math.min(PAGE, size - frontier.size)),
      );
      if (rows.length === 0) return `entry ${frontier.size} is gone`;
      const leaves: Buffer[] = [];
      for (const { seq, body, leaf } of rows) {
        const at = frontier.size + leaves.length;
        if (seq !== at) return `entry ${at} is gone`;
        const own = hashLeaf(Buffer.from(body));
        if (leaf === null || !equalBytes(own, leaf)) return `entry ${at} is not what was recorded`;
        leaves.push(own);
      }
      frontier = extendFrontier(frontier, leaves).frontier;
      await breathe();
    }
    return frontier;
  }

  /** @returns how many entries there are, and what is wrong with them */
  async function look(): Promise<{ entries: number; flaw: string | undefined }> {
    const kept = headOf(head.read()); // ahead of the last one, which is never the older of the two
    const row = await storage.read(platform, auditStore.lastCheckpoint);
    const last = headOf(row?.note);
    if (row !== undefined && last?.size !== row.size) return { entries: 0, flaw: 'the last head is not signed by us' };
    const size = last?.size ?? 0;
    if (kept !== undefined && kept.size > size) return { entries: size, flaw: 'it does not reach the head kept apart' };
    let tree: Frontier = emptyFrontier;
    for (const signed of [kept, last]) {
      if (signed === undefined) continue;
      const grown = await grow(tree, signed.size);
      if (typeof grown === 'string') return { entries: size, flaw: grown };
      if (!equalBytes(frontierRoot(grown), signed.root))
        return { entries: size, flaw: `the first ${signed.size} entries are not those that were signed` };
      tree = grown;
    }
    return { entries: size, flaw: undefined };
  }

  async function lookNow(): Promise<void> {
    const at = clock.now();
    try {
      looked = { at, ...(await look()) };
      failedAt = undefined;
    } catch (error) {
      onError(error);
      failedAt = at; // says nothing of the log: what was seen last stands until it can be read again
    } finally {
      looking = undefined;
    }
  }

  const isBehind = (): Promise<boolean> =>
    storage.read(platform, async (tx) => {
      const [oldest] = await auditStore.unnumbered(tx, 1);
      return oldest !== undefined && clock.now() - timeOf(oldest.id) > BEHIND_MS;
    });

  return {
    state: async () => {
      const now = clock.now();
      const isDue = looked === undefined || isPast(looked.at, KEPT_MS, now);
      if (isDue && (failedAt === undefined || isPast(failedAt, AGAIN_MS, now))) looking ??= lookNow();
      if (looked === undefined && looking !== undefined) await within(looking, FIRST_MS);
      return { looked, isBehind: await isBehind() };
    },
  };
}

/** Also where the clock went back. */
const isPast = (at: EpochMs, ms: number, now: EpochMs): boolean => now < at || now - at >= ms;

/** @see RFC 9562 §5.7: the first 48 bits of a UUIDv7 are its milliseconds */
const timeOf = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

function within(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref();
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
