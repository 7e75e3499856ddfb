import { z } from 'zod';
import { decodeBase64url, encodeBase64url, hmacSha256 } from '../crypto/index.ts';
import type { PersonId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Vault } from '../vault/index.ts';
import { BACKUP, DETAILS, PEPPER } from './sealed-fields.ts';
import { type FactorRow, mfaStore } from './store.ts';

const PEPPER_BYTES = 32;

/** Bound to the id of its factor, so that a row's secret can't be set into another row of the same person. */
const details = z.strictObject({
  id: z.string(),
  label: z.string(),
  secret: z.string().optional(),
  to: z.string().optional(),
  backup: z.string().optional(),
});

/** What of a factor is sealed. */
export interface Details {
  readonly label: string;
  /** Of TOTP. */
  readonly secret?: Buffer | undefined;
  /** A telephone number or an e-mail address. */
  readonly to?: string | undefined;
  /** Codes that were shown when it was begun: they become good with it, and not before. */
  readonly backup?: readonly string[] | undefined;
}

export interface HeldFactor {
  readonly row: FactorRow;
  /** undefined where it does not open: then it answers for nothing, and still counts as set up */
  readonly details: Details | undefined;
}

/** The secrets of people, sealed under the key of each. */
export interface Held {
  factors(tx: Tx, person: PersonId): Promise<readonly HeldFactor[]>;
  sealDetails(tx: Tx, person: PersonId, id: string, of: Details): Promise<string>;
  /** What codes of a person are digested under; undefined where there is nothing of theirs, or it does not open. */
  pepper(tx: Tx, person: PersonId): Promise<Pepper | undefined>;
  /** The same, made where there is none. */
  needPepper(tx: Tx, person: PersonId): Promise<Pepper>;
  backup(tx: Tx, person: PersonId): Promise<readonly string[]>;
  setBackup(tx: Tx, person: PersonId, codes: readonly string[]): Promise<void>;
}

/** Digests under a key of the person: six digits are found at once by whoever has a digest that anybody can make. */
export type Pepper = (purpose: string, code: string) => Buffer;

export interface HeldDeps {
  readonly subjects: Vault['subjects'];
  readonly random: Random;
  /** Hears of what does not open. */
  readonly onError: (error: unknown) => void;
}

export function createHeld({ subjects, random, onError }: HeldDeps): Held {
  /** What was altered must not shut its owner out of the other ways; whatever else fails goes through. */
  async function open(tx: Tx, person: PersonId, column: string, sealed: string): Promise<string | undefined> {
    try {
      return await subjects.open(tx, person, column, sealed);
    } catch (error) {
      if (isFault(error, 'VAULT_SUBJECT_ERASED')) return undefined;
      if (!isFault(error, 'VAULT_UNREADABLE')) throw error;
      onError(new Error(`a second factor of the person ${person} does not open (${column})`, { cause: error }));
      return undefined;
    }
  }

  async function pepper(tx: Tx, person: PersonId): Promise<Pepper | undefined> {
    const row = await mfaStore.person(tx, person);
    const opened = row && (await open(tx, person, PEPPER, row.pepper));
    const key = opened === undefined ? undefined : decodeBase64url(opened);
    return key && pepperOf(key);
  }

  return {
    factors: async (tx, person) => {
      const held: HeldFactor[] = [];
      for (const row of await mfaStore.factors(tx, person)) {
        const text = await open(tx, person, DETAILS, row.details);
        held.push({ row, details: text === undefined ? undefined : parseDetails(row.id, text) });
      }
      return held;
    },
    sealDetails: (tx, person, id, { label, secret, to, backup }) =>
      subjects.seal(
        tx,
        person,
        DETAILS,
        JSON.stringify({
          ...{ id, label, to, backup: backup?.join(' ') },
          secret: secret === undefined ? undefined : encodeBase64url(secret),
        }),
      ),
    pepper,
    needPepper: async (tx, person) => {
      const known = await pepper(tx, person);
      if (known !== undefined) return known;
      const key = random.bytes(PEPPER_BYTES);
      const sealed = await subjects.seal(tx, person, PEPPER, encodeBase64url(key));
      if (await mfaStore.addPerson(tx, person, sealed)) return pepperOf(key);
      const made = await pepper(tx, person); // by somebody else meanwhile
      if (made === undefined) throw new Error(`the pepper of the person ${person} does not open`);
      return made;
    },
    backup: async (tx, person) => {
      const row = await mfaStore.person(tx, person);
      const text = row?.backup === undefined ? undefined : await open(tx, person, BACKUP, row.backup);
      return text === undefined ? [] : text.split(' ');
    },
    setBackup: async (tx, person, codes) => {
      const sealed = codes.length === 0 ? null : await subjects.seal(tx, person, BACKUP, codes.join(' '));
      await mfaStore.setBackup(tx, person, sealed);
    },
  };
}

/** Stands in for the pepper of somebody who has none, so that no clock tells. */
export const createNoPepper = (random: Random): Pepper => pepperOf(random.bytes(PEPPER_BYTES));

function pepperOf(key: Buffer): Pepper {
  return (purpose, code) => hmacSha256(key, `${purpose}\n${code}`);
}

function parseDetails(id: string, text: string): Details | undefined {
  const parsed = details.safeParse(JSON.parse(text));
  if (!parsed.success || parsed.data.id !== id) return undefined;
  const { label, secret, to, backup } = parsed.data;
  const bytes = secret === undefined ? undefined : decodeBase64url(secret);
  return { label, to, secret: bytes, backup: backup?.split(' ') };
}
