import { epochMs, type TenantId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import { type KnownPrincipal, nameOf } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { Bus } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { readingFault } from './errors.ts';
import { openLocation } from './location.ts';
import type { ReadingItem } from './page.ts';
import type { ReadingRow } from './store.ts';
import { createFeed, type Feed, forMeters, type StreamEvent } from './stream-feed.ts';
import { createReadingNews } from './stream-news.ts';
import { inTurns } from './turns.ts';

/** The way to one client. */
export interface Sink {
  send(event: StreamEvent): void;
  /** What was sent and not taken yet, as a part of what may be: beyond 1 it is too slow. */
  backlog(): number;
  /** Something that keeps the connection alive. */
  beat(): void;
  /** Says why, and ends it. */
  end(fault: TwinkeepError): void;
}

/** A client that is known, and allowed to read. */
export interface Consumer {
  readonly caller: KnownPrincipal;
  readonly tenantId: TenantId;
  /** All of the tenant's unless told. */
  readonly meters: ReadonlySet<string> | undefined;
  /** The last event that it has had. */
  readonly after: string | undefined;
  readonly confirm: (() => Promise<void>) | undefined;
  readonly sink: Sink;
  /** Whether whoever attaches it holds its place, and gives it back; otherwise it takes one of its own. */
  readonly hasPlace?: boolean;
}

export interface ReadingStreamLimits {
  readonly maxOpen: number;
  readonly maxPerPrincipal: number;
  /** Clients that have yet to say who they are. */
  readonly maxWaiting: number;
  readonly maxWaitingPerAddress: number;
  readonly authTimeoutMs: number;
  /** Readings of a tenant that are kept for clients that come back. */
  readonly recent: number;
}

export interface ReadingStreamDeps {
  readonly bus: Bus;
  readonly vault: Pick<Vault, 'fields'>;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Notes in the audit log that readings were read. */
  readonly noteRead?: ((read: StreamRead) => void) | undefined;
  readonly limits?: Partial<ReadingStreamLimits> | undefined;
}

/** Readings that one caller was sent. */
export interface StreamRead {
  readonly principal: KnownPrincipal;
  readonly tenantId: TenantId;
  readonly route: string;
  readonly records: number;
}

/** New readings as they are stored, for clients that stay. */
export interface ReadingStream {
  readonly limits: ReadingStreamLimits;
  /** To be called with what is new, once it is durable. */
  readonly publish: (tenantId: TenantId, rows: readonly ReadingRow[]) => void;
  /**
   * Nothing is told before its right was asked for once more: what came since may be what it must not hear.
   *
   * @returns what takes it off again @throws READING_STREAM_FULL, READING_STREAM_OVER, what `confirm` does
   */
  attach(consumer: Consumer): Promise<() => void>;
  /** A place for a client that is known, and about to be attached. @returns gives it back @throws READING_STREAM_FULL */
  hold(caller: KnownPrincipal): () => void;
  /** A place for a client that has yet to say who it is. @returns gives it back @throws READING_STREAM_FULL */
  wait(addressBlock: string): () => void;
  open(): number;
  close(): void;
}

const LIMITS: ReadingStreamLimits = {
  ...{ maxOpen: 5_000, maxPerPrincipal: 20, maxWaiting: 500, maxWaitingPerAddress: 20, authTimeoutMs: 5_000 },
  recent: 2_000,
};
const TICK_MS = 500; // twice within the second in which a revocation must have worked
const BEAT_TICKS = 30;
/** A question that is not answered for so long is a no. */
const PATIENCE_TICKS = 10;
/** A feed is kept for so long behind its last consumer, who may come back. */
const FEED_TICKS = 240;
const MOST_FEEDS = 1_000;
/** Batches that wait to be opened, of one tenant: more are a gap. */
const MOST_PENDING = 256;

interface Attached extends Consumer {
  /** Ticks since it was asked for; undefined where nobody waits for an answer. */
  asked: number | undefined;
}

interface TenantFeed {
  readonly feed: Feed;
  readonly consumers: Set<Attached>;
  readonly pending: (readonly ReadingRow[] | 'gap')[];
  working: boolean;
  idleTicks: number;
}

export function createReadingStream({
  bus,
  vault,
  random,
  onError,
  noteRead,
  ...deps
}: ReadingStreamDeps): ReadingStream {
  const limits = { ...LIMITS, ...deps.limits };
  const feeds = new Map<TenantId, TenantFeed>();
  const perPrincipal = createTally();
  const perAddress = createTally();
  let ticks = 0;
  let closed = false;

  const news = createReadingNews({
    ...{ bus, random, onError },
    isWanted: (tenant) => feeds.has(tenant),
    onRows: (tenant, rows) => offer(tenant, rows),
    onGap: () => {
      for (const tenant of feeds.keys()) offer(tenant, 'gap');
    },
  });

  /** Nothing is done for tenants whom nobody listens to. */
  function offer(tenant: TenantId, rows: readonly ReadingRow[] | 'gap'): void {
    const of = feeds.get(tenant);
    if (of === undefined) return;
    if (of.pending.length >= MOST_PENDING) of.pending.splice(0, of.pending.length, 'gap');
    else of.pending.push(rows);
    if (!of.working) void work(tenant, of).catch(onError);
  }

  /** One after the other, so that readings keep their order although opening them waits for keys. */
  async function work(tenant: TenantId, of: TenantFeed): Promise<void> {
    of.working = true;
    try {
      for (let next = of.pending.shift(); next !== undefined; next = of.pending.shift()) {
        const items = next === 'gap' ? undefined : await itemsOf(tenant, next);
        tellAll(of, items === undefined ? of.feed.gap() : of.feed.add(items));
      }
    } finally {
      of.working = false;
    }
  }

  /** @returns undefined where they do not open: that they are missing is told */
  async function itemsOf(tenant: TenantId, rows: readonly ReadingRow[]): Promise<readonly ReadingItem[] | undefined> {
    try {
      const fields = await vault.fields(tenant);
      const items: ReadingItem[] = [];
      await inTurns(rows, (row) => items.push(itemOf(row, openLocation(fields, row))));
      return items;
    } catch (error) {
      onError(error);
      return undefined;
    }
  }

  function tellAll({ consumers }: TenantFeed, event: StreamEvent): void {
    for (const consumer of [...consumers]) tell(consumer, event);
  }

  function tell(consumer: Attached, event: StreamEvent): void {
    const own = forMeters(event, consumer.meters);
    if (own === undefined) return;
    const { sink, caller: principal, tenantId } = consumer;
    sink.send(own);
    if (own.kind === 'readings')
      noteRead?.({ principal, tenantId, route: 'GET /v1/readings/stream', records: own.items.length });
    if (sink.backlog() > 1) sink.end(readingFault('READING_STREAM_SLOW', { retry_after_s: 1 }));
  }

  function feedOf(tenant: TenantId): TenantFeed {
    const known = feeds.get(tenant);
    if (known !== undefined) return known;
    if (feeds.size >= MOST_FEEDS) throw readingFault('READING_STREAM_FULL', { retry_after_s: 5 });
    const feed = createFeed(random.bytes(9).toString('base64url'), limits.recent);
    const made = { feed, consumers: new Set<Attached>(), pending: [], working: false, idleTicks: 0 };
    feeds.set(tenant, made);
    return made;
  }

  const hold = (caller: KnownPrincipal): (() => void) =>
    perPrincipal.take(nameOf(caller), limits.maxOpen, limits.maxPerPrincipal);

  async function attach(consumer: Consumer): Promise<() => void> {
    const leave = consumer.hasPlace ? (): void => undefined : hold(consumer.caller);
    try {
      if (consumer.confirm !== undefined) await inTime(consumer.confirm());
      if (closed) throw readingFault('READING_STREAM_OVER');
      const of = feedOf(consumer.tenantId);
      const attached: Attached = { ...consumer, asked: undefined };
      of.consumers.add(attached);
      // Before anything new: this turn is still the one in which it was added.
      for (const event of consumer.after === undefined ? [] : of.feed.since(consumer.after)) tell(attached, event);
      tell(attached, of.feed.ready());
      return () => {
        of.consumers.delete(attached);
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async function ask(consumer: Attached, confirm: () => Promise<void>): Promise<void> {
    consumer.asked = 0;
    try {
      await confirm();
    } catch (error) {
      if (!isFault(error)) onError(error);
      consumer.sink.end(isFault(error) ? error : readingFault('READING_STREAM_OVER', {}, error));
    } finally {
      consumer.asked = undefined;
    }
  }

  function look(consumer: Attached): void {
    if (consumer.sink.backlog() > 1) {
      consumer.sink.end(readingFault('READING_STREAM_SLOW', { retry_after_s: 1 }));
      return;
    }
    if (ticks % BEAT_TICKS === 0) consumer.sink.beat();
    if (consumer.asked !== undefined) {
      // A store that hangs must not keep a revoked caller in.
      if (++consumer.asked > PATIENCE_TICKS) consumer.sink.end(readingFault('READING_STREAM_OVER'));
    } else if (consumer.confirm !== undefined) void ask(consumer, consumer.confirm);
  }

  const timer = setInterval(() => {
    ticks++;
    for (const [tenant, of] of feeds) {
      for (const consumer of [...of.consumers]) look(consumer);
      of.idleTicks = of.consumers.size > 0 ? 0 : of.idleTicks + 1;
      if (of.idleTicks > FEED_TICKS) feeds.delete(tenant);
    }
  }, TICK_MS).unref();

  return {
    ...{ limits, attach, hold, publish: news.publish, open: perPrincipal.count },
    wait: (addressBlock) => perAddress.take(addressBlock, limits.maxWaiting, limits.maxWaitingPerAddress),
    close: () => {
      closed = true;
      clearInterval(timer);
      news.stop();
      for (const { consumers } of feeds.values())
        for (const { sink } of [...consumers]) sink.end(readingFault('READING_STREAM_OVER'));
    },
  };
}

/** A question that hangs must not keep its asker, nor the place that waits for the answer. @throws READING_STREAM_OVER */
async function inTime(asking: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(readingFault('READING_STREAM_OVER')), PATIENCE_TICKS * TICK_MS);
  });
  await Promise.race([asking, late]).finally(() => clearTimeout(timer));
}

/** Places for all, and for each. */
function createTally() {
  const held = new Map<string, number>();
  let count = 0;
  return {
    count: () => count,
    take: (name: string, most: number, mostEach: number): (() => void) => {
      const own = held.get(name) ?? 0;
      if (count >= most || own >= mostEach) throw readingFault('READING_STREAM_FULL', { retry_after_s: 5 });
      count++;
      held.set(name, own + 1);
      let taken = true;
      return () => {
        if (!taken) return;
        taken = false;
        count--;
        const left = (held.get(name) ?? 1) - 1;
        if (left > 0) held.set(name, left);
        else held.delete(name);
      };
    },
  };
}

const itemOf = (row: ReadingRow, location: string | null): ReadingItem => ({
  meter_id: row.meter_id,
  timestamp: rfc3339(epochMs(row.at)),
  energy_consumption: row.energy_consumption,
  power_factor: row.power_factor,
  location,
});
