import { availableParallelism } from 'node:os';
import type { Random } from '../kernel/random.ts';
import { type Argon2Cost, argon2id, formatArgon2id, isAffordable } from './argon2id.ts';
import { bcryptCostOf, createBcrypt, hashBcrypt } from './bcrypt.ts';
import { type HashScheme, readPasswordHash, risenScheme, SCRYPT_COST } from './password-schemes.ts';
import { coverOf, createHashWeights } from './password-weight.ts';
import { matchesStored, type StoredHash, scryptHash } from './stored-hash.ts';
import { formatWerkzeugScrypt } from './werkzeug-form.ts';
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
 * caller to bound. All that works throws CRYPTO_BUSY when too many wait.
 */
export interface PasswordHasher {
  /**
   * A new hash with a random salt: `$argon2id$v=19$m=…,t=…,p=…$<salt>$<tag>` unless another scheme is wished.
   *
   * @throws CRYPTO_PASSWORD_TOO_LONG for more than 72 bytes in bcrypt, which would be cut; CRYPTO_COST_REFUSED
   */
  hash(password: string, scheme?: HashScheme): Promise<string>;
  /**
   * @param stored A hash in any form that `readPasswordHash` reads; anything else, and what asks for absurd work, is false
   *   at once.
   */
  verify(stored: string, password: string): Promise<boolean>;
  /**
   * The same with the work of a sign-in whatever is stored, nothing included, so that the time of the answer tells less:
   * where there is no hash, or one without work that does not match, `pretend` is done.
   *
   * @param barred Whose right password is no good either, and costs what a wrong one does.
   */
  check(stored: string | undefined, password: string, wish?: HashScheme, barred?: boolean): Promise<boolean>;
  /**
   * How soon at the earliest a refusal may be answered for the time of that hash's check not to show, in milliseconds
   * here, with some to spare; 0 for what `readPasswordHash` does not read.
   *
   * @throws CRYPTO_BUSY
   */
  coverOf(stored: string): Promise<number>;
  /** The same of the dearest hash that `check` has met. A password that has another form in NFC takes twice as long. */
  dearestMs(): number;
  /** In what to hash a proved password anew; `undefined` where its hash may stay. Never weaker: see `risenScheme`. */
  schemeFor(stored: string, password: string, wish?: HashScheme): HashScheme | undefined;
  /** Whether `schemeFor` of a short password would say something. */
  needsRehash(stored: string, wish?: HashScheme): boolean;
  /**
   * The work of `verify` for a name that nobody has, so that the time of the answer does not tell which names exist.
   * It equals that of hashes of the wished scheme: another reason to follow `schemeFor`.
   */
  pretend(password: string, wish?: HashScheme): Promise<false>;
}

const SALT_BYTES = 16;
const TAG_BYTES = 32;
const SCRYPT_TAG_BYTES = 64;
/** What bcrypt reads of a password. */
const BCRYPT_BYTES = 72;
/** From here on a check takes so long that others in the queue tell by it what is stored. */
const DEAR_COST = 13;
/** The work of nobody's hash comes on top of what takes no more than this part of it, and all are evened out above both. */
const CHEAP_PART = 1 / 8;
const OURS: HashScheme = { kind: 'argon2id' };
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
 * Hashes passwords off the event loop, a few at a time: each takes 19 MiB or more and a thread that disk syncs wait for
 * too.
 *
 * @throws RangeError for a cost out of bounds
 * @see RFC 9106 §3 and §4
 */
export function createPasswordHasher(deps: PasswordHasherDeps): PasswordHasher {
  const { random, cost = COST, queue = createHashQueue() } = deps;
  if (!isAffordable(cost)) throw new RangeError('argon2id cost out of bounds');
  const nobody = { salt: random.bytes(SALT_BYTES), tag: random.bytes(TAG_BYTES) };
  const bcrypt = createBcrypt({ queue });
  const weights = createHashWeights();
  let dearest = 0;

  async function hash(password: string, scheme: HashScheme = OURS): Promise<string> {
    const message = password.normalize('NFC');
    switch (scheme.kind) {
      case 'argon2id': {
        const salt = random.bytes(SALT_BYTES);
        const tag = await queue.run(() => argon2id(Buffer.from(message), cost, salt, TAG_BYTES));
        return formatArgon2id({ cost, salt, tag });
      }
      case 'bcrypt':
        return hashBcrypt(queue, message, scheme.cost);
      case 'werkzeug-scrypt': {
        const salt = Buffer.from(random.bytes(SALT_BYTES)).toString('hex'); // Werkzeug keys by the characters of the salt
        const tag = await queue.run(() =>
          scryptHash(Buffer.from(message), Buffer.from(salt), SCRYPT_COST, SCRYPT_TAG_BYTES),
        );
        return formatWerkzeugScrypt(SCRYPT_COST, salt, tag);
      }
    }
  }

  async function verify(text: string, password: string): Promise<boolean> {
    const read = readPasswordHash(text);
    return read.kind === 'read' && queue.run(() => matches(read.stored, password));
  }

  async function pretend(password: string, wish: HashScheme = OURS): Promise<false> {
    switch (wish.kind) {
      case 'argon2id':
        await queue.run(() => matches({ kind: 'argon2', variant: 'argon2id', cost, ...nobody }, password));
        return false;
      case 'bcrypt':
        for (const _ of formsOf(password)) await bcrypt.pretend(wish.cost);
        return false;
      case 'werkzeug-scrypt':
        await queue.run(() => matches({ kind: 'scrypt', cost: SCRYPT_COST, ...nobody }, password));
        return false;
    }
  }

  /** A hash that is cheaper than one that nobody has must not be told by it. @param tookMs what its own check took */
  async function makeUp(stored: StoredHash, password: string, tookMs: number, wish: HashScheme = OURS): Promise<false> {
    if (stored.kind === 'hmac') return pretend(password, wish);
    if (wish.kind !== 'bcrypt' || wish.cost < DEAR_COST) return false; // answers are evened out to more than that
    if (stored.kind !== 'bcrypt') {
      const whole = (await weights.ofBcrypt(wish.cost)) * formsOf(password).size;
      return tookMs <= whole * CHEAP_PART && pretend(password, wish);
    }
    // Rounds of one cost are twice those of the one below: all from the stored one on are together what is missing.
    for (let cost = bcryptCostOf(stored.hash) ?? wish.cost; cost < wish.cost; cost++)
      await pretend(password, { kind: 'bcrypt', cost });
    return false;
  }

  /** Takes note of what its check takes. Nobody waits for that, and what was too busy is weighed when it is met again. */
  function meet(stored: StoredHash): void {
    weights.of(stored).then(
      (ms) => {
        dearest = Math.max(dearest, coverOf(ms));
      },
      () => undefined,
    );
  }

  async function check(text = '', password: string, wish?: HashScheme, barred = false): Promise<boolean> {
    const read = readPasswordHash(text);
    if (read.kind !== 'read') return pretend(password, wish);
    let tookMs = 0;
    const proved = await queue.run(async () => {
      const from = performance.now();
      const matched = await matches(read.stored, password);
      tookMs = performance.now() - from;
      return matched;
    });
    if (proved && !barred) return true;
    meet(read.stored);
    return makeUp(read.stored, password, tookMs, wish);
  }

  function schemeFor(text: string, password: string, wish: HashScheme = OURS): HashScheme | undefined {
    const read = readPasswordHash(text);
    if (read.kind !== 'read') return wish;
    const isCut = Buffer.byteLength(password.normalize('NFC')) > BCRYPT_BYTES;
    if (isCut && read.stored.kind === 'bcrypt' && read.stored.prehash === undefined) return OURS; // it was cut elsewhere
    const scheme = risenScheme(read.stored, wish, cost);
    return isCut && scheme?.kind === 'bcrypt' ? OURS : scheme; // bcrypt cannot hold it, and argon2id ranks above
  }

  return {
    hash,
    verify,
    check,
    coverOf: async (text) => {
      const read = readPasswordHash(text);
      return read.kind === 'read' ? coverOf(await weights.of(read.stored)) : 0;
    },
    dearestMs: () => dearest,
    schemeFor,
    needsRehash: (text, wish) => schemeFor(text, '', wish) !== undefined,
    pretend,
  };
}

/**
 * Tries the password in NFC, then as it was typed where that differs: systems that we take hashes over from did not
 * normalise, and whoever had such a password there could not sign in any more.
 */
async function matches(stored: StoredHash, password: string): Promise<boolean> {
  for (const form of formsOf(password)) {
    if (await matchesStored(stored, form)) return true;
  }
  return false;
}

const formsOf = (password: string): ReadonlySet<string> => new Set([password.normalize('NFC'), password]);
