import { type EpochMs, epochMs, type PersonId, personId, type RealmId, realmId } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const person = {
  id: 'text',
  realm_id: 'text',
  username: 'text',
  username_key: 'text',
  password_hash: 'text',
  password_changed_at: 'int',
  disabled_at: 'int?',
  created_at: 'int',
  email: 'text?',
  email_index: 'text?',
  imported_in: 'text?', // the tenant whose import made this person
} as const;

const columns = Object.keys(person).join(', ');

const insertPerson = insertion({
  reach: 'platform',
  table: 'person',
  columns: person,
  unless: ['realm_id', 'username_key'],
});

const selectByName = statement({
  reach: 'platform',
  sql: `select ${columns} from person where realm_id = :realm and username_key = :key`,
  params: { realm: 'text', key: 'text' },
  returns: person,
});

const selectById = statement({
  reach: 'platform',
  sql: `select ${columns} from person where id = :id`,
  params: { id: 'text' },
  returns: person,
});

const selectByEmail = statement({
  reach: 'platform',
  sql: `select ${columns} from person where realm_id = :realm and email_index = :email`,
  params: { realm: 'text', email: 'text' },
  returns: person,
});

const updateEmail = statement({
  reach: 'platform',
  sql: 'update person set email = :email, email_index = :email_index where id = :id',
  params: { id: 'text', email: 'text?', email_index: 'text?' },
});

const selectMembers = statement({
  reach: 'platform',
  sql: `select ${columns} from person
    where id in (select person_id from membership where tenant_id = :tenant) and username_key > :after
    order by username_key limit :count`,
  params: { tenant: 'text', after: 'text', count: 'int' },
  returns: person,
});

/** Accounts that belong to no tenant any more; of an erased one nothing but the id is left. */
const selectWithoutTenant = statement({
  reach: 'platform',
  sql: `select ${columns} from person
    where id not in (select person_id from membership) and username <> 'erased-' || id and username_key > :after
    order by username_key limit :count`,
  params: { after: 'text', count: 'int' },
  returns: person,
});

const updatePassword = statement({
  reach: 'platform',
  sql: 'update person set password_hash = :hash, password_changed_at = :now where id = :id',
  params: { id: 'text', hash: 'text', now: 'int' },
});

const replaceHash = statement({
  reach: 'platform',
  sql: 'update person set password_hash = :next where id = :id and password_hash = :previous',
  params: { id: 'text', previous: 'text', next: 'text' },
});

const updateDisabled = statement({
  reach: 'platform',
  sql: 'update person set disabled_at = :at where id = :id',
  params: { id: 'text', at: 'int?' },
});

/** No hash has this form, so no password opens it. */
export const NO_PASSWORD = '!';

const erasePerson = statement({
  reach: 'platform',
  sql: `update person set username = :name, username_key = :name, password_hash = :hash, email = null,
    email_index = null, disabled_at = coalesce(disabled_at, :now) where id = :id`,
  params: { id: 'text', name: 'text', hash: 'text', now: 'int' },
});

export interface Person {
  readonly id: PersonId;
  readonly realmId: RealmId;
  readonly username: string;
  readonly usernameKey: string;
  readonly passwordHash: string;
  readonly disabledAt: EpochMs | undefined;
  readonly createdAt: EpochMs;
  /** Sealed under the person's own key; `emails.ts` opens it. */
  readonly sealedEmail: string | undefined;
}

export const identityStore = {
  /** @returns false when the name is taken in the realm */
  add: async (tx: Tx, row: RowOf<typeof person>): Promise<boolean> =>
    (await tx.insert(insertPerson, [row])).length === 0,
  byName: async (tx: Tx, realm: RealmId, key: string) => personOf(await tx.one(selectByName, { realm, key })),
  /** @param indexes what the blind index of one address may be stored as */
  byEmail: async (tx: Tx, realm: RealmId, indexes: readonly string[]): Promise<Person | undefined> => {
    for (const email of indexes) {
      const found = personOf(await tx.one(selectByEmail, { realm, email }));
      if (found !== undefined) return found;
    }
    return undefined;
  },
  setEmail: (tx: Tx, id: PersonId, email: string | null, email_index: string | null) =>
    tx.run(updateEmail, { id, email, email_index }),
  byId: async (tx: Tx, id: PersonId) => personOf(await tx.one(selectById, { id })),
  members: async (tx: Tx, tenant: string, after: string, count: number): Promise<readonly Person[]> =>
    (await tx.all(selectMembers, { tenant, after, count })).flatMap((row) => personOf(row) ?? []),
  withoutTenant: async (tx: Tx, after: string, count: number): Promise<readonly Person[]> =>
    (await tx.all(selectWithoutTenant, { after, count })).flatMap((row) => personOf(row) ?? []),
  setPassword: (tx: Tx, id: PersonId, hash: string, now: EpochMs) => tx.run(updatePassword, { id, hash, now }),
  /** Stores a stronger hash of the same password, unless it was changed meanwhile. */
  upgradeHash: (tx: Tx, id: PersonId, previous: string, next: string) => tx.run(replaceHash, { id, previous, next }),
  /** Leaves of a person nothing but the id, by which the audit log names them. */
  erase: (tx: Tx, id: PersonId, now: EpochMs) =>
    tx.run(erasePerson, { id, name: `erased-${id}`, hash: NO_PASSWORD, now }),
  setDisabled: (tx: Tx, id: PersonId, at: EpochMs | null) => tx.run(updateDisabled, { id, at }),
};

function personOf(row: RowOf<typeof person> | undefined): Person | undefined {
  return (
    row && {
      id: personId(row.id),
      realmId: realmId(row.realm_id),
      username: row.username,
      usernameKey: row.username_key,
      passwordHash: row.password_hash,
      disabledAt: row.disabled_at === null ? undefined : epochMs(row.disabled_at),
      createdAt: epochMs(row.created_at),
      sealedEmail: row.email ?? undefined,
    }
  );
}
