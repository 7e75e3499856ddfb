import { argon2 as deriveArgon2 } from 'node:crypto';
import { promisify } from 'node:util';
import { decodeBase64 } from './base64.ts';

/** What one hash costs to compute, and so to guess. */
export interface Argon2Cost {
  /** 8 times the parallelism to 262 144 (256 MiB). */
  readonly memoryKib: number;
  /** 1 to 10. */
  readonly passes: number;
  /** 1 to 4. */
  readonly parallelism: number;
}

export type Argon2Variant = 'argon2id' | 'argon2i' | 'argon2d';

/** The parts of a PHC string. */
export interface Argon2idHash {
  readonly cost: Argon2Cost;
  /** 8 to 64 bytes. */
  readonly salt: Uint8Array;
  /** 16 to 64 bytes. */
  readonly tag: Uint8Array;
}

const MAX_MEMORY_KIB = 262_144;
const MAX_PASSES = 10;
const MAX_PARALLELISM = 4;
// Characters of salt and tag: 11 to 86 are 8 to 64 bytes, and 22 are 16.
const PHC =
  /^\$(?<variant>argon2(?:id|i|d))\$v=19\$m=(?<m>[1-9][0-9]{0,9}),t=(?<t>[1-9][0-9]{0,9}),p=(?<p>[1-9][0-9]{0,7})\$(?<salt>[A-Za-z0-9+/]{11,86})\$(?<tag>[A-Za-z0-9+/]{22,86})$/;

const derive = promisify(deriveArgon2);

/**
 * Computes Argon2id version 1.3 on a thread of the pool.
 *
 * @param message The password in the form it is hashed in.
 * @returns `tagBytes` bytes.
 * @see RFC 9106 §3
 */
export function argon2id(message: Uint8Array, cost: Argon2Cost, salt: Uint8Array, tagBytes: number): Promise<Buffer> {
  return argon2('argon2id', message, cost, salt, tagBytes);
}

/** The same for the other variants, which other systems write and we do not. */
export function argon2(
  variant: Argon2Variant,
  message: Uint8Array,
  { memoryKib: memory, passes, parallelism }: Argon2Cost,
  nonce: Uint8Array,
  tagLength: number,
): Promise<Buffer> {
  return derive(variant, { message, nonce, parallelism, tagLength, memory, passes });
}

/** Whether the cost is one that we are ready to pay: a hash from elsewhere must not take the memory of the process. */
export function isAffordable({ memoryKib, passes, parallelism }: Argon2Cost): boolean {
  return (
    isBetween(parallelism, 1, MAX_PARALLELISM) &&
    isBetween(passes, 1, MAX_PASSES) &&
    isBetween(memoryKib, 8 * parallelism, MAX_MEMORY_KIB)
  );
}

/** Writes `$argon2id$v=19$m=…,t=…,p=…$<salt>$<tag>`, base64 without padding. @see PHC string format */
export function formatArgon2id({ cost, salt, tag }: Argon2idHash): string {
  const { memoryKib, passes, parallelism } = cost;
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}

/**
 * Reads what `formatArgon2id` writes.
 *
 * @returns undefined for other algorithms, versions and spellings, and for parameters out of bounds.
 */
export function parseArgon2id(phc: string): Argon2idHash | undefined {
  const stored = parseArgon2(phc);
  if (stored?.variant !== 'argon2id' || !isAffordable(stored.cost)) return undefined;
  const { cost, salt, tag } = stored;
  return { cost, salt, tag };
}

/** Reads a PHC string of any variant of version 19, whatever it costs. */
export function parseArgon2(
  phc: string,
): ({ readonly kind: 'argon2'; readonly variant: Argon2Variant } & Argon2idHash) | undefined {
  const { variant, m, t, p, salt: saltText = '', tag: tagText = '' } = PHC.exec(phc)?.groups ?? {};
  const cost = { memoryKib: Number(m), passes: Number(t), parallelism: Number(p) };
  const salt = decodeUnpadded(saltText);
  const tag = decodeUnpadded(tagText);
  if (salt === undefined || tag === undefined) return undefined;
  if (variant !== 'argon2id' && variant !== 'argon2i' && variant !== 'argon2d') return undefined;
  return { kind: 'argon2', variant, cost, salt, tag };
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function decodeUnpadded(text: string): Buffer | undefined {
  return decodeBase64(text + '='.repeat(-text.length & 3));
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
