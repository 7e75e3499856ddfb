import { checksum6, encodeBase62, sha256 } from '../crypto/index.ts';
import type { Random } from '../kernel/random.ts';

/** The text of a key, and what is kept of it. */
export interface NewKey {
  /** `tk_<public part>_<secret><checksum>`: shown once, kept nowhere. */
  readonly text: string;
  /** The public part: names the key in lists and logs, and finds its row. */
  readonly prefix: string;
  readonly digest: Buffer;
}

export interface PresentedKey {
  readonly prefix: string;
  readonly digest: Buffer;
}

const FORM = /^tk_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;
const SECRET_CHARS = 43; // 32 bytes in base 62, padded

/**
 * A new key: 12 characters that are public, 32 random bytes, and 6 that are the CRC-32 of the rest. The checksum lets a
 * secret scanner tell a key from a look-alike without asking us.
 */
export function newKey(random: Random): NewKey {
  const prefix = encodeBase62(random.bytes(16)).slice(-12).padStart(12, '0');
  const secret = encodeBase62(random.bytes(32)).padStart(SECRET_CHARS, '0');
  const body = `tk_${prefix}_${secret}`;
  const text = body + checksum6(body);
  return { text, prefix, digest: sha256(text) };
}

/** Takes a presented key apart; `undefined` for what cannot be one of ours, which then needs no look-up. */
export function readKey(text: string): PresentedKey | undefined {
  const [, prefix, secret, checksum] = FORM.exec(text) ?? [];
  if (prefix === undefined || text.endsWith('\n')) return undefined;
  if (checksum6(`tk_${prefix}_${secret}`) !== checksum) return undefined;
  return { prefix, digest: sha256(text) };
}

/** Whether a text has the form of our keys, mistyped or not: then it is no key of another system. */
export const isOurForm = (text: string): boolean => FORM.test(text);
