import type { HashScheme, PasswordHasher } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, type PersonId, personId, type RealmId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { assertAddressFree, createEmails, type Emails, type IndexedEmail } from './emails.ts';
import { identityFault } from './errors.ts';
import { assertOwnName } from './own-name.ts';
import {
  createPasswordRules,
  type PasswordContext,
  type PasswordPolicy,
  type PasswordVerdict,
} from './password-rules.ts';
import { identityStore, NO_PASSWORD, type Person } from './store.ts';
import { usernameKey } from './username.ts';

export interface IdentityDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly random: Random;
  /** What new passwords are hashed in unless a caller wishes otherwise. Default argon2id. */
  readonly scheme?: HashScheme | undefined;
  /** What new passwords must have. Default: 12 to 128 characters. */
  readonly passwords?: PasswordPolicy | undefined;
  /** Hears of what does not open and is shown as such. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What a sign-in with a password came to. Who was refused is for the log, never for the answer. */
export type Authentication =
  | { readonly kind: 'proved'; readonly person: Person }
  | { readonly kind: 'refused'; readonly person: Person | undefined };

/** Somebody who is not there yet. */
export interface NewIdentity {
  readonly realmId: RealmId;
  readonly username: string;
  /** What `hash` gave, a hash of another system that `readPasswordHash` reads, or `NO_PASSWORD`. */
  readonly passwordHash: string;
  /** The address that the same write gives them: the only one that they may be called by. */
  readonly address?: string | undefined;
  /** Taken over from another system, which is recorded in the place of the creation. */
  readonly imported?: ImportedFacts | undefined;
}

/** What an import knows of a person besides. */
export interface ImportedFacts {
  /** Who may take the import back. */
  readonly tenant: TenantId;
  readonly email?: IndexedEmail | undefined;
  readonly disabled: boolean;
  readonly createdAt?: EpochMs | undefined;
  /** For the record: counts, ids and codes. */
  readonly facts: Readonly<Record<string, string>>;
}

/** People and their passwords. */
export interface Identity {
  /**
   * By user name, else by e-mail address; both are always looked for. The same work for a known name, an unknown one, a
   * disabled person and one without a password, so that no clock tells them apart. A hash that is weaker than the wished
   * scheme is made anew of the password, never a weaker one.
   *
   * @param name a user name or an e-mail address; a user name that looks like an address goes first
   * @throws CRYPTO_BUSY when too many passwords wait to be hashed
   */
  authenticate(
    realm: RealmId,
    name: string,
    password: string,
    wish?: { readonly scheme?: HashScheme | undefined },
  ): Promise<Authentication>;
  /**
   * Says inside a write that what `authenticate` proved still holds.
   *
   * @throws IDENTITY_CREDENTIALS when the person was disabled or the password changed since
   */
  confirm(tx: Tx, proved: Person): Promise<void>;
  /** Hashed ahead of the write that stores it: a write may wait for nothing. */
  hash(password: string, scheme?: HashScheme): Promise<string>;
  /** Whether a new password is good enough, and if not, why. To be asked wherever one is chosen. */
  judge(password: string, context?: PasswordContext): Promise<PasswordVerdict>;
  /** @throws IDENTITY_USERNAME_TAKEN, IDENTITY_USERNAME_REFUSED, and IDENTITY_EMAIL_TAKEN of one that is imported */
  create(tx: Tx, actor: Actor, person: NewIdentity): Promise<PersonId>;
  /** @throws IDENTITY_PERSON_UNKNOWN */
  get(id: PersonId): Promise<Person>;
  /** The name of a person who may sign in, inside `tx`; `undefined` for one who is unknown or disabled. */
  activeName(tx: Tx, id: PersonId): Promise<string | undefined>;
  find(realm: RealmId, username: string): Promise<Person | undefined>;
  /** Members of a tenant by name, from the one after `after` on. */
  members(tenant: TenantId, after: string, count: number): Promise<readonly Person[]>;
  /** Those who belong to no tenant any more, in the same order. */
  withoutTenant(after: string, count: number): Promise<readonly Person[]>;
  setPassword(tx: Tx, actor: Actor, id: PersonId, passwordHash: string): Promise<void>;
  /** Takes the password away: a passkey alone signs the person in from then on. @throws IDENTITY_PERSON_UNKNOWN */
  setPasswordless(tx: Tx, actor: Actor, id: PersonId): Promise<void>;
  setDisabled(tx: Tx, actor: Actor, id: PersonId, disabled: boolean): Promise<void>;
  readonly emails: Emails;
}

/** What the sealed address of a person is bound to, as in `emails.ts`. */
const EMAIL = 'person.email';

export function createIdentity(deps: IdentityDeps): Identity {
  const { storage, audit, clock } = deps;
  const emails = createEmails(deps);
  const find = (realm: RealmId, name: string): Promise<Person | undefined> =>
    storage.read(platform, (tx) => identityStore.byName(tx, realm, usernameKey(name)));
  const aboutPerson = (id: PersonId) => ({ outcome: 'done', object: { type: 'person', id } }) as const;

  async function storePassword(tx: Tx, actor: Actor, id: PersonId, hash: string, action: string): Promise<void> {
    const changed = await identityStore.setPassword(tx, id, hash, clock.now());
    if (changed === 0) throw identityFault('IDENTITY_PERSON_UNKNOWN');
    await audit.record(tx, { ...actor, ...aboutPerson(id), action });
  }

  return {
    authenticate: createAuthentication(deps, emails),
    emails,
    confirm: async (tx, proved) => {
      const now = await identityStore.byId(tx, proved.id);
      const holds = now?.passwordHash === proved.passwordHash && now.disabledAt === undefined;
      if (!holds) throw identityFault('IDENTITY_CREDENTIALS');
    },
    find,
    hash: (password, scheme = deps.scheme) => deps.hasher.hash(password, scheme),
    judge: createPasswordRules(deps.passwords),
    create: createCreation(deps),
    get: async (id) => {
      const person = await storage.read(platform, (tx) => identityStore.byId(tx, id));
      if (person === undefined) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      return person;
    },
    activeName: async (tx, id) => {
      const person = await identityStore.byId(tx, id);
      return person === undefined || person.disabledAt !== undefined ? undefined : person.username;
    },
    withoutTenant: (after, count) => storage.read(platform, (tx) => identityStore.withoutTenant(tx, after, count)),
    members: (tenant, after, count) => storage.read(platform, (tx) => identityStore.members(tx, tenant, after, count)),
    setPassword: (tx, actor, id, hash) => storePassword(tx, actor, id, hash, 'person.password_changed'),
    setPasswordless: (tx, actor, id) => storePassword(tx, actor, id, NO_PASSWORD, 'person.password_removed'),
    setDisabled: async (tx, actor, id, disabled) => {
      const changed = await identityStore.setDisabled(tx, id, disabled ? clock.now() : null);
      if (changed === 0) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      await audit.record(tx, { ...actor, ...aboutPerson(id), action: disabled ? 'person.disabled' : 'person.enabled' });
    },
  };
}

function createAuthentication(
  { storage, hasher, scheme: ours }: IdentityDeps,
  emails: Emails,
): Identity['authenticate'] {
  /** An address cannot be looked for while the provider of the master key is away; a user name can. */
  async function indexOf(name: string): Promise<readonly string[]> {
    try {
      return (await emails.index(name)).searched();
    } catch (error) {
      if (isFault(error, 'VAULT_PROVIDER_AWAY')) return [];
      throw error;
    }
  }

  async function lookUp(realm: RealmId, name: string): Promise<Person | undefined> {
    const indexes = await indexOf(name);
    return storage.read(platform, async (tx) => {
      const byName = await identityStore.byName(tx, realm, usernameKey(name));
      const byEmail = await identityStore.byEmail(tx, realm, indexes);
      return byName ?? byEmail;
    });
  }

  /** Of two who sign in at once the second finds the hash of the first, which is of the same password. */
  async function rehash(person: Person, password: string, scheme: HashScheme): Promise<Person> {
    const next = await hasher.hash(password, scheme);
    const write = (tx: Tx) => identityStore.upgradeHash(tx, person.id, person.passwordHash, next);
    if ((await storage.write(platform, write)) > 0) return { ...person, passwordHash: next };
    const now = await storage.read(platform, (tx) => identityStore.byId(tx, person.id));
    return now !== undefined && (await hasher.verify(now.passwordHash, password)) ? now : person;
  }

  return async (realm, name, password, { scheme = ours } = {}) => {
    const person = await lookUp(realm, name);
    const isBarred = person?.disabledAt !== undefined;
    const proved = await hasher.check(person?.passwordHash, password, scheme, isBarred);
    if (person === undefined || !proved || isBarred) return { kind: 'refused', person };
    const next = hasher.schemeFor(person.passwordHash, password, scheme);
    return { kind: 'proved', person: next === undefined ? person : await rehash(person, password, next) };
  };
}

function createCreation({ audit, clock, random, vault }: IdentityDeps): Identity['create'] {
  async function seal(tx: Tx, realm: RealmId, id: PersonId, email: IndexedEmail | undefined) {
    if (email === undefined) return { email: null, email_index: null };
    await assertAddressFree(tx, realm, email);
    return { email: await vault.subjects.seal(tx, id, EMAIL, email.address), email_index: email.stored() };
  }

  return async (tx, actor, { realmId, username, passwordHash, address, imported }) => {
    assertOwnName(username, address ?? imported?.email?.address);
    const now = clock.now();
    const id = personId(newUuid(clock, random));
    const added = await identityStore.add(tx, {
      id,
      realm_id: realmId,
      username,
      username_key: usernameKey(username),
      password_hash: passwordHash,
      password_changed_at: now,
      disabled_at: imported?.disabled === true ? now : null,
      created_at: imported?.createdAt ?? now,
      ...(await seal(tx, realmId, id, imported?.email)),
      imported_in: imported?.tenant ?? null,
    });
    if (!added) throw identityFault('IDENTITY_USERNAME_TAKEN');
    await audit.record(tx, {
      ...actor,
      outcome: 'done',
      object: { type: 'person', id },
      action: imported === undefined ? 'person.created' : 'person.imported',
      ...(imported === undefined ? {} : { facts: imported.facts }),
      personal: { subject: id, values: { username } },
    });
    return id;
  };
}
