import { isIP, isIPv6 } from 'node:net';
import { addressBlock, createAddressReader } from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import type { Json } from '../kernel/tx.ts';

/** What the legacy systems call it. @see E15 */
export type Violation = 'ip_blocked' | 'suspicious_pattern';

/** Counts, times and request ids that explain a block; an operator's note. Never a secret, never a user name. */
export type Evidence = Readonly<Record<string, Json>>;

/** Why, and until when, somebody is kept out. */
export interface Block {
  readonly id: string;
  /** What `value` is; principals and devices may follow. */
  readonly kind: 'address';
  /** An IPv4 address, or the /64 of an IPv6 one. */
  readonly value: string;
  readonly profile: string | undefined;
  readonly violation: Violation;
  /** A code: `too_many_failed_attempts`, `operator`. */
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
  /** False for one that holds in this process alone, because it could not be stored. */
  readonly stored: boolean;
}

/** How long a block is to hold; `escalating` doubles `firstMs` with each block that comes soon after the last. */
export type BlockLength =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'escalating'; readonly firstMs: number }
  | { readonly kind: 'permanent' };

/** A block as somebody wants it. */
export interface BlockWish {
  /** An address, or an address block as `Block.value` has it. */
  readonly address: string;
  readonly profile?: string | undefined;
  readonly violation: Violation;
  readonly reason: string;
  readonly evidence: Evidence;
  readonly length: BlockLength;
}

export const isOver = ({ endsAt, liftedAt }: Block, now: EpochMs): boolean =>
  liftedAt !== undefined || (endsAt !== undefined && endsAt <= now);

/** The first /64 holds all of IPv4 when it is written as IPv6, so only those who mean loopback may name it. */
const FIRST_BLOCK = '0:0:0:0::/64';
const LOOPBACK = new Set(['::1', '::', '0:0:0:0::']);

/** Whom a block is about. */
export interface Target {
  readonly address: string;
  /** What is blocked: the address, or the /64 around it. */
  readonly value: string;
}

/** What a text means: a single address, or the whole block of one. @returns undefined for anything else */
export function targetOf(text: string): Target | undefined {
  const [written = '', bits, more] = text.split('/');
  if (more !== undefined || written.includes('%')) return undefined;
  const address = createAddressReader([]).read(written, undefined); // `::ffff:192.0.2.1` is `192.0.2.1`
  if (isIP(address) === 0 || (bits !== undefined && bits !== (isIPv6(address) ? '64' : '32'))) return undefined;
  const value = addressBlock(address);
  return value === FIRST_BLOCK && !LOOPBACK.has(address) ? undefined : { address, value };
}
