import { createSecretKey, type KeyObject } from 'node:crypto';
import { decodeBase64url, encodeBase64url, hmacSha256, open, seal } from '../crypto/index.ts';
import type { EpochMs, PersonId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import { type Bus, createFreshCache, type Storage } from '../storage/index.ts';
import { vaultFault } from './errors.ts';
import type { MasterKey } from './master-key.ts';
import { aadOf } from './place.ts';
import { type KeyPurpose, vaultStore } from './store.ts';

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
}

/** A person, or the month of an unknown one: `month-2026-11`. */
export type Subject = PersonId | Month;
type Month = `month-${string}`;

export interface SubjectKeyDeps {
  readonly storage: Pick<Storage, 'dialect'>;
  /** Tells the other processes of a destroyed key; without one they may open under it for another second. */
  readonly bus?: Bus | undefined;
  readonly master: MasterKey;
  readonly clock: Clock;
  readonly random: Random;
}

const PREFIX = 'tks1.';
const MAX_CACHED = 10_000;

export function createSubjectKeys({ storage, bus, master, clock, random }: SubjectKeyDeps): SubjectKeys {
  const topic = 'vault.subject-keys';
  const opened = createFreshCache<KeyObject>({ storage, bus, topic, clock, maxEntries: MAX_CACHED });

  async function keyOf(tx: Tx, purpose: KeyPurpose, name: string): Promise<KeyObject | undefined> {
    const cached = opened.get(`${purpose} ${name}`);
    if (cached !== undefined) return cached;
    const keep = opened.reading(`${purpose} ${name}`);
    const wrapped = await vaultStore.namedKey(tx, purpose, name);
    if (wrapped === undefined) return undefined;
    const key = createSecretKey(master.unwrap(wrapped, aadOf(`${purpose}-key`, name)));
    tx.afterCommit(() => keep(key)); // it may have been made in this very write, which may fail
    return key;
  }

  async function keyFor(tx: Tx, purpose: KeyPurpose, name: string, now: EpochMs): Promise<KeyObject> {
    const known = await keyOf(tx, purpose, name);
    if (known !== undefined) return known;
    const keep = opened.reading(`${purpose} ${name}`);
    const bytes = random.bytes(32);
    await vaultStore.addNamedKey(tx, purpose, name, master.wrap(bytes, aadOf(`${purpose}-key`, name)), now);
    const key = createSecretKey(bytes);
    tx.afterCommit(() => keep(key)); // a key of a write that failed exists nowhere else
    return key;
  }

  const month = (): Month => `month-${new Date(clock.now()).toISOString().slice(0, 7)}`;

  return {
    month,
    seal: async (tx, subject, column, text) => {
      const key = await keyFor(tx, 'subject', subject, clock.now());
      const sealed = seal(key, random.bytes(12), Buffer.from(text), aadOf('tks1', subject, column));
      return PREFIX + encodeBase64url(sealed);
    },
    open: async (tx, subject, column, sealed) => {
      const bytes = sealed.startsWith(PREFIX) ? decodeBase64url(sealed.slice(PREFIX.length)) : undefined;
      if (bytes === undefined) throw vaultFault('VAULT_UNREADABLE');
      const key = await keyOf(tx, 'subject', subject);
      if (key === undefined) throw vaultFault('VAULT_SUBJECT_ERASED');
      const plain = open(key, bytes, aadOf('tks1', subject, column));
      if (plain === undefined) throw vaultFault('VAULT_UNREADABLE');
      return plain.toString();
    },
    destroy: async (tx, subject) => {
      const destroyed = (await vaultStore.dropNamedKey(tx, 'subject', subject)) > 0;
      opened.drop(tx, `subject ${subject}`);
      return destroyed;
    },
    pseudonym: async (tx, text) => {
      const key = await keyFor(tx, 'pseudonym', month(), clock.now());
      return encodeBase64url(hmacSha256(key, text)).slice(0, 22);
    },
  };
}
