import { cryptoFault } from './errors.ts';
import type { WorkQueue } from './work-queue.ts';

/**
 * Checks secrets against hashes that other systems made with bcrypt; our own are argon2id. Each check runs on a thread
 * of the pool, through the queue that argon2id waits in too. Both throw CRYPTO_BUSY when too many wait.
 */
export interface Bcrypt {
  /**
   * False at once, without work, for what `bcryptCostOf` cannot read and for a secret that bcrypt would not hash whole:
   * longer than 72 bytes, with a NUL, or with a lone surrogate. Cut there, many secrets would be the same one (X28).
   *
   * @throws CRYPTO_COST_REFUSED for a cost out of `BCRYPT_COSTS`, before any work
   */
  verify(hash: string, secret: string): Promise<boolean>;
  /** The work of a `verify` of that cost, for a secret that nobody has, so that time does not tell which exist. */
  pretend(cost: number): Promise<false>;
}

/** Costs that we are ready to pay, as powers of two: the highest takes one to three seconds. */
export const BCRYPT_COSTS = { least: 4, most: 15 } as const;

/** Below it a hash is too cheap to guess from today. @see OWASP Password Storage Cheat Sheet, bcrypt */
const LEAST_WRITTEN = 10;
const MAX_BYTES = 72;
// The last characters of salt and digest hold 2 and 4 bits: spellings with other bits set are refused by the verifier.
const HASH = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;
const NOBODY = '.'.repeat(53); // a salt of zeros, and a digest that nothing is known to have

/** The cost of a `$2a$`, `$2b$` or `$2y$` hash as it is written, 0 to 99; `undefined` for anything else. */
export function bcryptCostOf(hash: string): number | undefined {
  const cost = HASH.exec(hash)?.[1];
  return cost === undefined ? undefined : Number(cost);
}

/** @see Provos and Mazières, A Future-Adaptable Password Scheme, USENIX 1999, §4 */
export function createBcrypt({ queue }: { readonly queue: WorkQueue }): Bcrypt {
  const check = async (secret: string, hash: string): Promise<boolean> => {
    const { verify } = await import('@node-rs/bcrypt'); // native code that most processes never need
    return queue.run(() => verify(Buffer.from(secret), hash));
  };

  return {
    verify: async (hash, secret) => {
      const cost = bcryptCostOf(hash);
      if (cost === undefined) return false;
      assertAffordable(cost);
      return isHashedWhole(secret) && check(secret, hash);
    },
    pretend: async (cost) => {
      assertAffordable(cost);
      await check('', `$2b$${String(cost).padStart(2, '0')}$${NOBODY}`);
      return false;
    },
  };
}

/**
 * A new hash in the form `$2b$`, for systems that want bcrypt.
 *
 * @param cost 10 to 15
 * @throws CRYPTO_PASSWORD_TOO_LONG for more than 72 bytes, CRYPTO_COST_REFUSED, CRYPTO_BUSY, and TypeError for NUL or a
 *   lone surrogate
 */
export async function hashBcrypt(queue: WorkQueue, secret: string, cost: number): Promise<string> {
  assertAffordable(cost, LEAST_WRITTEN);
  if (Buffer.byteLength(secret) > MAX_BYTES) throw cryptoFault('CRYPTO_PASSWORD_TOO_LONG', { most_bytes: MAX_BYTES });
  if (!isHashedWhole(secret))
    throw new TypeError('a password with NUL or a lone surrogate is refused where it comes in');
  const { hash } = await import('@node-rs/bcrypt');
  return queue.run(() => hash(Buffer.from(secret), { cost, version: '2b' }));
}

/** A planted hash of cost 31 would keep a thread busy for days. */
function assertAffordable(cost: number, least: number = BCRYPT_COSTS.least): void {
  const { most } = BCRYPT_COSTS;
  if (!Number.isInteger(cost) || cost < least || cost > most) throw cryptoFault('CRYPTO_COST_REFUSED', { least, most });
}

const isHashedWhole = (secret: string): boolean =>
  Buffer.byteLength(secret) <= MAX_BYTES && !secret.includes('\0') && secret.isWellFormed();
