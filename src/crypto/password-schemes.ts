import { type Argon2Cost, parseArgon2 } from './argon2id.ts';
import { bcryptCostOf } from './bcrypt.ts';
import { parseDjango } from './django-form.ts';
import { parsePasslib } from './passlib-form.ts';
import { isAffordable, type ScryptCost, type StoredHash } from './stored-hash.ts';
import { parseWerkzeug } from './werkzeug-form.ts';

/** In what a new password is hashed: ours, or what a legacy system writes and reads. */
export type HashScheme =
  | { readonly kind: 'argon2id' }
  /** @property cost 10 to 15 */
  | { readonly kind: 'bcrypt'; readonly cost: number }
  /** `scrypt:32768:8:1$salt$hex` */
  | { readonly kind: 'werkzeug-scrypt' };

/** What reading a stored hash came to. */
export type ReadHash =
  | { readonly kind: 'read'; readonly stored: StoredHash }
  | { readonly kind: 'unknown' }
  /** Of a known form, and asks for more work than we do. */
  | { readonly kind: 'absurd' };

/** What Werkzeug writes since 2.3: 32 MiB. */
export const SCRYPT_COST: ScryptCost = { n: 32_768, r: 8, p: 1 };

const MAX_TEXT = 512;

const PARSERS: readonly ((text: string) => StoredHash | undefined)[] = [
  parseArgon2,
  (text) => (bcryptCostOf(text) === undefined ? undefined : { kind: 'bcrypt', hash: text }),
  parseWerkzeug,
  parseDjango,
  parsePasslib,
];

/** Reads a stored password hash of any system that we know, without work and in bounded time. */
export function readPasswordHash(text: string): ReadHash {
  if (text.length > MAX_TEXT) return { kind: 'unknown' };
  for (const parse of PARSERS) {
    const stored = parse(text);
    if (stored !== undefined) return isAffordable(stored) ? { kind: 'read', stored } : { kind: 'absurd' };
  }
  return { kind: 'unknown' };
}

/** How hard each kind is to guess from, with the settings that are in use: memory first, then time. */
const RANK = { hmac: 0, pbkdf2: 1, bcrypt: 2, scrypt: 3, argon2: 4 } as const satisfies Record<
  StoredHash['kind'],
  number
>;
const RANK_OF_SCHEME = { bcrypt: 2, 'werkzeug-scrypt': 3, argon2id: 4 } as const satisfies Record<
  HashScheme['kind'],
  number
>;

/**
 * In what to hash a password anew that has just been proved, so that no hash ever becomes weaker. The kinds rank argon2,
 * scrypt, bcrypt, PBKDF2, one HMAC. A hash of a lower kind than the wished one is made anew as wished; one of the same kind
 * or a higher one keeps it, and is made anew in its own kind where its settings are below ours (or below the wished cost).
 *
 * @param ours the cost of our argon2id
 * @returns undefined where it is to stay as it is
 */
export function risenScheme(stored: StoredHash, wish: HashScheme, ours: Argon2Cost): HashScheme | undefined {
  if (RANK[stored.kind] < RANK_OF_SCHEME[wish.kind]) return wish;
  switch (stored.kind) {
    case 'argon2':
      return stored.variant === 'argon2id' &&
        isAtLeast(stored.cost, ours) &&
        stored.salt.length >= 16 &&
        stored.tag.length >= 32
        ? undefined
        : { kind: 'argon2id' };
    case 'scrypt': {
      const { n, r, p } = stored.cost;
      const { n: leastN, r: leastR, p: leastP } = SCRYPT_COST;
      return n * r >= leastN * leastR && n * r * p >= leastN * leastR * leastP
        ? undefined
        : { kind: 'werkzeug-scrypt' };
    }
    case 'bcrypt': {
      const cost = wish.kind === 'bcrypt' ? wish.cost : 0;
      return (bcryptCostOf(stored.hash) ?? 0) >= cost ? undefined : wish;
    }
    case 'pbkdf2':
    case 'hmac':
      return wish;
  }
}

/** Memory is what an attacker has least of, so more passes make up for less of it only where it is at least as much. */
const isAtLeast = (has: Argon2Cost, wants: Argon2Cost): boolean =>
  has.memoryKib >= wants.memoryKib && has.memoryKib * has.passes >= wants.memoryKib * wants.passes;
