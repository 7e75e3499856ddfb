import { type Context, createAddressReader } from '../http/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, type PersonId, personId, type TenantId } from '../kernel/brand.ts';
import { type Clock, days } from '../kernel/clock.ts';
import { type Actor, nameOf, type PersonPrincipal, type Principal } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import { type Bus, type Storage, storageFault } from '../storage/index.ts';
import { type Block, type BlockWish, isOver, type SuspectKind, type Target, targetOf } from './block.ts';
import { draftOf, targetIn } from './block-draft.ts';
import { createBlockFeed } from './block-feed.ts';
import { type BlockEvent, entryOf, eventOf, factsOf, personOf } from './block-words.ts';
import type { DetectionConfig } from './config.ts';
import { detectionFault } from './errors.ts';
import { createHeldBlocks } from './held-blocks.ts';
import { createImposer } from './imposer.ts';
import { blockStore } from './store.ts';
import { createWaitingBlocks, type WaitingBlock } from './waiting-blocks.ts';

/** The device that a session was begun on, as the session itself has it: nothing in a request can say so. */
export type DeviceOf = (person: PersonPrincipal) => string | undefined | Promise<string | undefined>;

/** Who is never blocked, and for how long the others are at most. */
export type BlockSettings = Pick<DetectionConfig, 'never' | 'neverBlocked' | 'maxBlockMs'>;

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
  /** Asked only while a device is blocked. */
  readonly deviceOf?: DeviceOf | undefined;
  /** What follows a block of a person, inside its write: their sessions end, and they are told. */
  readonly endFor?: ((tx: Tx, actor: Actor, person: PersonId, block: Block) => Promise<void>) | undefined;
  /** Whether a person governs a tenant: a block of one is told apart, so that nobody sleeps through it. */
  readonly isAdministrator?: ((person: PersonId) => Promise<boolean>) | undefined;
  /** Whether a person, a key or a device of any tenant has this id: asked where an operator names one. */
  readonly isKnown?: ((kind: Exclude<SuspectKind, 'address'>, id: string) => Promise<boolean>) | undefined;
  /** Which tenants a person, a key or a device belongs to: they hear of its blocks, and no other does. */
  readonly tenantsOf?:
    | ((kind: Exclude<SuspectKind, 'address'>, id: string) => Promise<readonly TenantId[]>)
    | undefined;
  readonly onError: (error: unknown) => void;
}

/** Which blocks are listed, newest first. */
export interface BlockFilter {
  /** Those that are over too. */
  readonly ended?: boolean | undefined;
  readonly kind?: SuspectKind | undefined;
  /** Whom they are about: an address, an id, or `person:ID` and the like. */
  readonly about?: string | undefined;
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
  /** The block in force on an address block, or on the id of another kind; from memory, in nanoseconds. */
  blocked(value: string, kind?: SuspectKind): Block | undefined;
  /** For the beginning of the request line; the owner's own door is never closed. @throws DETECTION_BLOCKED */
  assertNotBlocked(context: Pick<Context, 'address' | 'addressBlock' | 'operator'>): void;
  /**
   * For the step after it is known who calls, and for all that runs on: their key, themselves, their device. Waits only
   * while a device is blocked and the session's is not known yet. The operator is never blocked.
   *
   * @param deviceId that of the caller's session, where the caller knows it
   * @throws DETECTION_BLOCKED
   */
  assertCallerNotBlocked(caller: Principal, deviceId?: string): void | Promise<void>;
  /**
   * The same for somebody who has just proved who they are, and has no session: at a sign-in, a refresh, a reset.
   *
   * @param deviceId that of a known device
   * @throws DETECTION_BLOCKED
   */
  assertPersonNotBlocked(person: PersonId, deviceId?: string): void;
  /** Whether an address, or the id of another kind, is one that is never blocked. */
  exempt(named: string, kind?: SuspectKind): boolean;
  /**
   * Blocks at somebody's wish, in place of a block that is there. The sessions of a person end with it.
   *
   * @throws DETECTION_NEVER_BLOCKED, DETECTION_SUSPECT_UNKNOWN; TypeError where `wish.value` is no address or id
   */
  block(actor: Actor, wish: BlockWish): Promise<Block>;
  /**
   * Blocks by itself. A block that is there stays, many at once make one, and none is lost for a database that is away.
   *
   * @returns undefined where whom it is about is never blocked
   */
  impose(actor: Actor, wish: BlockWish): Promise<Block | undefined>;
  /**
   * Ends a block from the next request on, and with that of a person those of devices for the same attacks.
   *
   * @throws DETECTION_BLOCK_UNKNOWN where none is in force
   */
  lift(actor: Actor, idOrValue: string): Promise<Block>;
  list(filter?: BlockFilter): Promise<BlockPage>;
  /** Goes by other settings from here on: who is never blocked now is let in at once. */
  adopt(next: BlockSettings): void;
  /** Forgets blocks that ended 90 days ago. */
  prune(): Promise<void>;
  /** Reads what is in force. @throws STORAGE_UNAVAILABLE */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What is asked of others about whom a block is about. */
interface About {
  readonly governs: boolean;
  readonly tenants: readonly TenantId[] | undefined;
}

const KEPT_MS = days(90);
const PAGE = 100;

export function createBlocks(deps: BlockDeps): Blocks {
  const { storage, audit, clock, random, config, announce, isTrustedProxy, endFor, isKnown, onError } = deps;
  const held = createHeldBlocks();
  const undo = async ({ actor, block }: WaitingBlock): Promise<void> => void (await lift(actor, block.id));
  const waiting = createWaitingBlocks({ store: storeHeld, undo, onError });
  const feed = createBlockFeed({ ...deps, held, waiting: waiting.all, onLifted: letIn });
  let settings = settingsOf(config);
  const exempt = (named: string, kind: SuspectKind = 'address'): boolean =>
    kind === 'address' ? settings.never(named) || isTrustedProxy(named) : settings.neverBlocked.has(named);
  const draft = (wish: BlockWish, actor: Actor, last: Block | undefined): Block =>
    draftOf(wish, actor, { id: newUuid(clock, random), now: clock.now(), last, maxMs: settings.maxBlockMs });

  /** @param replaces whether a block that is there makes room, or stays and is answered */
  async function add(actor: Actor, wish: BlockWish, replaces: boolean): Promise<Block> {
    const target = targetIn(wish);
    const whom = await aboutOf(target);
    return storage.write(platform, async (tx) => {
      const replaced = replaces ? await blockStore.live(tx, target, clock.now()) : undefined;
      if (replaced !== undefined) await blockStore.lift(tx, replaced.id, nameOf(actor.principal), clock.now());
      const block = draft(wish, actor, await blockStore.last(tx, target));
      return put(tx, { actor, wish, block }, whom, replaced);
    });
  }

  /** @returns the block that is there afterwards */
  async function put(tx: Tx, { actor, wish, block }: WaitingBlock, whom: About, replaced?: Block): Promise<Block> {
    if (!(await blockStore.add(tx, block))) {
      const there = await blockStore.live(tx, block, clock.now());
      if (there === undefined) throw storageFault('STORAGE_CONFLICT'); // somebody lifts it at this very moment
      tx.afterCommit(() => held.keep(there));
      return there;
    }
    const more = { ...(replaced && { replaces: replaced.id }), ...(whom.governs && { administrator: true }) };
    await audit.record(tx, entryOf(actor, 'detection.blocked', block, more));
    await tell(tx, eventOf('blocked', block, whom.tenants), whom.governs);
    if (wish.ends !== undefined && endFor !== undefined) await endFor(tx, actor, wish.ends, block);
    tx.afterCommit(() => {
      if (replaced !== undefined) held.lift(replaced);
      held.keep(block);
      feed.tell();
    });
    return block;
  }

  const whose = async ({ kind, value }: Pick<Target, 'kind' | 'value'>): Promise<About['tenants']> =>
    kind === 'address' ? undefined : ((await deps.tenantsOf?.(kind, value)) ?? []);

  const aboutOf = async (target: Pick<Target, 'kind' | 'value'>): Promise<About> => ({
    governs: target.kind === 'person' && (await deps.isAdministrator?.(personId(target.value))) === true,
    tenants: await whose(target),
  });

  /** With the beginning and the end that it has had in memory. */
  async function storeHeld({ actor, wish, block }: WaitingBlock): Promise<void> {
    const whom = await aboutOf(block);
    await storage.write(platform, (tx) => put(tx, { actor, wish, block: { ...block, stored: true } }, whom));
  }

  /** Ends what holds in memory alone. */
  function letIn(kind: SuspectKind, value: string): void {
    waiting.drop(kind, value);
    const own = held.get(kind, value);
    if (own?.stored === false) held.lift(own);
  }

  async function tell(tx: Tx, event: BlockEvent, governs: boolean): Promise<void> {
    await announce(tx, event);
    if (governs) await announce(tx, { ...event, type: 'administrator.blocked' });
  }

  async function lift(actor: Actor, idOrValue: string): Promise<Block> {
    const tenants = await whose(await storage.read(platform, (tx) => find(tx, idOrValue, clock.now())));
    return storage.write(platform, async (tx) => {
      const now = clock.now();
      const found = await find(tx, idOrValue, now);
      const along = found.kind === 'person' ? alongWith(found, now) : [];
      for (const one of along) await end(tx, actor, { block: one, tenants, now }); // a device of the same tenants
      return end(tx, actor, { block: found, tenants, now });
    });
  }

  /** The block in force of this id or on this value. @throws DETECTION_BLOCK_UNKNOWN */
  async function find(tx: Tx, idOrValue: string, now: EpochMs): Promise<Block> {
    const target = targetOf(idOrValue);
    const own = held.unstored(now).find((one) => (target ? isAbout(one, target) : isNamed(one, idOrValue)));
    const stored = target ? await blockStore.live(tx, target, now) : await blockStore.named(tx, idOrValue, now);
    const found = stored ?? own;
    if (found === undefined) throw detectionFault('DETECTION_BLOCK_UNKNOWN');
    return found;
  }

  async function end(
    tx: Tx,
    actor: Actor,
    { block, tenants, now }: { block: Block; tenants: About['tenants']; now: EpochMs },
  ): Promise<Block> {
    const liftedBy = nameOf(actor.principal);
    await blockStore.lift(tx, block.id, liftedBy, now);
    const lifted = { ...block, liftedAt: now, liftedBy };
    await audit.record(tx, entryOf(actor, 'detection.lifted', lifted));
    await announce(tx, eventOf('unblocked', lifted, tenants));
    tx.afterCommit(() => {
      held.lift(block);
      letIn(block.kind, block.value);
      feed.tellLifted(block.kind, block.value);
      feed.tell();
    });
    return lifted;
  }

  /** The blocks of devices for what a person was blocked for. */
  const alongWith = (person: Block, now: EpochMs): readonly Block[] =>
    held.of('device').filter((one) => !isOver(one, now) && personOf(one) === person.value);

  async function list({ ended = false, kind, about, cursor, limit = PAGE }: BlockFilter = {}): Promise<BlockPage> {
    const now = clock.now();
    const target = about === undefined ? undefined : targetOf(about);
    const wanted = { kind: target?.kind ?? kind, value: target?.value ?? about };
    const wish = { ended, ...wanted, before: cursor, count: limit };
    const stored = await storage.read(platform, (tx) => blockStore.page(tx, wish, now));
    const own = cursor === undefined ? held.unstored(now).filter((one) => isWanted(one, wanted)) : [];
    const nextCursor = stored.length === limit ? stored.at(-1)?.id : undefined;
    return { items: [...own.slice(0, PAGE), ...stored], nextCursor };
  }

  const blocked = (value: string, kind: SuspectKind = 'address'): Block | undefined => {
    const block = held.get(kind, value);
    return block === undefined || isOver(block, clock.now()) ? undefined : block;
  };
  const refuse = (block: Block): never => {
    throw detectionFault('DETECTION_BLOCKED', factsOf(block, clock.now()));
  };
  const assertOpen = (kind: SuspectKind, value: string): void => {
    const block = blocked(value, kind);
    if (block !== undefined && !exempt(value, kind)) refuse(block);
  };

  function assertCallerNotBlocked(caller: Principal, deviceId?: string): void | Promise<void> {
    if (caller.kind === 'api-key') return assertOpen('api-key', caller.apiKeyId);
    if (caller.kind !== 'person') return undefined; // nobody is known by more than an address; the operator may always
    const { personId: person } = caller;
    assertPersonNotBlocked(person, deviceId);
    if (deviceId !== undefined || held.count('device') === 0 || exempt(person, 'person')) return undefined;
    const device = deps.deviceOf?.(caller);
    // Where it can't be found out the request fails: a blocked device must not gain by a database that is away.
    if (device instanceof Promise) return device.then((id) => assertPersonNotBlocked(person, id));
    return assertPersonNotBlocked(person, device);
  }

  function assertPersonNotBlocked(person: PersonId, deviceId?: string): void {
    assertOpen('person', person);
    // A person who is never blocked isn't kept out by a device either.
    if (deviceId !== undefined && !exempt(person, 'person')) assertOpen('device', deviceId);
  }

  const hold = (actor: Actor, wish: BlockWish, later: boolean): Block => {
    const block = { ...draft(wish, actor, undefined), stored: false };
    held.keep(block);
    feed.tellHeld(block);
    if (later) waiting.add({ actor, wish, block });
    return block;
  };
  const impose = createImposer({ store: (actor, wish) => add(actor, wish, false), hold, clock, onError });

  return {
    blocked,
    exempt,
    assertNotBlocked: ({ address, addressBlock, operator }) => {
      const block = blocked(addressBlock);
      if (block !== undefined && !operator && !exempt(address)) refuse(block);
    },
    assertCallerNotBlocked,
    assertPersonNotBlocked,
    block: async (actor, wish) => {
      const { named, kind } = targetIn(wish);
      if (exempt(named, kind)) throw detectionFault('DETECTION_NEVER_BLOCKED');
      // A slip in an id would look like a block that holds, and keep nobody out.
      if (kind !== 'address' && (await isKnown?.(kind, named)) === false)
        throw detectionFault('DETECTION_SUSPECT_UNKNOWN');
      return add(actor, kind === 'person' ? { ...wish, ends: personId(named) } : wish, true);
    },
    impose: async (actor, wish) => {
      const target = targetIn(wish);
      return exempt(target.named, target.kind) ? undefined : impose(target, actor, wish);
    },
    lift,
    list,
    adopt: (next) => {
      settings = settingsOf(next);
    },
    prune: async () => void (await storage.write(platform, (tx) => blockStore.forget(tx, clock.now() - KEPT_MS))),
    start: feed.start,
    stop: async () => {
      await waiting.stop();
      await feed.stop();
    },
  };
}

const settingsOf = ({ never, neverBlocked, maxBlockMs }: BlockSettings) => ({
  never: createAddressReader(never).trusts,
  neverBlocked: new Set(neverBlocked),
  maxBlockMs,
});

const isNamed = ({ id, value }: Block, name: string): boolean => id === name || value === name;

const isAbout = (block: Block, { kind, value }: Pick<Target, 'kind' | 'value'>): boolean =>
  block.kind === kind && block.value === value;

const isWanted = (
  block: Block,
  { kind, value }: { kind: SuspectKind | undefined; value: string | undefined },
): boolean => (kind === undefined || block.kind === kind) && (value === undefined || block.value === value);
