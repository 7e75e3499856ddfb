import type { EpochMs, SessionId, TenantId } from '../kernel/brand.ts';
import { type Clock, hours, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SessionConfig } from './config.ts';
import { sessionStore } from './store.ts';
import { endStore } from './store-ends.ts';

/** What is counted of sessions, by the hour. */
export type Tally = 'started' | 'ended' | 'refused' | 'suspicious';

/** What happens too often to be written each time: kept in memory and written together. */
export interface Use {
  /** A request of a session: less than a microsecond. */
  note(id: SessionId): void;
  count(tenant: TenantId, what: Tally, howMany?: number): void;
  /** Writes what was noted; what a crash takes is at most what came since. */
  flush(): Promise<void>;
}

export interface UseDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly config: SessionConfig;
}

const NOTED_EVERY_MS = minutes(1); // a quarter of the idle time where that is short: then nobody who is there goes idle
const MOST_NOTED = 50_000; // then the one noted first may be noted again
const MOST_TALLIES = 10_000;
const BATCH = 500;

export function createUse({ storage, clock, config }: UseDeps): Use {
  const everyMs = Math.min(NOTED_EVERY_MS, config.idleMs / 4);
  const noted = new Map<SessionId, EpochMs>();
  let waiting = new Map<SessionId, EpochMs>();
  let tallies = new Map<string, number>();

  async function flushUses(): Promise<void> {
    const uses = [...waiting];
    waiting = new Map();
    for (let at = 0; at < uses.length; at += BATCH) {
      await storage.write(platform, async (tx) => {
        for (const [id, usedAt] of uses.slice(at, at + BATCH)) await sessionStore.use(tx, id, usedAt, config.idleMs);
      });
    }
  }

  async function flushTallies(): Promise<void> {
    const counted = tallies;
    tallies = new Map();
    for (const [key, count] of counted) {
      const [tenant_id = '', hour, what = ''] = key.split(' ');
      await storage.write(platform, (tx) => endStore.addTally(tx, { tenant_id, hour: Number(hour), what, count }));
    }
  }

  return {
    note: (id) => {
      const now = clock.now();
      const last = noted.get(id);
      if (last !== undefined && now >= last && now - last < everyMs) return;
      noted.delete(id); // so that it is the youngest again
      if (noted.size >= MOST_NOTED) for (const oldest of noted.keys()) if (noted.delete(oldest)) break;
      if (waiting.size >= MOST_NOTED) return; // what is not noted now is with its next request
      noted.set(id, now);
      waiting.set(id, now);
    },
    count: (tenant, what, howMany = 1) => {
      const key = `${tenant} ${Math.floor(clock.now() / hours(1))} ${what}`;
      if (tallies.size < MOST_TALLIES || tallies.has(key)) tallies.set(key, (tallies.get(key) ?? 0) + howMany);
    },
    flush: async () => {
      await flushUses();
      await flushTallies();
    },
  };
}
