import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import { type Actor, nameOf } from '../kernel/principal.ts';
import { type Block, type BlockWish, type Target, targetOf } from './block.ts';

/** What a wish becomes a block by. */
export interface Making {
  readonly id: string;
  readonly now: EpochMs;
  /** The block of this value before. */
  readonly last: Block | undefined;
  readonly maxMs: number;
}

const QUIET_MS = days(1);

/** A wish with its beginning, its end and its place in the row of those before. */
export function draftOf(wish: BlockWish, { principal }: Actor, { id, now, last, maxMs }: Making): Block {
  const { profile, violation, reason, evidence, length } = wish;
  const { kind, value } = targetIn(wish);
  const strikes = length.kind === 'escalating' ? strikesBefore(last, now) + 1 : 0;
  const ms = lengthOf(length, strikes, maxMs);
  return {
    id,
    kind,
    value,
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

/** @throws TypeError for what is no address or id: whoever asks has looked at it before */
export function targetIn({ kind, value }: Pick<BlockWish, 'kind' | 'value'>): Target {
  const target = targetOf(value, kind);
  if (target === undefined) throw new TypeError(kind === 'address' ? 'not an address' : 'not an id');
  return target;
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
