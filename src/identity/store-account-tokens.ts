import { type EpochMs, epochMs, type PersonId, personId } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const token = {
  id: 'text',
  digest: 'text',
  purpose: 'text',
  person_id: 'text?',
  payload: 'text',
  email_index: 'text?',
  created_at: 'int',
  expires_at: 'int',
} as const;

const columns = Object.keys(token).join(', ');

const insertToken = insertion({ reach: 'platform', table: 'account_token', columns: token });

const selectToken = statement({
  reach: 'platform',
  sql: `select ${columns} from account_token where digest = :digest and expires_at > :now`,
  params: { digest: 'text', now: 'int' },
  returns: token,
});

/** The row is gone with its use: of two who use it at once, one deletes it. */
const spendToken = statement({
  reach: 'platform',
  sql: 'delete from account_token where id = :id and expires_at > :now',
  params: { id: 'text', now: 'int' },
});

const dropOfPerson = statement({
  reach: 'platform',
  sql: 'delete from account_token where person_id = :person',
  params: { person: 'text' },
});

const dropPurposeOfPerson = statement({
  reach: 'platform',
  sql: 'delete from account_token where person_id = :person and purpose = :purpose',
  params: { person: 'text', purpose: 'text' },
});

const dropOfEmail = statement({
  reach: 'platform',
  sql: 'delete from account_token where email_index = :email and purpose = :purpose and person_id is null',
  params: { email: 'text', purpose: 'text' },
});

const dropExpired = statement({
  reach: 'platform',
  sql: 'delete from account_token where expires_at <= :now',
  params: { now: 'int' },
});

export interface TokenRow {
  readonly id: string;
  readonly purpose: string;
  readonly personId: PersonId | undefined;
  /** Sealed. */
  readonly payload: string;
  readonly expiresAt: EpochMs;
}

export const accountTokenStore = {
  add: (tx: Tx, row: RowOf<typeof token>) => tx.insert(insertToken, [row]),
  byDigest: async (tx: Tx, digest: string, now: EpochMs) => rowOf(await tx.one(selectToken, { digest, now })),
  spend: async (tx: Tx, id: string, now: EpochMs): Promise<boolean> => (await tx.run(spendToken, { id, now })) > 0,
  dropOfPerson: (tx: Tx, person: PersonId) => tx.run(dropOfPerson, { person }),
  dropPurposeOfPerson: (tx: Tx, person: PersonId, purpose: string) => tx.run(dropPurposeOfPerson, { person, purpose }),
  /** @param indexes what the blind index of one address may be stored as */
  dropOfEmail: async (tx: Tx, indexes: readonly string[], purpose: string): Promise<void> => {
    for (const email of indexes) await tx.run(dropOfEmail, { email, purpose });
  },
  prune: (tx: Tx, now: EpochMs) => tx.run(dropExpired, { now }),
};

function rowOf(row: RowOf<typeof token> | undefined): TokenRow | undefined {
  return (
    row && {
      id: row.id,
      purpose: row.purpose,
      personId: row.person_id === null ? undefined : personId(row.person_id),
      payload: row.payload,
      expiresAt: epochMs(row.expires_at),
    }
  );
}
