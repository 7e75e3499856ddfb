import { z } from 'zod';
import type { AuditSink } from '../kernel/audit.ts';
import { type PersonId, type RealmId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { foldedEmail, type Vault } from '../vault/index.ts';
import { identityFault } from './errors.ts';
import { identityStore, type Person } from './store.ts';

export interface EmailDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
}

/** An address with what it is stored and looked for by: made ahead of the write that uses it, which may wait for nothing. */
export interface IndexedEmail {
  readonly address: string;
  readonly stored: string;
  readonly searched: readonly string[];
}

/** The e-mail addresses of people: sealed under the key of each, so that they are gone with it, and still found. */
export interface Emails {
  index(address: string): Promise<IndexedEmail>;
  /** Whoever has the address, however it is spelt. */
  find(realm: RealmId, email: IndexedEmail): Promise<Person | undefined>;
  /** @returns undefined where there is none, or its key has been destroyed */
  of(tx: Tx, person: Person): Promise<string | undefined>;
  /** @param email undefined takes it away. @throws IDENTITY_EMAIL_TAKEN, IDENTITY_PERSON_UNKNOWN */
  set(tx: Tx, actor: Actor, id: PersonId, email: IndexedEmail | undefined): Promise<void>;
}

/** @see RFC 5321 §4.5.3.1.3: a path has at most 256 octets, its brackets included */
export const emailAddress = z.email('must be an e-mail address').max(254, 'must have at most 254 characters');

const PLATFORM = tenantId('platform');
const INDEXED = { table: 'person', column: 'email' };
const BOUND = `${INDEXED.table}.${INDEXED.column}`; // what the sealed address is bound to, beside the person

export function createEmails({ storage, vault, audit }: EmailDeps): Emails {
  const { subjects } = vault;

  /** The write is serializable, so that two people who take one address at once do not both get it. */
  async function assertFree(tx: Tx, person: Person, email: IndexedEmail): Promise<void> {
    const holder = await identityStore.byEmail(tx, person.realmId, email.searched);
    if (holder !== undefined && holder.id !== person.id) throw identityFault('IDENTITY_EMAIL_TAKEN');
  }

  return {
    index: async (address) => {
      const fields = await vault.fields(PLATFORM);
      const folded = foldedEmail(address);
      return { address, stored: fields.index(INDEXED, folded), searched: fields.indexes(INDEXED, folded) };
    },
    find: (realm, email) => storage.read(platform, (tx) => identityStore.byEmail(tx, realm, email.searched)),
    of: async (tx, { id, sealedEmail }) => {
      if (sealedEmail === undefined) return undefined;
      try {
        return await subjects.open(tx, id, BOUND, sealedEmail);
      } catch (error) {
        if (isFault(error, 'VAULT_SUBJECT_ERASED')) return undefined;
        throw error;
      }
    },
    set: async (tx, actor, id, email) => {
      const person = await identityStore.byId(tx, id);
      if (person === undefined) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      if (email !== undefined) await assertFree(tx, person, email);
      const sealed = email && (await subjects.seal(tx, id, BOUND, email.address));
      await identityStore.setEmail(tx, id, sealed ?? null, email?.stored ?? null);
      await audit.record(tx, {
        ...actor,
        action: 'person.email_changed',
        outcome: 'done',
        object: { type: 'person', id },
        facts: { removed: email === undefined },
      });
    },
  };
}
