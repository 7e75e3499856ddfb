import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { type Clock, hours, minutes, seconds } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { type Json, platform, type Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { momentOf } from './jwt.ts';
import { createRevocationLog, type RevocationKind, type RevocationLog, tokenSubject } from './revocations-log.ts';
import { type RevocationRow, sessionStore } from './store.ts';
import { endStore } from './store-ends.ts';

/** What is remembered of a verified token, to hold it against revocations at each use. */
export type TokenHolder = Pick<PersonPrincipal, 'sessionId' | 'personId' | 'tenantId'> & {
  /** Its session's beginning, or its own where that is not known: one that was begun later is not meant. */
  readonly issuedAt: EpochMs;
  /** Its `jti`, where it can be called back alone. */
  readonly tokenId?: string | undefined;
};

export interface RevocationDeps {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * The longest life of an access token at the start: a revocation is kept until no token from before it can be alive, of
   * this node or any other, or of a time when lives were longer. For that each node writes its longest beside them.
   */
  readonly accessMs: number;
  readonly onError: (error: unknown) => void;
  /** Milliseconds that only grow; `performance.now` unless told. */
  readonly monotonic?: (() => number) | undefined;
}

type Dead = Readonly<Record<RevocationKind, Map<string, { before: EpochMs; expiresAt: EpochMs }>>>;

/**
 * The set that every token is held against. Kept in memory, fed by our own writes at once, by the bus, and by the
 * database: where a message can be lost, twice a second, so that it costs at most half a second, and everywhere at once
 * when the bus knows of a gap.
 */
export interface Revocations {
  /**
   * Kills, inside the write that ends them, the tokens of a session, or those of all sessions begun up to now.
   *
   * @param usedAt when it gave a token last, which another node may have put later than this one has it now
   */
  add(tx: Tx, kind: RevocationKind, subject: string, usedAt?: EpochMs): Promise<void>;
  revokes(holder: TokenHolder): boolean;
  /** When a session that begins now is to have begun: later than what ended others, wherever the clock stands. */
  beginningOf(whose: Pick<TokenHolder, 'personId' | 'tenantId'>): EpochMs;
  /**
   * False when the feed was lost for longer than its limit, or, where nothing is read regularly, in the moment between a
   * gap and the end of its reading: then every token has to be refused.
   */
  fresh(): boolean;
  /** The time by the database's clock, which all nodes share. */
  now(): EpochMs;
  /** Up to when, by that clock, the set is known to be whole: whatever was durable before that is in it. */
  wholeTo(): EpochMs;
  /** What was learned, for those who are told of it. */
  readonly log: RevocationLog;
  /** Keeps those from now on at least so long: before the first token is signed that lives longer than any before. */
  keepFor(accessMs: number): Promise<void>;
  start(): Promise<void>;
  stop(): void;
}

const TOPIC = 'sessions.revoked';
const POLL_MS = 500;
const STALE_MS = seconds(5);
const OVERLAP_MS = minutes(1); // an id is drawn before its commit, so late ones may stand behind what was read
const PRUNE_MS = minutes(10);
const MARGIN_MS = minutes(1);
const WIDE_MARGIN_MS = hours(1); // of the few that name no session: some node's clock may be ahead of the writer's
const LIFE = 'life'; // a row that says how long tokens of some node live, until none of them does
const TELL_LIFE_MS = hours(1);
const PAUSE_MS = 1_500; // a timer that is a second late belongs to a process that was stopped
const MOST_READING = 3; // a database that hangs must not be asked twice a second for ever

export function createRevocations(deps: RevocationDeps): Revocations {
  const { storage, bus, clock, random, onError } = deps;
  const monotonic = deps.monotonic ?? (() => performance.now());
  let { accessMs } = deps;
  const dead: Dead = {
    token: new Map(),
    session: new Map(),
    person: new Map(),
    tenant: new Map(),
    everyone: new Map(),
  };
  const log = createRevocationLog();
  const lives = new Map<number, number>(); // by how long tokens of other nodes live, until when that has to be minded
  const stamps = createStamps(clock, monotonic);
  let toldAt = Number.NEGATIVE_INFINITY;
  let telling = false;
  let size = 0;
  // An embedded database has no other writer than this process, whose own bus loses nothing without a word.
  const canMiss = storage.dialect !== 'sqlite' || bus.canLose;
  let readAt = clock.now();
  let readTick = monotonic(); // the same by a clock that nobody sets back
  let tickedAt: number | undefined; // when the timer last ran, so that a process that was stopped knows of it
  let reading = 0;
  let missed = 0; // gaps that the bus told of
  let madeUp = 0; // of these, behind which all was read again
  let pausedAt = 0; // of these, the last that came of this process having stood still
  let catching = false;
  let leave = (): void => undefined;
  let timers: NodeJS.Timeout[] = [];

  const apply = ({ id, kind, subject, before, expires_at }: RevocationRow): void => {
    if (kind === LIFE) lives.set(Number(subject), Math.max(expires_at, lives.get(Number(subject)) ?? 0));
    if (!isKind(kind)) return; // of a newer version, whose own nodes hold to it
    const known = dead[kind].get(subject);
    if (known !== undefined && known.before >= before) return;
    dead[kind].set(subject, { before: epochMs(before), expiresAt: epochMs(expires_at) });
    if (known === undefined) size++;
    log.add({ kind, subject, before, expires_at, madeAt: madeAtOf(id) });
  };

  async function poll(from: number): Promise<void> {
    const now = clock.now();
    const tick = monotonic();
    reading++;
    try {
      const read = await storage.read(platform, async (tx) => {
        const at = await endStore.databaseTime(tx); // before it, so that nothing falls between the two
        return { at, rows: await sessionStore.revocations(tx, oldestId(from), now) };
      });
      for (const row of read.rows) apply(row);
      stamps.set(read.at ?? now, tick);
    } finally {
      reading--;
    }
    readAt = now;
    readTick = Math.max(readTick, tick);
  }

  /** Reads all anew after a gap, one at a time; one that fails is tried again with the next tick. */
  function catchUp(): void {
    if (catching) return;
    catching = true;
    const upTo = missed;
    const read = poll(0).then(() => {
      madeUp = upTo;
    });
    void read.catch(onError).finally(() => {
      catching = false;
      if (madeUp === upTo && upTo !== missed) catchUp(); // what was read may be older than the last gap
    });
  }

  /** A process that stood still has heard nothing meanwhile, and does not know for how long. */
  function noticePause(): void {
    if (!canMiss || tickedAt === undefined || monotonic() - tickedAt <= PAUSE_MS) return;
    tickedAt = monotonic();
    pausedAt = missed += 1;
    catchUp();
  }

  function tick(): void {
    noticePause();
    tickedAt = monotonic();
    if (toldAt === Number.NEGATIVE_INFINITY && !telling) tellLife().catch(onError);
    if (missed !== madeUp) catchUp();
    else if (canMiss && reading < MOST_READING) void poll(stamps.last() - OVERLAP_MS).catch(onError);
  }

  function isFresh(): boolean {
    bus.settle?.();
    noticePause();
    if (!canMiss) return missed === madeUp;
    return madeUp >= pausedAt && clock.now() - readAt <= STALE_MS && monotonic() - readTick <= STALE_MS;
  }

  /** How long the last token of any node may live that was signed up to now. */
  function longestLife(): number {
    const now = clock.now();
    const others = [...lives].filter(([, until]) => until > now).map(([ms]) => ms);
    return Math.max(accessMs, ...others);
  }

  async function tellLife(): Promise<void> {
    const now = clock.now();
    if (now >= toldAt && now - toldAt < TELL_LIFE_MS) return;
    const told = accessMs;
    const expires_at = now + 2 * TELL_LIFE_MS + told; // told again before that, for as long as there are such tokens
    const row = { id: newUuid(stamps, random), kind: LIFE, subject: String(told), before: now, expires_at };
    telling = true;
    try {
      await storage.write(platform, (tx) => sessionStore.addRevocation(tx, row));
    } finally {
      telling = false;
    }
    if (told === accessMs) toldAt = now; // a longer one came meanwhile
    bus.publish(TOPIC, row).catch(onError); // the database tells the others within half a second anyway
  }

  function forget(): void {
    const now = clock.now();
    tellLife().catch(onError);
    for (const [ms, until] of lives) if (until <= now) lives.delete(ms);
    size = 0;
    for (const subjects of Object.values(dead)) {
      for (const [subject, { expiresAt }] of subjects) if (expiresAt <= now) subjects.delete(subject);
      size += subjects.size;
    }
    log.forget(now);
  }

  bus.subscribe(TOPIC, (message) => {
    const row = readMessage(message);
    if (row !== undefined) apply(row);
  });

  return {
    add: async (tx, kind, subject, usedAt = epochMs(0)) => {
      const before = clock.now();
      const margin = kind === 'session' || kind === 'token' ? MARGIN_MS : WIDE_MARGIN_MS;
      const expiresAt = Math.max(before, canMiss ? stamps.now() : before, usedAt) + longestLife() + margin;
      const row = { id: newUuid(stamps, random), kind, subject, before, expires_at: expiresAt };
      await sessionStore.addRevocation(tx, row);
      tx.afterCommit(() => {
        apply(row);
        bus.publish(TOPIC, row).catch(onError); // the database tells the others within half a second anyway
      });
    },
    revokes: ({ sessionId, personId, tenantId, tokenId, issuedAt }) => {
      bus.settle?.(); // what another thread has revoked counts here from the moment in which its caller was answered
      if (size === 0) return false;
      return (
        dead.session.has(sessionId) ||
        (tokenId !== undefined && dead.token.size > 0 && dead.token.has(tokenSubject(tenantId, tokenId))) ||
        isBefore(dead.person.get(personId), issuedAt) ||
        isBefore(dead.tenant.get(tenantId), issuedAt) ||
        isBefore(dead.everyone.get('*'), issuedAt)
      );
    },
    beginningOf: ({ personId, tenantId }) => {
      const ends = [dead.person.get(personId), dead.tenant.get(tenantId), dead.everyone.get('*')];
      return epochMs(Math.max(clock.now(), ...ends.map((end) => (end?.before ?? -1) + 1)));
    },
    fresh: isFresh,
    now: stamps.now,
    wholeTo: () => epochMs(canMiss ? stamps.last() : stamps.now()),
    log,
    keepFor: async (longer) => {
      if (longer <= accessMs) return;
      accessMs = longer;
      toldAt = Number.NEGATIVE_INFINITY;
      await tellLife(); // where it fails the next tick tries again, and whoever asked signs none of the longer ones
    },
    start: async () => {
      leave = bus.onGap(() => {
        missed++;
        catchUp();
      });
      await poll(0);
      await tellLife();
      tickedAt = monotonic();
      timers = [setInterval(forget, PRUNE_MS).unref(), setInterval(tick, POLL_MS).unref()];
    },
    stop: () => {
      leave();
      for (const timer of timers) clearInterval(timer);
      tickedAt = undefined;
    },
  };
}

const isKind = (kind: string): kind is RevocationKind =>
  ['token', 'session', 'person', 'tenant', 'everyone'].includes(kind);

function isBefore(revocation: { before: EpochMs } | undefined, issuedAt: EpochMs): boolean {
  return revocation !== undefined && issuedAt <= revocation.before;
}

/**
 * The time by the database's clock, which ids are drawn and read by: a node whose own is minutes off is read all the same.
 * Between two readings it goes on by whichever of the node's clocks went further: too late is read twice, too early not.
 */
function createStamps(clock: Clock, monotonic: () => number) {
  let known: { readonly at: number; readonly ownAt: number; readonly tick: number } | undefined;
  return {
    now: (): EpochMs => {
      const own = clock.now();
      if (known === undefined) return own;
      return epochMs(known.at + Math.max(0, own - known.ownAt, Math.round(monotonic() - known.tick)));
    },
    last: (): number => known?.at ?? clock.now(),
    set: (at: number, tick: number): void => {
      known = { at, tick, ownAt: clock.now() };
    },
  };
}

/** By the first 48 bits of its id; one of another form was made by nobody here, and is told to everybody. */
function madeAtOf(id: string): number {
  try {
    return momentOf(id);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The smallest UUIDv7 of a moment: rows are read from there on. */
function oldestId(at: number): string {
  const hex = Math.max(0, at).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

function readMessage(message: Json): RevocationRow | undefined {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return undefined;
  const { id, kind, subject, before, expires_at } = message;
  if (typeof id !== 'string') return undefined;
  if (typeof kind !== 'string' || typeof subject !== 'string') return undefined;
  if (typeof before !== 'number' || typeof expires_at !== 'number') return undefined;
  return { id, kind, subject, before, expires_at };
}
