import { z } from 'zod';
import type { AuditSink } from '../kernel/audit.ts';
import { type PersonId, type RealmId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { foldedEmail, type Vault } from '../vault/index.ts';
import { dropAccountTokens } from './account-tokens.ts';
import { identityFault } from './errors.ts';
import { identityStore, type Person } from './store.ts';
import { accountStore } from './store-accounts.ts';
import { usernameKey } from './username.ts';

export interface EmailDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  /** Hears of an address that does not open, once of each person. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * An address with what it is stored and looked for by. Both are of the moment: asked for inside of the transaction that
 * uses them, they cannot be of a key that was emptied while it waited.
 */
export interface IndexedEmail {
  readonly address: string;
  /** @throws VAULT_PROVIDER_AWAY */
  stored(): string;
  /** @throws VAULT_PROVIDER_AWAY */
  searched(): readonly string[];
}

/** What there is to see of a person's address. */
export interface EmailFound {
  /** undefined where there is none, its key has been destroyed, or it does not open */
  readonly address: string | undefined;
  /** There is one, and it does not open: it was altered, its key was, or the provider of the master key is away. */
  readonly isUnreadable: boolean;
}

/** The e-mail addresses of people: sealed under the key of each, so that they are gone with it, and still found. */
export interface Emails {
  /** To be called just before the transaction that uses it, after everything that is waited for. @throws VAULT_PROVIDER_AWAY */
  index(address: string): Promise<IndexedEmail>;
  /** Whoever has the address, however it is spelt. */
  find(realm: RealmId, email: IndexedEmail): Promise<Person | undefined>;
  /** Never fails for the sake of the value: one that was altered must not hide everybody else of a list. */
  of(tx: Tx, person: Person): Promise<EmailFound>;
  /** The address of whoever has that id; undefined where it does not open or there is none. */
  ofId(tx: Tx, id: PersonId): Promise<string | undefined>;
  /**
   * What proved the old address proves nothing of the new one, and no link that was sent to it works any more. Mails may
   * reset the password again.
   *
   * @param email undefined takes it away
   * @throws IDENTITY_EMAIL_TAKEN, IDENTITY_PERSON_UNKNOWN
   */
  set(tx: Tx, actor: Actor, id: PersonId, email: IndexedEmail | undefined): Promise<void>;
}

/** @see RFC 5321 §4.5.3.1.3: a path has at most 256 octets, its brackets included */
export const emailAddress = z.email('must be an e-mail address').max(254, 'must have at most 254 characters');

const PLATFORM = tenantId('platform');
const INDEXED = { table: 'person', column: 'email' };
const NONE: EmailFound = { address: undefined, isUnreadable: false };
const MOST_TOLD = 1_000;
const BOUND = `${INDEXED.table}.${INDEXED.column}`; // what the sealed address is bound to, beside the person

export function createEmails({ storage, vault, audit, onError }: EmailDeps): Emails {
  const { subjects } = vault;
  const told = new Set<PersonId>();

  /** Once of each: who lists people again and again fills no log. A provider that is away tells so itself. */
  function tell(id: PersonId, cause: unknown): void {
    if (isFault(cause, 'VAULT_PROVIDER_AWAY') || told.has(id)) return;
    if (told.size >= MOST_TOLD) told.clear();
    told.add(id);
    onError?.(new Error(`the stored e-mail address of the person ${id} does not open`, { cause }));
  }

  async function of(tx: Tx, { id, sealedEmail }: Person): Promise<EmailFound> {
    if (sealedEmail === undefined) return NONE;
    try {
      return { address: await subjects.open(tx, id, BOUND, sealedEmail), isUnreadable: false };
    } catch (error) {
      if (isFault(error, 'VAULT_SUBJECT_ERASED')) return NONE;
      if (!isFault(error) || !UNREADABLE.has(error.code)) throw error;
      tell(id, error);
      return { address: undefined, isUnreadable: true };
    }
  }

  return {
    index: async (address) => {
      const fields = await vault.fields(PLATFORM);
      const folded = foldedEmail(address);
      return {
        address,
        stored: () => fields.index(INDEXED, folded),
        searched: () => fields.indexes(INDEXED, folded),
      };
    },
    find: (realm, email) => storage.read(platform, (tx) => identityStore.byEmail(tx, realm, email.searched())),
    of,
    ofId: async (tx, id) => {
      const person = await identityStore.byId(tx, id);
      return person && (await of(tx, person)).address;
    },
    set: async (tx, actor, id, email) => {
      const person = await identityStore.byId(tx, id);
      if (person === undefined) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      if (email !== undefined) await assertAddressFree(tx, person.realmId, email, id);
      const sealed = email && (await subjects.seal(tx, id, BOUND, email.address));
      await identityStore.setEmail(tx, id, sealed ?? null, email?.stored() ?? null);
      await accountStore.setVerified(tx, id, null);
      await accountStore.setMailResetBarred(tx, id, null);
      await dropAccountTokens(tx, id);
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

/**
 * Nobody else has the address, nor is called like it: names go before addresses at sign-in. The write is serializable,
 * so that two people who take one address at once do not both get it.
 *
 * @throws IDENTITY_EMAIL_TAKEN
 */
export async function assertAddressFree(tx: Tx, realm: RealmId, email: IndexedEmail, own?: PersonId): Promise<void> {
  const holder = await identityStore.byEmail(tx, realm, email.searched());
  const namesake = await identityStore.byName(tx, realm, usernameKey(email.address));
  const isTaken = [holder, namesake].some((one) => one !== undefined && one.id !== own);
  if (isTaken) throw identityFault('IDENTITY_EMAIL_TAKEN');
}

/** What the value, its key or the key's provider is to blame for; a database that fails is not among them. */
const UNREADABLE: ReadonlySet<string> = new Set(['VAULT_UNREADABLE', 'VAULT_MASTER_KEY', 'VAULT_PROVIDER_AWAY']);
