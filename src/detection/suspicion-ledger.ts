import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, seconds } from '../kernel/clock.ts';
import type { HotValues } from '../storage/index.ts';
import { SUSPECT_KINDS, type SuspectKind } from './block.ts';
import { isRepeated, type Offence, type Standing, standingOf, withOffences } from './suspicion-standing.ts';

export interface LedgerDeps {
  /** What all processes share. */
  readonly hot: HotValues;
  readonly clock: Clock;
  readonly halfLifeMs: number;
  readonly onError: (error: unknown) => void;
  /** Suspects of each kind that this process keeps there; whoever did something longest ago is forgotten first. */
  readonly max?: number | undefined;
}

export interface Suspect {
  readonly kind: SuspectKind;
  readonly value: string;
}

/** How suspects stand: exact among all processes while the shared store answers, this process's own view while not. */
export interface Ledger {
  /** @returns the standing after it; `undefined` where it changed nothing. Never fails. */
  add(suspect: Suspect, offence: Offence): Promise<Standing | undefined>;
  /** Begins anew with somebody: after a block. */
  forget(suspect: Suspect): Promise<void>;
  /** How many suspects are kept here. */
  size(): number;
}

const LOCK_MS = seconds(2);
const TRIES = 40;
const PAUSE_MS = 5;
const KEPT_HALF_LIVES = 5; // a thirtieth of the points is left by then
const MAX_WAITING = 100;
const MAX_SUSPECTS = 10_000;

export function createLedger({ hot, clock, halfLifeMs, onError, max = MAX_SUSPECTS }: LedgerDeps): Ledger {
  const shelves = { address: newShelf(), 'api-key': newShelf(), person: newShelf(), device: newShelf() };
  const waiting = new Map<string, Batch>();

  /** Keeps what was read or written as the youngest, and lets the oldest go everywhere: a flood must not fill the store. */
  function keep({ kind, value }: Suspect, standing: Standing): void {
    const shelf = shelves[kind];
    shelf.delete(value);
    shelf.set(value, standing);
    if (shelf.size <= max) return;
    for (const oldest of shelf.keys()) {
      shelf.delete(oldest);
      void hot.forget(keyOf({ kind, value: oldest })).catch(() => undefined); // it runs out by itself
      return;
    }
  }

  /** One writer at a time among all processes; who waits too long goes on, for a lost count is better than a slow answer. */
  async function lock(key: string): Promise<void> {
    for (let tried = 0; tried < TRIES; tried++) {
      if (await hot.claim(`${key} lock`, LOCK_MS)) return;
      await pause(PAUSE_MS);
    }
  }

  async function count(suspect: Suspect, offences: readonly Offence[]): Promise<Standing> {
    const key = keyOf(suspect);
    await lock(key);
    try {
      const standing = withOffences(standingOf(await hot.get(key)), offences, clock.now(), halfLifeMs);
      await hot.put(key, JSON.stringify(standing), KEPT_HALF_LIVES * halfLifeMs);
      return standing;
    } finally {
      await hot.forget(`${key} lock`);
    }
  }

  async function countOrGuess(suspect: Suspect, offences: readonly Offence[]): Promise<Standing> {
    let standing: Standing;
    try {
      standing = await count(suspect, offences);
    } catch (error) {
      onError(error); // the store is away: an attacker must gain nothing by that, so it counts here
      standing = withOffences(shelves[suspect.kind].get(suspect.value), offences, clock.now(), halfLifeMs);
    }
    keep(suspect, standing);
    return standing;
  }

  /** What comes while one is being counted is counted together after it. */
  function enqueue(suspect: Suspect, offence: Offence): Promise<Standing> {
    const key = keyOf(suspect);
    const there = waiting.get(key);
    if (there !== undefined) {
      if (there.next.length < MAX_WAITING) there.next.push(offence); // more of them would block it no sooner
      there.done = there.done ?? there.running.then(() => begin(key, suspect, there.next));
      return there.done;
    }
    return begin(key, suspect, [offence]);
  }

  function begin(key: string, suspect: Suspect, offences: readonly Offence[]): Promise<Standing> {
    const running = countOrGuess(suspect, offences);
    const batch: Batch = { running, next: [], done: undefined };
    waiting.set(key, batch);
    return running.finally(() => {
      if (batch.done === undefined) waiting.delete(key);
    });
  }

  return {
    add: async (suspect, offence) => {
      const known = shelves[suspect.kind].get(suspect.value);
      // Sent again: known here without asking anybody, however often.
      if (known !== undefined && isRepeated(known, offence, clock.now(), halfLifeMs)) return undefined;
      return enqueue(suspect, offence);
    },
    forget: async (suspect) => {
      shelves[suspect.kind].delete(suspect.value);
      await hot.forget(keyOf(suspect)).catch(onError);
    },
    size: () => SUSPECT_KINDS.reduce((sum, kind) => sum + shelves[kind].size, 0),
  };
}

interface Batch {
  readonly running: Promise<Standing>;
  readonly next: Offence[];
  done: Promise<Standing> | undefined;
}

type Shelf = Map<string, Standing>;

const newShelf = (): Shelf => new Map();

const keyOf = ({ kind, value }: Suspect): string => `detection.suspicion ${kind} ${value}`;
