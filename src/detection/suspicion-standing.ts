import { z } from 'zod';
import type { EpochMs } from '../kernel/brand.ts';
import { BLOCK_POINTS } from './suspicion-config.ts';

/** What explains one attack: never its text, which may hold what is secret. */
export interface Note {
  readonly class: string;
  readonly rule: string;
  readonly at: string;
  readonly requestId: string;
}

/** One thing that somebody did. */
export interface Offence {
  readonly points: number;
  /** Done by others in their name, or merely unusual: never enough for a block by itself. */
  readonly indirect: boolean;
  /** The same again counts once in a half-life. */
  readonly fingerprint: string;
  readonly note: Note;
}

const note = z.object({ class: z.string(), rule: z.string(), at: z.string(), requestId: z.string() });

const schema = z.object({
  direct: z.number().min(0),
  indirect: z.number().min(0),
  /** The moment that both are right at. */
  at: z.int().min(0),
  /** Fingerprints and when they counted, the oldest first. */
  seen: z.array(z.tuple([z.string(), z.int().min(0)])).max(100),
  notes: z.array(note).max(100),
});

/** What is remembered of one suspect: bounded, whatever it sends. */
export type Standing = z.output<typeof schema>;

const MAX_SEEN = 32;
const MAX_NOTES = 10;
/** So that what never blocks alone makes others weigh at most twice. */
const MOST_INDIRECT = BLOCK_POINTS / 2;
const MAX_POINTS = 1_000;

/** @returns undefined for what is none: it comes from a store that others may write to */
export function standingOf(text: string | undefined): Standing | undefined {
  if (text === undefined) return undefined;
  try {
    const read = schema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined; // as if nothing was known
  }
}

export const pointsOf = ({ direct, indirect }: Standing): number => direct + indirect;

/** Whether an offence counted within the last half-life. */
export const isRepeated = ({ seen }: Standing, offence: Offence, now: EpochMs, halfLifeMs: number): boolean =>
  seen.some(([fingerprint, at]) => fingerprint === keyOf(offence) && now - at < halfLifeMs);

/** A standing with what was done since, each point halved in every half-life. */
export function withOffences(
  before: Standing | undefined,
  offences: readonly Offence[],
  now: EpochMs,
  halfLifeMs: number,
): Standing {
  let standing = before ?? { direct: 0, indirect: 0, at: now, seen: [], notes: [] };
  const left = 2 ** (-Math.max(0, now - standing.at) / halfLifeMs);
  standing = { ...standing, direct: standing.direct * left, indirect: standing.indirect * left, at: now };
  for (const offence of offences)
    if (!isRepeated(standing, offence, now, halfLifeMs)) standing = plus(standing, offence);
  return standing;
}

function plus(standing: Standing, offence: Offence): Standing {
  const { direct, indirect, at } = standing;
  const points = Math.max(0, offence.points);
  const seen = standing.seen.filter(([fingerprint]) => fingerprint !== keyOf(offence));
  return {
    direct: offence.indirect ? direct : Math.min(direct + points, MAX_POINTS),
    indirect: offence.indirect ? Math.min(indirect + points, MOST_INDIRECT) : indirect,
    at,
    seen: [...seen, [keyOf(offence), at] as [string, number]].slice(-MAX_SEEN),
    notes: [...standing.notes, offence.note].slice(-MAX_NOTES),
  };
}

/** Once for each weight, so that who first has it planted doesn't send it freely himself. */
const keyOf = ({ indirect, fingerprint }: Offence): string => `${indirect ? 'i' : 'd'}${fingerprint}`;
