import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { type Clock, minutes, seconds } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { type Json, platform, type Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { type RevocationRow, sessionStore } from './store.ts';

/** Whose tokens are dead. `everyone` has the subject `*`. */
export type RevocationKind = 'session' | 'person' | 'tenant' | 'everyone';

/** What is remembered of a verified token, to hold it against revocations at each use. */
export type TokenHolder = Pick<PersonPrincipal, 'sessionId' | 'personId' | 'tenantId'> & { readonly issuedAt: EpochMs };

export interface RevocationDeps {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** The longest life of an access token at the start: a revocation is kept until no token from before it can be alive. */
  readonly accessMs: number;
  readonly onError: (error: unknown) => void;
}

/**
 * The set that every token is held against. Kept in memory, fed by our own writes at once, by the bus, and by the
 * database: where a message can be lost, twice a second, so that it costs at most half a second, and everywhere at once
 * when the bus knows of a gap.
 */
export interface Revocations {
  /** Kills, inside the write that ends the session, every token issued up to now. */
  add(tx: Tx, kind: RevocationKind, subject: string): Promise<void>;
  revokes(holder: TokenHolder): boolean;
  /**
   * False when the feed was lost for longer than its limit, or, where nothing is read regularly, in the moment between a
   * gap and the end of its reading: then every token has to be refused.
   */
  fresh(): boolean;
  /** Keeps those from now on at least so long: before the first token is signed that lives longer than any before. */
  keepFor(accessMs: number): void;
  start(): Promise<void>;
  stop(): void;
}

const TOPIC = 'sessions.revoked';
const POLL_MS = 500;
const STALE_MS = seconds(5);
const OVERLAP_MS = minutes(1); // an id is drawn before its commit, so late ones may stand behind what was read
const PRUNE_MS = minutes(10);

export function createRevocations(deps: RevocationDeps): Revocations {
  const { storage, bus, clock, random, onError } = deps;
  let { accessMs } = deps;
  const dead = new Map<string, { before: EpochMs; expiresAt: EpochMs }>();
  // An embedded database has no other writer than this process, whose own bus loses nothing without a word.
  const canMiss = storage.dialect !== 'sqlite' || bus.canLose;
  let readAt = clock.now();
  let missed = 0; // gaps that the bus told of
  let madeUp = 0; // of these, behind which all was read again
  let catching = false;
  let leave = (): void => undefined;
  let timers: NodeJS.Timeout[] = [];

  const apply = ({ kind, subject, before, expires_at }: Omit<RevocationRow, 'id'>): void => {
    const key = `${kind} ${subject}`;
    const known = dead.get(key);
    if (known !== undefined && known.before >= before) return;
    dead.set(key, { before: epochMs(before), expiresAt: epochMs(expires_at) });
  };

  async function poll(from: number): Promise<void> {
    const now = clock.now();
    const rows = await storage.read(platform, (tx) => sessionStore.revocations(tx, oldestId(from), now));
    for (const row of rows) apply(row);
    readAt = now;
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

  function tick(): void {
    if (missed !== madeUp) catchUp();
    else if (canMiss) void poll(readAt - OVERLAP_MS).catch(onError);
  }

  function forget(): void {
    const now = clock.now();
    for (const [key, { expiresAt }] of dead) if (expiresAt <= now) dead.delete(key);
  }

  bus.subscribe(TOPIC, (message) => {
    const row = readMessage(message);
    if (row !== undefined) apply(row);
  });

  return {
    add: async (tx, kind, subject) => {
      const before = clock.now();
      const expiresAt = before + accessMs + minutes(1);
      const row = { id: newUuid(clock, random), kind, subject, before, expires_at: expiresAt };
      await sessionStore.addRevocation(tx, row);
      tx.afterCommit(() => {
        apply(row);
        bus.publish(TOPIC, row).catch(onError); // the database tells the others within half a second anyway
      });
    },
    revokes: ({ sessionId, personId, tenantId, issuedAt }) => {
      bus.settle?.(); // what another thread has revoked counts here from the moment in which its caller was answered
      if (dead.size === 0) return false;
      return (
        dead.has(`session ${sessionId}`) ||
        isBefore(dead.get(`person ${personId}`), issuedAt) ||
        isBefore(dead.get(`tenant ${tenantId}`), issuedAt) ||
        isBefore(dead.get('everyone *'), issuedAt)
      );
    },
    fresh: () => {
      bus.settle?.();
      return canMiss ? clock.now() - readAt <= STALE_MS : missed === madeUp;
    },
    keepFor: (longer) => {
      accessMs = Math.max(accessMs, longer);
    },
    start: async () => {
      leave = bus.onGap(() => {
        missed++;
        catchUp();
      });
      await poll(0);
      timers = [setInterval(forget, PRUNE_MS).unref(), setInterval(tick, POLL_MS).unref()];
    },
    stop: () => {
      leave();
      for (const timer of timers) clearInterval(timer);
    },
  };
}

function isBefore(revocation: { before: EpochMs } | undefined, issuedAt: EpochMs): boolean {
  return revocation !== undefined && issuedAt <= revocation.before;
}

/** The smallest UUIDv7 of a moment: rows are read from there on. */
function oldestId(at: number): string {
  const hex = Math.max(0, at).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

function readMessage(message: Json): Omit<RevocationRow, 'id'> | undefined {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return undefined;
  const { kind, subject, before, expires_at } = message;
  if (typeof kind !== 'string' || typeof subject !== 'string') return undefined;
  if (typeof before !== 'number' || typeof expires_at !== 'number') return undefined;
  return { kind, subject, before, expires_at };
}
