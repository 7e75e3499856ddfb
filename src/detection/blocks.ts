import { type Context, createAddressReader } from '../http/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { type Clock, days, rfc3339 } from '../kernel/clock.ts';
import { type Actor, nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { type Json, platform, type Tx } from '../kernel/tx.ts';
import { type Bus, type Storage, storageFault } from '../storage/index.ts';
import { type Block, type BlockWish, type Evidence, isOver, type Target, targetOf } from './block.ts';
import { createBlockFeed } from './block-feed.ts';
import type { DetectionConfig } from './config.ts';
import { detectionFault } from './errors.ts';
import { createHeldBlocks } from './held-blocks.ts';
import { createImposer } from './imposer.ts';
import { blockStore } from './store.ts';

/** What is told to webhooks and alerts when an address is blocked or let in again by somebody. */
export interface BlockEvent {
  readonly type: 'address.blocked' | 'address.unblocked';
  readonly data: {
    readonly block_id: string;
    readonly address: string;
    readonly reason: string;
    readonly violation: string;
    readonly ends_at: string | null;
    readonly evidence: Evidence;
  };
}

export interface BlockDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: DetectionConfig;
  /** Sends word to whoever wants to know, inside the write: neither exists without the other. */
  readonly announce: (tx: Tx, event: BlockEvent) => Promise<void>;
  /** Everybody comes through a trusted proxy, so blocking one would block all. */
  readonly isTrustedProxy: (address: string) => boolean;
  readonly onError: (error: unknown) => void;
}

/** Which blocks are listed, newest first. */
export interface BlockFilter {
  /** Those that are over too. */
  readonly ended?: boolean | undefined;
  readonly address?: string | undefined;
  readonly cursor?: string | undefined;
  /** 100 unless told. */
  readonly limit?: number | undefined;
}

export interface BlockPage {
  readonly items: readonly Block[];
  readonly nextCursor: string | undefined;
}

/** Who is kept out: stored, shared between processes, and asked of memory on every request. */
export interface Blocks {
  /** The block in force on an address block; from memory, in nanoseconds. */
  blocked(addressBlock: string): Block | undefined;
  /** For the beginning of the request line; the owner's own door is never closed. @throws DETECTION_BLOCKED */
  assertNotBlocked(context: Pick<Context, 'address' | 'addressBlock' | 'operator'>): void;
  /** Whether an address is one that is never blocked. */
  exempt(address: string): boolean;
  /**
   * Blocks at somebody's wish, in place of a block that is there.
   *
   * @throws DETECTION_NEVER_BLOCKED; TypeError where `wish.address` is none
   */
  block(actor: Actor, wish: BlockWish): Promise<Block>;
  /**
   * Blocks by itself. A block that is there stays, many at once make one, and none is lost for a database that is away.
   *
   * @returns undefined where the address is never blocked
   */
  impose(actor: Actor, wish: BlockWish): Promise<Block | undefined>;
  /** Ends a block from the next request on. @throws DETECTION_BLOCK_UNKNOWN where none is in force */
  lift(actor: Actor, idOrAddress: string): Promise<Block>;
  list(filter?: BlockFilter): Promise<BlockPage>;
  /** Forgets blocks that ended 90 days ago. */
  prune(): Promise<void>;
  /** Reads what is in force. @throws STORAGE_UNAVAILABLE */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const KEPT_MS = days(90);
const QUIET_MS = days(1);
const PAGE = 100;

export function createBlocks(deps: BlockDeps): Blocks {
  const { storage, audit, clock, random, config, announce, isTrustedProxy, onError } = deps;
  const held = createHeldBlocks();
  const feed = createBlockFeed({ ...deps, held });
  const never = createAddressReader(config.never).trusts;
  const exempt = (address: string): boolean => never(address) || isTrustedProxy(address);
  const draft = (wish: BlockWish, actor: Actor, last: Block | undefined): Block =>
    draftOf(wish, actor, { id: newUuid(clock, random), now: clock.now(), last, maxMs: config.maxBlockMs });

  /** @param replaces whether a block that is there makes room, or stays and is answered */
  async function add(actor: Actor, wish: BlockWish, replaces: boolean): Promise<Block> {
    const { value } = targetIn(wish);
    return storage.write(platform, async (tx) => {
      const replaced = replaces ? await blockStore.live(tx, value, clock.now()) : undefined;
      if (replaced !== undefined) await blockStore.lift(tx, replaced.id, nameOf(actor.principal), clock.now());
      const block = draft(wish, actor, await blockStore.last(tx, value));
      if (!(await blockStore.add(tx, block))) {
        const there = await blockStore.live(tx, value, clock.now());
        if (there === undefined) throw storageFault('STORAGE_CONFLICT'); // somebody lifts it at this very moment
        tx.afterCommit(() => held.keep(there));
        return there;
      }
      await audit.record(tx, entryOf(actor, 'detection.blocked', block, replaced && { replaces: replaced.id }));
      await announce(tx, eventOf('address.blocked', block));
      tx.afterCommit(() => {
        if (replaced !== undefined) held.lift(replaced.id, value);
        held.keep(block);
        feed.tell();
      });
      return block;
    });
  }

  async function lift(actor: Actor, idOrAddress: string): Promise<Block> {
    const name = targetOf(idOrAddress)?.value ?? idOrAddress;
    return storage.write(platform, async (tx) => {
      const now = clock.now();
      const own = held.unstored(now).find(({ id, value }) => id === name || value === name);
      const found = (await blockStore.live(tx, name, now)) ?? own;
      if (found === undefined) throw detectionFault('DETECTION_BLOCK_UNKNOWN');
      const liftedBy = nameOf(actor.principal);
      await blockStore.lift(tx, found.id, liftedBy, now);
      const lifted = { ...found, liftedAt: now, liftedBy };
      await audit.record(tx, entryOf(actor, 'detection.lifted', lifted));
      await announce(tx, eventOf('address.unblocked', lifted));
      tx.afterCommit(() => {
        for (const { id, value } of [found, own ?? found]) held.lift(id, value);
        feed.tell();
      });
      return lifted;
    });
  }

  async function list({ ended = false, address, cursor, limit = PAGE }: BlockFilter = {}): Promise<BlockPage> {
    const now = clock.now();
    const value = address === undefined ? undefined : (targetOf(address)?.value ?? address);
    const wish = { ended, value, before: cursor, count: limit };
    const stored = await storage.read(platform, (tx) => blockStore.page(tx, wish, now));
    const own =
      cursor === undefined ? held.unstored(now).filter((one) => value === undefined || one.value === value) : [];
    const nextCursor = stored.length === limit ? stored.at(-1)?.id : undefined;
    return { items: [...own.slice(0, PAGE), ...stored], nextCursor };
  }

  const blocked = (addressBlock: string): Block | undefined => {
    const block = held.get(addressBlock);
    return block === undefined || isOver(block, clock.now()) ? undefined : block;
  };
  const hold = (actor: Actor, wish: BlockWish): Block => {
    const block = { ...draft(wish, actor, undefined), stored: false };
    held.keep(block);
    return block;
  };
  const impose = createImposer({ store: (actor, wish) => add(actor, wish, false), hold, clock, onError });

  return {
    blocked,
    exempt,
    assertNotBlocked: ({ address, addressBlock, operator }) => {
      const block = blocked(addressBlock);
      if (block === undefined || operator || exempt(address)) return;
      throw detectionFault('DETECTION_BLOCKED', factsOf(block, clock.now()));
    },
    block: async (actor, wish) => {
      if (exempt(targetIn(wish).address)) throw detectionFault('DETECTION_NEVER_BLOCKED');
      return add(actor, wish, true);
    },
    impose: async (actor, wish) => {
      const { address, value } = targetIn(wish);
      return exempt(address) ? undefined : impose(value, actor, wish);
    },
    lift,
    list,
    prune: async () => void (await storage.write(platform, (tx) => blockStore.forget(tx, clock.now() - KEPT_MS))),
    start: feed.start,
    stop: feed.stop,
  };
}

/** @throws TypeError for what is no address: whoever asks has looked at it before */
function targetIn({ address }: BlockWish): Target {
  const target = targetOf(address);
  if (target === undefined) throw new TypeError('not an address');
  return target;
}

interface Making {
  readonly id: string;
  readonly now: EpochMs;
  /** The block of this value before. */
  readonly last: Block | undefined;
  readonly maxMs: number;
}

function draftOf(wish: BlockWish, { principal }: Actor, { id, now, last, maxMs }: Making): Block {
  const { profile, violation, reason, evidence, length } = wish;
  const strikes = length.kind === 'escalating' ? strikesBefore(last, now) + 1 : 0;
  const ms = lengthOf(length, strikes, maxMs);
  return {
    id,
    kind: 'address',
    value: targetIn(wish).value,
    profile,
    violation,
    reason,
    evidence,
    strikes,
    createdAt: now,
    createdBy: principal.kind === 'anonymous' ? 'detection' : nameOf(principal),
    endsAt: ms === undefined ? undefined : epochMs(now + ms),
    liftedAt: undefined,
    liftedBy: undefined,
    stored: true,
  };
}

/** A day without a block is forgiven; one that was lifted was a mistake, and counts for nothing. */
function strikesBefore(last: Block | undefined, now: EpochMs): number {
  if (last === undefined || last.liftedAt !== undefined || last.endsAt === undefined) return 0;
  return now - last.endsAt < QUIET_MS ? last.strikes : 0;
}

function lengthOf(length: BlockWish['length'], strikes: number, maxMs: number): number | undefined {
  switch (length.kind) {
    case 'fixed':
      return length.ms;
    case 'escalating': // 2^40 first lengths are longer than any bound, and still exact
      return Math.min(length.firstMs * 2 ** Math.min(strikes - 1, 40), Math.max(maxMs, length.firstMs));
    case 'permanent':
      return undefined;
  }
}

/** What a blocked client is told: why, and when to come back. The evidence is for the operator. */
function factsOf({ reason, violation, endsAt }: Block, now: EpochMs): Readonly<Record<string, Json>> {
  const until =
    endsAt === undefined
      ? { permanent: true }
      : { until: rfc3339(endsAt), retry_after_s: Math.max(1, Math.ceil((endsAt - now) / 1_000)) };
  return { reason, violation, ...until };
}

/** The address is personal, so it stands where it is sealed; an operator's note may name somebody and stays out. */
const entryOf = (actor: Actor, action: string, block: Block, more: Readonly<Record<string, Json>> = {}) =>
  ({
    ...actor,
    action,
    outcome: 'done',
    object: { type: 'block', id: block.id },
    facts: {
      reason: block.reason,
      violation: block.violation,
      profile: block.profile ?? null,
      strikes: block.strikes,
      ends_at: block.endsAt === undefined ? null : rfc3339(block.endsAt),
      ...(block.reason === 'operator' ? {} : { evidence: block.evidence }),
      ...more,
    },
    address: block.value,
  }) as const;

const eventOf = (type: BlockEvent['type'], block: Block): BlockEvent => ({
  type,
  data: {
    block_id: block.id,
    address: block.value,
    reason: block.reason,
    violation: block.violation,
    ends_at: block.endsAt === undefined ? null : rfc3339(block.endsAt),
    evidence: block.evidence,
  },
});
