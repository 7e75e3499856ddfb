import type { AuditEntry } from '../kernel/audit.ts';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Json } from '../kernel/tx.ts';
import type { Block, Evidence, SuspectKind } from './block.ts';

type Subject = 'address' | 'api_key' | 'person' | 'device';

/** What is told to webhooks and alerts when somebody is blocked, or let in again by somebody. */
export interface BlockEvent {
  /** `administrator.blocked` comes beside `person.blocked`: few read the latter at night. */
  readonly type: `${Subject}.blocked` | `${Subject}.unblocked` | 'administrator.blocked';
  /** Whom it concerns: none but these hear of it. An address belongs to nobody and has `undefined`. */
  readonly tenants: readonly TenantId[] | undefined;
  readonly data: {
    readonly block_id: string;
    readonly kind: SuspectKind;
    readonly value: string;
    /** The same as `value`, of an address alone. */
    readonly address?: string;
    readonly reason: string;
    readonly violation: string;
    readonly ends_at: string | null;
    readonly evidence: Evidence;
    /** What ends it; for a block alone. */
    readonly undo?: string;
  };
}

/** What a blocked client is told: why, and when to come back. The evidence is for the operator. */
export function factsOf({ kind, reason, violation, endsAt }: Block, now: EpochMs): Readonly<Record<string, Json>> {
  const until =
    endsAt === undefined
      ? { permanent: true }
      : { until: rfc3339(endsAt), retry_after_s: Math.max(1, Math.ceil((endsAt - now) / 1_000)) };
  return { reason, violation, ...until, ...(kind === 'address' ? {} : { blocked: kind }) };
}

/** An address is personal, so it stands where it is sealed; an operator's note may name somebody and stays out. */
export const entryOf = (
  actor: Actor,
  action: string,
  block: Block,
  more: Readonly<Record<string, Json>> = {},
): AuditEntry => ({
  ...actor,
  action,
  outcome: 'done',
  object: { type: 'block', id: block.id },
  facts: {
    kind: block.kind,
    ...(block.kind === 'address' ? {} : { value: block.value }),
    reason: block.reason,
    violation: block.violation,
    profile: block.profile ?? null,
    strikes: block.strikes,
    ends_at: block.endsAt === undefined ? null : rfc3339(block.endsAt),
    ...(block.reason === 'operator' ? {} : { evidence: block.evidence }),
    ...more,
  },
  ...(block.kind === 'address' ? { address: block.value } : {}),
});

/** The word of a block that was made or ended. An operator's note is for whoever reads the list of blocks. */
export function eventOf(
  what: 'blocked' | 'unblocked',
  block: Block,
  tenants: readonly TenantId[] | undefined,
): BlockEvent {
  const { id, kind, value, reason, violation, endsAt, evidence } = block;
  const data = {
    block_id: id,
    kind,
    value,
    ...(kind === 'address' ? { address: value } : {}),
    reason,
    violation,
    ends_at: endsAt === undefined ? null : rfc3339(endsAt),
    evidence: reason === 'operator' ? {} : evidence,
    ...(what === 'blocked' ? { undo: `twinkeep blocks lift ${undoneBy(block)}` } : {}),
  };
  return { type: `${kind === 'api-key' ? 'api_key' : kind}.${what}`, tenants, data };
}

/** A device that was blocked along with its person is let in again with them. */
function undoneBy(block: Block): string {
  const person = personOf(block);
  return person === undefined ? nameOfSuspect(block) : nameOfSuspect({ kind: 'person', value: person });
}

/** The person whom a device was blocked along with, for the same attacks. */
export function personOf({ kind, reason, evidence }: Block): string | undefined {
  const { person_id: person } = evidence;
  return kind === 'device' && reason !== 'operator' && typeof person === 'string' ? person : undefined;
}

/** Whom a block is about, in the form in which commands take it. */
const nameOfSuspect = ({ kind, value }: Pick<Block, 'kind' | 'value'>): string =>
  kind === 'address' ? value : `${kind}:${value}`;
