import { type EpochMs, epochMs, type PersonId, personId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const passkey = {
  id: 'text',
  person_id: 'text',
  credential_id: 'text',
  public_key: 'bytes',
  counter: 'int',
  transports: 'json',
  about: 'text',
  backed_up: 'bool',
  created_at: 'int',
  last_used_at: 'int?',
} as const;

const columns = Object.keys(passkey).join(', ');

const insertPasskey = insertion({
  reach: 'platform',
  table: 'passkey',
  columns: passkey,
  unless: ['credential_id'],
});

const selectOf = statement({
  reach: 'platform',
  sql: `select ${columns} from passkey where person_id = :person order by created_at, id`,
  params: { person: 'text' },
  returns: passkey,
});

const selectCredential = statement({
  reach: 'platform',
  sql: `select ${columns} from passkey where credential_id = :credential`,
  params: { credential: 'text' },
  returns: passkey,
});

const countOf = statement({
  reach: 'platform',
  sql: 'select count(*) as held from passkey where person_id = :person',
  params: { person: 'text' },
  returns: { held: 'int' },
});

/** An authenticator without a counter says 0 for good; any other must count upwards. */
const touchPasskey = statement({
  reach: 'platform',
  sql: `update passkey set counter = :counter, backed_up = :backed_up, last_used_at = :now
    where id = :id and (counter < :counter or (counter = 0 and :counter = 0))`,
  params: { id: 'text', counter: 'int', backed_up: 'bool', now: 'int' },
});

const deletePasskey = statement({
  reach: 'platform',
  sql: 'delete from passkey where person_id = :person and id = :id',
  params: { person: 'text', id: 'text' },
});

const deleteOf = statement({
  reach: 'platform',
  sql: 'delete from passkey where person_id = :person',
  params: { person: 'text' },
});

const insertSpent = insertion({
  reach: 'platform',
  table: 'passkey_challenge_spent',
  columns: { digest: 'bytes', expires_at: 'int' },
  unless: ['digest'],
});

const deleteSpent = statement({
  reach: 'platform',
  sql: 'delete from passkey_challenge_spent where expires_at <= :now',
  params: { now: 'int' },
});

/** A passkey as it lies in the database. */
export interface StoredPasskey {
  readonly id: string;
  readonly personId: PersonId;
  /** As the authenticator chose it, in base64url. */
  readonly credentialId: string;
  /** COSE_Key. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly counter: number;
  readonly transports: readonly string[];
  /** Sealed under the person's key. */
  readonly about: string;
  /** Kept by a provider for several devices. */
  readonly backedUp: boolean;
  readonly createdAt: EpochMs;
  readonly lastUsedAt: EpochMs | undefined;
}

export const passkeyStore = {
  /** @returns false when the credential is registered already, by whomever */
  add: async (tx: Tx, added: StoredPasskey): Promise<boolean> =>
    (await tx.insert(insertPasskey, [rowOf(added)])).length === 0,
  of: async (tx: Tx, person: PersonId): Promise<readonly StoredPasskey[]> =>
    (await tx.all(selectOf, { person })).map(passkeyOf),
  byCredential: async (tx: Tx, credential: string): Promise<StoredPasskey | undefined> => {
    const row = await tx.one(selectCredential, { credential });
    return row && passkeyOf(row);
  },
  count: async (tx: Tx, person: PersonId): Promise<number> => (await tx.one(countOf, { person }))?.held ?? 0,
  /** @returns false when the counter did not go up: of two uses at once with one value, one */
  touch: async (tx: Tx, id: string, counter: number, backed_up: boolean, now: EpochMs): Promise<boolean> =>
    (await tx.run(touchPasskey, { id, counter, backed_up, now })) > 0,
  remove: async (tx: Tx, person: PersonId, id: string): Promise<boolean> =>
    (await tx.run(deletePasskey, { person, id })) > 0,
  removeAll: (tx: Tx, person: PersonId): Promise<number> => tx.run(deleteOf, { person }),
  /** Marks a challenge as answered, and forgets those that are too old to be answered anyway. @returns false when it was */
  spend: async (tx: Tx, digest: Uint8Array, until: EpochMs, now: EpochMs): Promise<boolean> => {
    await tx.run(deleteSpent, { now });
    return (await tx.insert(insertSpent, [{ digest, expires_at: until }])).length === 0;
  },
};

const rowOf = (added: StoredPasskey): RowOf<typeof passkey> => ({
  id: added.id,
  person_id: added.personId,
  credential_id: added.credentialId,
  public_key: added.publicKey,
  counter: added.counter,
  transports: added.transports,
  about: added.about,
  backed_up: added.backedUp,
  created_at: added.createdAt,
  last_used_at: added.lastUsedAt ?? null,
});

const passkeyOf = (row: RowOf<typeof passkey>): StoredPasskey => ({
  id: row.id,
  personId: personId(row.person_id),
  credentialId: row.credential_id,
  publicKey: new Uint8Array(row.public_key),
  counter: row.counter,
  transports: textsOf(row.transports),
  about: row.about,
  backedUp: row.backed_up,
  createdAt: epochMs(row.created_at),
  lastUsedAt: row.last_used_at === null ? undefined : epochMs(row.last_used_at),
});

const textsOf = (value: Json): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
