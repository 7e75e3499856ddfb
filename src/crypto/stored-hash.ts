import { createHash, createHmac, pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { type Argon2Cost, type Argon2Variant, argon2, isAffordable as isAffordableArgon2 } from './argon2id.ts';
import { BCRYPT_COSTS, bcryptCostOf } from './bcrypt.ts';
import { equalBytes } from './digest.ts';

/** Digests that other systems keyed or iterated. MD5 and SHA-1 are read, and never written. */
export type DigestName = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** Cost of scrypt: `n` is a power of two. */
export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** What bcrypt is given in the place of the password, where a system hashes it first. */
export type Prehash =
  | { readonly kind: 'sha256-hex' }
  | { readonly kind: 'sha256-base64' }
  | { readonly kind: 'hmac-sha256-base64'; readonly key: string };

/** A stored password hash, whoever wrote it, by what is to be computed for it. */
export type StoredHash =
  | {
      readonly kind: 'argon2';
      readonly variant: Argon2Variant;
      readonly cost: Argon2Cost;
      readonly salt: Uint8Array;
      readonly tag: Uint8Array;
    }
  | { readonly kind: 'scrypt'; readonly cost: ScryptCost; readonly salt: Uint8Array; readonly tag: Uint8Array }
  /** `hash` is in the form `$2b$12$…`, checked. */
  | { readonly kind: 'bcrypt'; readonly hash: string; readonly prehash?: Prehash }
  | {
      readonly kind: 'pbkdf2';
      readonly digest: DigestName;
      readonly rounds: number;
      readonly salt: Uint8Array;
      readonly tag: Uint8Array;
    }
  /** One HMAC keyed by the salt: no work at all, and so due at the next sign-in. */
  | { readonly kind: 'hmac'; readonly digest: DigestName; readonly salt: Uint8Array; readonly tag: Uint8Array };

/** Bytes that each digest gives; a tag of another length is of no system that we know. */
export const DIGEST_BYTES: Readonly<Record<DigestName, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** More than any default so far (Django 6.0: 1,200,000), and at most two to four seconds of one thread. */
const MOST_ROUNDS = 3_000_000;
/** Memory of scrypt is 128·n·r bytes: 128 MiB. The common settings take 16 to 64. */
const MOST_SCRYPT_BLOCKS = 2 ** 20;
/** n·r·p: eight times what Werkzeug's setting takes. */
const MOST_SCRYPT_WORK = 2 ** 21;
const MAX_BCRYPT_BYTES = 72;

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify<Buffer, Uint8Array, number, object, Buffer>(scrypt);

/** PBKDF2 with HMAC, on a thread of the pool. @see RFC 8018 §5.2 */
export const pbkdf2Hmac = (
  digest: DigestName,
  message: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Promise<Buffer> => derivePbkdf2(message, salt, rounds, length, digest);

/** scrypt on a thread of the pool, in as much memory as its cost asks for. @see RFC 7914 */
export const scryptHash = (
  message: Uint8Array,
  salt: Uint8Array,
  { n, r, p }: ScryptCost,
  length: number,
): Promise<Buffer> =>
  deriveScrypt(Buffer.from(message), salt, length, { N: n, r, p, maxmem: 132 * n * r + 128 * r * p + 65_536 });

/**
 * Whether the work is work that we are ready to do: a planted hash must take neither the memory nor a thread for days.
 */
export function isAffordable(stored: StoredHash): boolean {
  switch (stored.kind) {
    case 'argon2':
      return isAffordableArgon2(stored.cost);
    case 'scrypt': {
      const { n, r, p } = stored.cost;
      const isPower = n >= 2 && Number.isInteger(Math.log2(n));
      return isPower && r >= 1 && p >= 1 && n * r <= MOST_SCRYPT_BLOCKS && n * r * p <= MOST_SCRYPT_WORK;
    }
    case 'bcrypt': {
      const cost = bcryptCostOf(stored.hash) ?? 0;
      return cost >= BCRYPT_COSTS.least && cost <= BCRYPT_COSTS.most;
    }
    case 'pbkdf2':
      return stored.rounds >= 1 && stored.rounds <= MOST_ROUNDS;
    case 'hmac':
      return true;
  }
}

/**
 * Whether the hash is of exactly this message. The work is off the event loop, and of an affordable hash only.
 *
 * @param message As it is hashed: no form of Unicode is changed here.
 */
export async function matchesStored(stored: StoredHash, message: string): Promise<boolean> {
  const bytes = Buffer.from(message);
  switch (stored.kind) {
    case 'argon2': {
      const { variant, cost, salt, tag } = stored;
      return equalBytes(await argon2(variant, bytes, cost, salt, tag.length), tag);
    }
    case 'scrypt':
      return equalBytes(await scryptHash(bytes, stored.salt, stored.cost, stored.tag.length), stored.tag);
    case 'bcrypt':
      return matchesBcrypt(stored.hash, stored.prehash, message);
    case 'pbkdf2': {
      const { digest, rounds, salt, tag } = stored;
      return equalBytes(await pbkdf2Hmac(digest, bytes, salt, rounds, tag.length), tag);
    }
    case 'hmac':
      return equalBytes(createHmac(stored.digest, stored.salt).update(bytes).digest(), stored.tag);
  }
}

/**
 * Systems that took passwords longer than bcrypt reads cut them at 72 bytes, and the owners of those passwords must get
 * in (once: such a hash is made anew at that sign-in, over the whole password). We never hash one so ourselves.
 */
async function matchesBcrypt(hash: string, prehash: Prehash | undefined, message: string): Promise<boolean> {
  const secret = Buffer.from(prehash === undefined ? message : prehashed(prehash, message));
  if (secret.includes(0) || !message.isWellFormed()) return false; // NUL ends it elsewhere; a lone surrogate is another
  const { verify } = await import('@node-rs/bcrypt'); // native code that most processes never need
  return verify(secret.subarray(0, MAX_BCRYPT_BYTES), hash);
}

function prehashed(prehash: Prehash, message: string): string {
  switch (prehash.kind) {
    case 'sha256-hex':
      return createHash('sha256').update(message).digest('hex');
    case 'sha256-base64':
      return createHash('sha256').update(message).digest('base64');
    case 'hmac-sha256-base64':
      return createHmac('sha256', prehash.key).update(message).digest('base64');
  }
}
