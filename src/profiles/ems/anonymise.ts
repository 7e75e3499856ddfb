import { sha256 } from '../../crypto/index.ts';

const PERSONAL = new Set(['customer_id', 'email', 'phone', 'address']);
const DIGITS = 16;

/**
 * A pseudonym that stays the same for the same value, so that records of one person can still be told to be so: the first
 * 16 hexadecimal digits of `sha256(value + salt)`, as the EMS agent's `hash_pii` made them (E18).
 *
 * @param salt Kept secret: e-mail addresses and phone numbers can be tried one after another by whoever knows it.
 * @throws TypeError for an empty salt, and for text with lone surrogates, of which several would have one pseudonym
 */
export function hashPii(value: string, salt: string): string {
  if (salt === '') throw new TypeError('pseudonyms need a salt');
  if (!value.isWellFormed() || !salt.isWellFormed()) {
    throw new TypeError('text with lone surrogates has no pseudonym of its own');
  }
  return sha256(value + salt)
    .toString('hex')
    .slice(0, DIGITS);
}

/**
 * A copy of a record for analytics, as `anonymize_record` made it: `customer_id`, `email`, `phone` and `address` are
 * pseudonyms where they are present, all else is as it was. The record itself is not changed.
 *
 * @param record Plain; members of members are not looked at.
 * @throws TypeError where one of the four is no text, whole number or nothing (it would otherwise leave as it is), and as `hashPii` does
 */
export function anonymiseRecord(record: object, salt: string): Record<string, unknown> {
  if (salt === '') throw new TypeError('pseudonyms need a salt'); // also where the record has none of the four
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, PERSONAL.has(name) ? pseudonymOf(name, value, salt) : value]),
  );
}

function pseudonymOf(name: string, value: unknown, salt: string): string | null | undefined {
  if (value === null || value === undefined) return value;
  // Others are spelt in several ways, and the older system's pseudonyms would not be met again.
  const text = Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string') throw new TypeError(`${name} must be text or a whole number to have a pseudonym`);
  return hashPii(text, salt);
}
