import type { AuditSink } from '../kernel/audit.ts';
import type { TenantId } from '../kernel/brand.ts';
import { type Clock, minutes, seconds } from '../kernel/clock.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Storage } from '../storage/index.ts';
import { messageStore } from './store.ts';

/**
 * How many messages of each tenant wait, and whether more may. Counted in memory, for inside a write there is no time
 * to count rows: what other processes add is seen within half a minute.
 */
export interface Backlog {
  /** @param more messages that are to be added to the lane */
  admits(tenant: TenantId, lane: string, more?: number): boolean;
  /** Messages came to a lane, or left it (below zero). */
  note(tenant: TenantId, lane: string, count: number): void;
  /** Counts what waits for a tenant, unless that was done a moment ago. Not inside a write. */
  know(tenant: TenantId): Promise<void>;
  /** Messages were left out, in this write; an entry says so, at most one a minute, with how many. */
  dropped(tx: Tx, tenant: TenantId, count: number): Promise<void>;
  /** A caller is told that its message is not taken; `review` writes the entry, for this caller's write fails. */
  refused(tenant: TenantId): void;
  /** Counts the tenants anew that added something, and enters what was left out since the last entry. */
  review(): Promise<void>;
  /** Enters what was left out and is in no entry yet. */
  flush(): Promise<void>;
}

export interface BacklogDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'counter'>;
  readonly onError: (error: unknown) => void;
  /** Messages of a tenant that may wait. */
  readonly most: number;
  /** Lanes that a tenant may have. */
  readonly lanes: number;
}

interface Known {
  lanes: Map<string, number>;
  countedAt: number | undefined;
  counting: Promise<void> | undefined;
  usedAt: number;
  /** Left out, and in no entry yet. */
  dropped: number;
  enteredAt: number | undefined;
}

const FRESH_MS = seconds(30);
const FORGET_MS = minutes(5);
const ENTRY_EVERY_MS = minutes(1);

export function createBacklog(deps: BacklogDeps): Backlog {
  const { storage, audit, clock, metrics, onError, most } = deps;
  // Half is for whoever comes first, half is shared out: a dead webhook must not cost the others their messages.
  const shared = Math.ceil(most / 2);
  const share = Math.floor((most - shared) / deps.lanes);
  const drops = metrics.counter('twinkeep_deliveries_dropped_total', 'Messages left out because too many wait.');
  const tenants = new Map<TenantId, Known>();
  let reviewedAt = Number.NEGATIVE_INFINITY;

  function known(tenant: TenantId): Known {
    const found: Known = tenants.get(tenant) ?? {
      lanes: new Map(),
      countedAt: undefined,
      counting: undefined,
      usedAt: 0,
      dropped: 0,
      enteredAt: undefined,
    };
    found.usedAt = clock.now();
    tenants.set(tenant, found);
    return found;
  }

  /** What is noted while it counts may be missing until the next time, which is a few messages in `most`. */
  function count(tenant: TenantId, one: Known): Promise<void> {
    one.counting ??= storage
      .read(platform, (tx) => messageStore.waiting(tx, tenant))
      .then((lanes) => {
        one.lanes = new Map(lanes);
        one.countedAt = clock.now();
      })
      .finally(() => {
        one.counting = undefined;
      });
    return one.counting;
  }

  const enter = (tx: Tx, tenantId: TenantId, messages: number): Promise<void> =>
    audit.record(tx, {
      principal: { kind: 'operator', tenantId }, // nobody asked: it is the process that does it
      tenantId,
      action: 'delivery.dropped',
      outcome: 'refused',
      object: { type: 'tenant', id: tenantId },
      facts: { reason: 'backlog_full', messages, most },
    });

  const isEntryDue = ({ enteredAt }: Known): boolean =>
    enteredAt === undefined || clock.now() - enteredAt >= ENTRY_EVERY_MS;

  async function enterAll(isDue: (one: Known) => boolean): Promise<void> {
    const due = [...tenants].flatMap(([tenant, one]) => {
      if (one.dropped === 0 || !isDue(one)) return [];
      const { dropped } = one;
      one.dropped = 0; // at once, so that no other turn enters them too
      one.enteredAt = clock.now();
      return [{ tenant, one, dropped }];
    });
    if (due.length === 0) return;
    try {
      await storage.write(platform, async (tx) => {
        for (const { tenant, dropped } of due) await enter(tx, tenant, dropped);
      });
    } catch (error) {
      for (const { one, dropped } of due) {
        one.dropped += dropped;
        one.enteredAt = undefined;
      }
      throw error;
    }
  }

  async function recount(): Promise<void> {
    const now = clock.now();
    const isDue = now - reviewedAt >= FRESH_MS || now < reviewedAt; // the second: a clock that was set back
    if (isDue) reviewedAt = now;
    for (const [tenant, one] of [...tenants]) {
      if (isDue && one.dropped === 0 && now - one.usedAt >= FORGET_MS) tenants.delete(tenant);
      else if (isDue || one.countedAt === undefined) await count(tenant, one);
    }
  }

  return {
    admits: (tenant, lane, more = 1) => {
      const { lanes } = known(tenant);
      let total = 0;
      for (const waiting of lanes.values()) total += waiting;
      return total + more <= shared || (lanes.get(lane) ?? 0) + more <= share;
    },
    note: (tenant, lane, change) => {
      const { lanes } = known(tenant);
      const waiting = (lanes.get(lane) ?? 0) + change;
      if (waiting > 0) lanes.set(lane, waiting);
      else lanes.delete(lane);
    },
    know: async (tenant) => {
      const one = known(tenant);
      if (one.countedAt === undefined || clock.now() - one.countedAt >= FRESH_MS) await count(tenant, one);
    },
    dropped: async (tx, tenant, messages) => {
      const one = known(tenant);
      const isEntered = isEntryDue(one);
      if (isEntered) await enter(tx, tenant, messages);
      tx.afterCommit(() => {
        drops.add(messages);
        if (isEntered) one.enteredAt = clock.now();
        else one.dropped += messages;
      });
    },
    refused: (tenant) => {
      known(tenant).dropped += 1;
      drops.add(1);
    },
    review: async () => {
      await recount();
      await enterAll(isEntryDue);
    },
    flush: () => enterAll(() => true).catch(onError), // the database is away: the counter alone has it
  };
}
