import { availableParallelism } from 'node:os';
import type { Random } from '../kernel/random.ts';
import {
  type Argon2Cost,
  type Argon2idHash,
  argon2id,
  formatArgon2id,
  isAffordable,
  parseArgon2id,
} from './argon2id.ts';
import { equalBytes } from './digest.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

export interface PasswordHasherDeps {
  readonly random: Random;
  /** Where hashes wait their turn, shared with those of other kinds. Default: one of their own. */
  readonly queue?: WorkQueue | undefined;
  /** Cost of new hashes. Default 19 MiB, 2 passes, 1 lane. */
  readonly cost?: Argon2Cost | undefined;
}

export interface HashQueueOptions {
  /** Hashes at a time, on threads of the pool. Default: the cores but one, at least 1. */
  readonly concurrency?: number | undefined;
  /** How many may wait for a thread. Default 64. */
  readonly queueLimit?: number | undefined;
}

/**
 * Passwords are hashed as NFC in UTF-8, so that one typed on another keyboard is the same; their length is for the
 * caller to bound. All but `needsRehash` throw CRYPTO_BUSY when too many wait.
 */
export interface PasswordHasher {
  /** @returns `$argon2id$v=19$m=…,t=…,p=…$<salt>$<tag>` with a random salt of 16 bytes and a tag of 32. */
  hash(password: string): Promise<string>;
  /**
   * @param phc Argon2id of version 19 with at most 256 MiB, 10 passes and 4 lanes; anything else is false at once,
   *   without work.
   */
  verify(phc: string, password: string): Promise<boolean>;
  /** Whether `hash` would make another kind of hash of the same password: then it is due at the next sign-in. */
  needsRehash(phc: string): boolean;
  /**
   * The work of `verify` for a name that nobody has, so that the time of the answer does not tell which names exist.
   * It equals that of hashes of the present cost: another reason to follow `needsRehash`.
   */
  pretend(password: string): Promise<false>;
}

const SALT_BYTES = 16;
const TAG_BYTES = 32;
const QUEUE_LIMIT = 64;
/** @see OWASP Password Storage Cheat Sheet: the least of its equivalent settings in memory, most in parallel sign-ins */
const COST: Argon2Cost = { memoryKib: 19_456, passes: 2, parallelism: 1 };

/**
 * Where slow hashes of a process wait for a thread, argon2id and bcrypt alike.
 *
 * @throws RangeError for bounds out of range
 */
export function createHashQueue({ concurrency, queueLimit = QUEUE_LIMIT }: HashQueueOptions = {}): WorkQueue {
  return createWorkQueue({ concurrency: concurrency ?? Math.max(1, availableParallelism() - 1), queueLimit });
}

/**
 * Hashes passwords off the event loop, a few at a time: each takes 19 MiB and a thread that disk syncs wait for too.
 *
 * @throws RangeError for a cost out of bounds
 * @see RFC 9106 §3 and §4
 */
export function createPasswordHasher(deps: PasswordHasherDeps): PasswordHasher {
  const { random, cost = COST, queue = createHashQueue() } = deps;
  if (!isAffordable(cost)) throw new RangeError('argon2id cost out of bounds');
  const nobody = { cost, salt: random.bytes(SALT_BYTES), tag: random.bytes(TAG_BYTES) };

  return {
    async hash(password) {
      const salt = random.bytes(SALT_BYTES);
      const message = Buffer.from(password.normalize('NFC'));
      const tag = await queue.run(() => argon2id(message, cost, salt, TAG_BYTES));
      return formatArgon2id({ cost, salt, tag });
    },

    async verify(phc, password) {
      const stored = parseArgon2id(phc);
      return stored !== undefined && queue.run(() => matches(stored, password));
    },

    needsRehash(phc) {
      const stored = parseArgon2id(phc);
      if (stored?.salt.length !== SALT_BYTES || stored.tag.length !== TAG_BYTES) return true;
      const { memoryKib, passes, parallelism } = stored.cost;
      return memoryKib !== cost.memoryKib || passes !== cost.passes || parallelism !== cost.parallelism;
    },

    async pretend(password) {
      await queue.run(() => matches(nobody, password));
      return false;
    },
  };
}

/**
 * Tries the password in NFC, then as it was typed where that differs: systems that we take hashes over from did not
 * normalise, and whoever had such a password there could not sign in any more.
 */
async function matches({ cost, salt, tag }: Argon2idHash, password: string): Promise<boolean> {
  for (const form of new Set([password.normalize('NFC'), password])) {
    if (equalBytes(await argon2id(Buffer.from(form), cost, salt, tag.length), tag)) return true;
  }
  return false;
}
