import { z } from 'zod';
import { epochMs } from '../kernel/brand.ts';
import type { Json } from '../kernel/tx.ts';
import { type Block, SUSPECT_KINDS, type SuspectKind, targetOf } from './block.ts';

/** What processes tell each other of blocks. */
export type BlockWord =
  /** The database holds something new. */
  | { readonly what: 'changed' }
  /** A block that no database has yet. */
  | { readonly what: 'held'; readonly block: Block }
  /** Somebody was let in again: what holds in memory alone ends too. */
  | { readonly what: 'lifted'; readonly kind: SuspectKind; readonly value: string };

const MOST_EVIDENCE = 2_000; // a word must fit into what a bus of a database carries
const time = z.number().int().nonnegative().transform(epochMs);
const aim = { kind: z.enum(SUSPECT_KINDS), value: z.string().max(80) };
const block = z.object({
  id: z.string().max(64),
  ...aim,
  profile: z.string().max(64).optional(),
  violation: z.enum(['ip_blocked', 'suspicious_pattern', 'principal_blocked']),
  reason: z.string().max(64),
  evidence: z.record(z.string(), z.json()),
  strikes: z.number().int().nonnegative(),
  createdAt: time,
  createdBy: z.string().max(200),
  endsAt: time.optional(),
});
const word = z.discriminatedUnion('what', [
  z.object({ from: z.string(), what: z.literal('changed') }),
  z.object({ from: z.string(), what: z.literal('held'), block }),
  z.object({ from: z.string(), what: z.literal('lifted'), ...aim }),
]);

/** @param from names the process that says it */
export function wordOf(from: string, said: BlockWord): Json {
  if (said.what !== 'held') return { from, ...said };
  const { id, kind, value, profile, violation, reason, evidence, strikes, createdAt, createdBy, endsAt } = said.block;
  const short = JSON.stringify(evidence).length > MOST_EVIDENCE ? {} : evidence;
  const times = { createdAt, ...(endsAt === undefined ? {} : { endsAt }) };
  const more = { strikes, createdBy, ...times, ...(profile === undefined ? {} : { profile }) };
  return { from, what: 'held', block: { id, kind, value, violation, reason, evidence: short, ...more } };
}

/** What is no word of this version is one to read the database: another version said it. */
export function readWord(message: Json): { readonly from: string | undefined; readonly said: BlockWord } {
  const read = word.safeParse(message);
  if (!read.success) return { from: undefined, said: { what: 'changed' } };
  const { from, ...said } = read.data;
  if (said.what !== 'held') return { from, said };
  if (targetOf(said.block.value, said.block.kind)?.value !== said.block.value)
    return { from, said: { what: 'changed' } };
  const { profile, endsAt, ...rest } = said.block;
  const open = { profile, endsAt, liftedAt: undefined, liftedBy: undefined, stored: false };
  return { from, said: { what: 'held', block: { ...rest, ...open } } };
}
