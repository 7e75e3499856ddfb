import { availableParallelism } from 'node:os';
import type { AuditDeps } from '../audit/index.ts';
import type { Random } from '../kernel/random.ts';
import { type BusGround, busGround, type Link, sharedHotBuffer, turnMemory } from '../storage/index.ts';
import type { Config } from './config.ts';

/** What all threads of one process share. */
export interface Ground {
  readonly turn: SharedArrayBuffer;
  readonly bus: BusGround;
  /** The counters of all limits. */
  readonly limits: SharedArrayBuffer;
}

/** How one thread stands to the others of its process. */
export interface Threads {
  readonly ground: Ground;
  /** Above 0, and nobody else's. */
  readonly seat: number;
  /** The line to the thread that owns the data folder; that thread itself has none. */
  readonly owner?: Link | undefined;
}

/** Of the thread that owns the data folder; workers sit behind it. */
export const OWNER_SEAT = 1;

const CELLS = 100_000; // as many as a process alone keeps

/**
 * The place of the thread that owns the data folder.
 *
 * @param name unique in this process
 * @returns nothing where it serves the port alone
 */
export function threadsOf({ workers }: Config, name: string, random: Random): Threads | undefined {
  if (workers === 1) return undefined;
  const ground = { turn: turnMemory(), bus: busGround(`twinkeep ${name}`), limits: sharedHotBuffer(CELLS, random) };
  return { ground, seat: OWNER_SEAT };
}

/** The log has one integrator, that of the thread which owns the folder; the others ask for what they need of it. */
export function remoteIntegrator(owner: Link | undefined): AuditDeps['integrator'] {
  if (owner === undefined) return undefined;
  return {
    integrate: async () => Number(await owner.ask('integrate')),
    start: () => undefined,
    stop: async () => undefined,
  };
}

/**
 * How many passwords one thread hashes at a time, so that all together leave a core free: they share one pool of system
 * threads, and disk syncs wait in it too.
 */
export const hashersOf = (workers: number): number => Math.max(1, Math.floor((availableParallelism() - 1) / workers));
