import { isIP, isIPv6 } from 'node:net';
import { addressBlock, createAddressReader } from '../http/index.ts';
import type { EpochMs, PersonId } from '../kernel/brand.ts';
import type { Json } from '../kernel/tx.ts';

/** Whom suspicion and blocks are about; each is counted and blocked apart from the others. */
export type SuspectKind = 'address' | 'api-key' | 'person' | 'device';

export const SUSPECT_KINDS = ['address', 'api-key', 'person', 'device'] as const satisfies readonly SuspectKind[];

/** What the legacy systems call it (E15); they know no blocks of anything but addresses. */
export type Violation = 'ip_blocked' | 'suspicious_pattern' | 'principal_blocked';

/** Counts, times and request ids that explain a block; an operator's note. Never a secret, never a user name. */
export type Evidence = Readonly<Record<string, Json>>;

/** Why, and until when, somebody is kept out. */
export interface Block {
  readonly id: string;
  /** What `value` is. */
  readonly kind: SuspectKind;
  /** An IPv4 address or the /64 of an IPv6 one; the id of a key, person or device. */
  readonly value: string;
  readonly profile: string | undefined;
  readonly violation: Violation;
  /** A code: `too_many_failed_attempts`, `suspicion`, `attack_pattern`, `operator`. */
  readonly reason: string;
  readonly evidence: Evidence;
  /** How many blocks of this value came one soon after the other; 0 where an operator chose the length. */
  readonly strikes: number;
  readonly createdAt: EpochMs;
  readonly createdBy: string;
  /** `undefined`: until it is lifted. */
  readonly endsAt: EpochMs | undefined;
  readonly liftedAt: EpochMs | undefined;
  readonly liftedBy: string | undefined;
  /** False for one that holds in memory alone, here and where the bus reaches, because it could not be stored. */
  readonly stored: boolean;
}

/** How long a block is to hold; `escalating` doubles `firstMs` with each block that comes soon after the last. */
export type BlockLength =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'escalating'; readonly firstMs: number }
  | { readonly kind: 'permanent' };

/** A block as somebody wants it. */
export interface BlockWish {
  readonly kind: SuspectKind;
  /** An address, or an address block as `Block.value` has it; an id. */
  readonly value: string;
  readonly profile?: string | undefined;
  readonly violation: Violation;
  readonly reason: string;
  readonly evidence: Evidence;
  readonly length: BlockLength;
  /** Whose sessions end with it, in the same write. */
  readonly ends?: PersonId | undefined;
}

export const isOver = ({ endsAt, liftedAt }: Block, now: EpochMs): boolean =>
  liftedAt !== undefined || (endsAt !== undefined && endsAt <= now);

/** The first /64 holds all of IPv4 when it is written as IPv6, so only those who mean loopback may name it. */
const FIRST_BLOCK = '0:0:0:0::/64';
const LOOPBACK = new Set(['::1', '::', '0:0:0:0::']);
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$(?!\n)/;
const NAMED = /^(api-key|person|device):([^:]+)$(?!\n)/;

/** Whom a block is about. */
export interface Target {
  readonly kind: SuspectKind;
  /** What is blocked: the id, the address, or the /64 around it. */
  readonly value: string;
  /** What was named: the id, or the very address. */
  readonly named: string;
}

/**
 * What a text means: an address or the whole block of one; with a kind, or as `person:ID` in the words of the audit
 * log, a principal or a device.
 *
 * @returns undefined for anything else
 */
export function targetOf(text: string, kind?: SuspectKind): Target | undefined {
  if (kind === undefined) {
    const [, prefix, id] = NAMED.exec(text) ?? [];
    const named = SUSPECT_KINDS.find((one) => one === prefix);
    return named === undefined || id === undefined ? addressTarget(text) : targetOf(id, named);
  }
  if (kind === 'address') return addressTarget(text);
  return ID.test(text) ? { kind, value: text, named: text } : undefined;
}

function addressTarget(text: string): Target | undefined {
  const [written = '', bits, more] = text.split('/');
  if (more !== undefined || written.includes('%')) return undefined;
  const address = createAddressReader([]).read(written, undefined); // `::ffff:192.0.2.1` is `192.0.2.1`
  if (isIP(address) === 0 || (bits !== undefined && bits !== (isIPv6(address) ? '64' : '32'))) return undefined;
  const value = addressBlock(address);
  if (value === FIRST_BLOCK && !LOOPBACK.has(address)) return undefined;
  return { kind: 'address', value, named: address };
}
