import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json } from '../kernel/tx.ts';

const KINDS = ['password', 'api-key', 'token', 'code', 'socket'] as const;

/** What was not proved. */
export type FailureKind = (typeof KINDS)[number];

export interface FailureNote {
  readonly what: FailureKind;
  readonly at: EpochMs;
  readonly requestId: string;
  readonly profile: string;
  /** False for one that blocks nobody. */
  readonly counts: boolean;
}

/** What is remembered of the latest failures of an address block: where its counts are, and what explains a block. */
export interface Trace {
  readonly profiles: ReadonlySet<string>;
  /** The oldest first. */
  readonly notes: readonly FailureNote[];
}

/** Recent failures by address block. It only explains and reminds; what counts is the hot state. */
export interface Traces {
  /** Takes a message of the bus; what is none is ignored. */
  note(message: Json): void;
  get(addressBlock: string): Trace | undefined;
  forget(addressBlock: string): void;
  /** Forgets those of one kind that count. @returns them */
  take(addressBlock: string, what: FailureKind): readonly FailureNote[];
}

const MAX_NOTES = 10;
const MAX_PROFILES = 16;

/** @param max address blocks; those that failed longest ago are forgotten first */
export function createTraces(max = 20_000): Traces {
  const traces = new Map<string, { readonly profiles: Set<string>; notes: FailureNote[] }>();

  return {
    note: (message) => {
      const read = readMessage(message);
      if (read === undefined) return;
      const { addressBlock, note } = read;
      const { profile } = note;
      const trace = traces.get(addressBlock) ?? { profiles: new Set<string>(), notes: [] };
      if (trace.profiles.size < MAX_PROFILES) trace.profiles.add(profile);
      trace.notes.push(note);
      if (trace.notes.length > MAX_NOTES) trace.notes.shift();
      traces.delete(addressBlock); // to the end of the order
      traces.set(addressBlock, trace);
      if (traces.size <= max) return;
      for (const oldest of traces.keys()) {
        traces.delete(oldest);
        return;
      }
    },
    get: (addressBlock) => traces.get(addressBlock),
    forget: (addressBlock) => void traces.delete(addressBlock),
    take: (addressBlock, what) => {
      const trace = traces.get(addressBlock);
      if (trace === undefined) return [];
      const isMeant = (note: FailureNote): boolean => note.what === what && note.counts;
      const taken = trace.notes.filter(isMeant);
      if (taken.length > 0) trace.notes = trace.notes.filter((note) => !isMeant(note));
      return taken;
    },
  };
}

function readMessage(message: Json) {
  if (typeof message !== 'object' || message === null || !('address_block' in message)) return undefined;
  const { what, profile, address_block: addressBlock, request_id: requestId, at, counts } = message;
  const kind = KINDS.find((known) => known === what);
  if (kind === undefined || typeof profile !== 'string' || typeof addressBlock !== 'string') return undefined;
  if (typeof requestId !== 'string' || !Number.isSafeInteger(at)) return undefined;
  const note = { what: kind, at: epochMs(Number(at)), requestId, profile, counts: counts !== false };
  return { addressBlock, note };
}
