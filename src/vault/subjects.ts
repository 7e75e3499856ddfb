import { decodeBase64url, encodeBase64url, hmacSha256, open, seal } from '../crypto/index.ts';
import type { PersonId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { vaultFault } from './errors.ts';
import { createNamedKeys, type NamedKeyDeps } from './named-keys.ts';
import { aadOf } from './place.ts';

/**
 * Keys of people and of months. What is sealed under a subject's key can be forgotten everywhere at once, also inside
 * of a log that must not change: destroy the key.
 */
export interface SubjectKeys {
  /** Seals text about a subject; makes the subject's key inside `tx` when there is none yet. */
  seal(tx: Tx, subject: Subject, column: string, text: string): Promise<string>;
  /** @throws VAULT_SUBJECT_ERASED, VAULT_UNREADABLE */
  open(tx: Tx, subject: Subject, column: string, sealed: string): Promise<string>;
  /** Destroys the key: nothing sealed under it opens again. @returns false when there was none */
  destroy(tx: Tx, subject: Subject): Promise<boolean>;
  /** Whom the values of somebody unknown are sealed under now: the calendar month, whose key can be let go as a whole. */
  month(): Subject;
  /**
   * A name for somebody unknown, the same within a calendar month (UTC) and untraceable after its key is gone.
   * 22 characters, 132 bits of HMAC-SHA256.
   */
  pseudonym(tx: Tx, text: string): Promise<string>;
  /**
   * Begins a new pseudonym key within the month, for when the last one may be known: names given from now on cannot be
   * traced by it. @returns the new key's name, as in `month-2026-11.2`
   */
  rotatePseudonyms(tx: Tx): Promise<string>;
}

/** A person, or the month of an unknown one: `month-2026-11`. */
export type Subject = PersonId | Month;
type Month = `month-${string}`;

const PREFIX = 'tks1.';

export function createSubjectKeys(deps: NamedKeyDeps): SubjectKeys {
  const { clock, random } = deps;
  const keys = createNamedKeys(deps);
  const month = (): Month => `month-${new Date(clock.now()).toISOString().slice(0, 7)}`;

  return {
    month,
    seal: async (tx, subject, column, text) => {
      const key = await keys.need(tx, 'subject', subject);
      const sealed = seal(key, random.bytes(12), Buffer.from(text), aadOf('tks1', subject, column));
      return PREFIX + encodeBase64url(sealed);
    },
    open: async (tx, subject, column, sealed) => {
      const bytes = sealed.startsWith(PREFIX) ? decodeBase64url(sealed.slice(PREFIX.length)) : undefined;
      if (bytes === undefined) throw vaultFault('VAULT_UNREADABLE');
      const key = await keys.find(tx, 'subject', subject);
      if (key === undefined) throw vaultFault('VAULT_SUBJECT_ERASED');
      const plain = open(key, bytes, aadOf('tks1', subject, column));
      if (plain === undefined) throw vaultFault('VAULT_UNREADABLE');
      return plain.toString();
    },
    destroy: (tx, subject) => keys.destroy(tx, 'subject', subject),
    pseudonym: async (tx, text) => {
      const key = await keys.need(tx, 'pseudonym', month());
      return encodeBase64url(hmacSha256(key, text)).slice(0, 22);
    },
    rotatePseudonyms: (tx) => keys.follow(tx, 'pseudonym', month()),
  };
}
