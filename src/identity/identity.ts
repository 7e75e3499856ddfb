import type { PasswordHasher } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type PersonId, personId, type RealmId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { createEmails, type Emails } from './emails.ts';
import { identityFault } from './errors.ts';
import { identityStore, type Person } from './store.ts';
import { usernameKey } from './username.ts';

export interface IdentityDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of what does not open and is shown as such. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What a sign-in with a password came to. Who was refused is for the log, never for the answer. */
export type Authentication =
  | { readonly kind: 'proved'; readonly person: Person }
  | { readonly kind: 'refused'; readonly person: Person | undefined };

/** People and their passwords. */
export interface Identity {
  /**
   * The same work for a known name, an unknown one and a disabled person, so that no clock tells them apart.
   *
   * @throws CRYPTO_BUSY when too many passwords wait to be hashed
   */
  authenticate(realm: RealmId, username: string, password: string): Promise<Authentication>;
  /**
   * Says inside a write that what `authenticate` proved still holds.
   *
   * @throws IDENTITY_CREDENTIALS when the person was disabled or the password changed since
   */
  confirm(tx: Tx, proved: Person): Promise<void>;
  /** Hashed ahead of the write that stores it: a write may wait for nothing. */
  hash(password: string): Promise<string>;
  /** @throws IDENTITY_USERNAME_TAKEN */
  create(tx: Tx, actor: Actor, person: { realmId: RealmId; username: string; passwordHash: string }): Promise<PersonId>;
  /** @throws IDENTITY_PERSON_UNKNOWN */
  get(id: PersonId): Promise<Person>;
  /** The name of a person who may sign in, inside `tx`; `undefined` for one who is unknown or disabled. */
  activeName(tx: Tx, id: PersonId): Promise<string | undefined>;
  find(realm: RealmId, username: string): Promise<Person | undefined>;
  /** Members of a tenant by name, from the one after `after` on. */
  members(tenant: TenantId, after: string, count: number): Promise<readonly Person[]>;
  setPassword(tx: Tx, actor: Actor, id: PersonId, passwordHash: string): Promise<void>;
  setDisabled(tx: Tx, actor: Actor, id: PersonId, disabled: boolean): Promise<void>;
  readonly emails: Emails;
}

export function createIdentity(deps: IdentityDeps): Identity {
  const { storage, audit, hasher, clock, random } = deps;
  const find = (realm: RealmId, name: string): Promise<Person | undefined> =>
    storage.read(platform, (tx) => identityStore.byName(tx, realm, usernameKey(name)));

  async function authenticate(realm: RealmId, username: string, password: string): Promise<Authentication> {
    const person = await find(realm, username);
    const proved =
      person === undefined ? await hasher.pretend(password) : await hasher.verify(person.passwordHash, password);
    if (person === undefined || proved !== true || person.disabledAt !== undefined) return { kind: 'refused', person };
    const current = hasher.needsRehash(person.passwordHash) ? await rehash(person, password) : person;
    return { kind: 'proved', person: current };
  }

  async function rehash(person: Person, password: string): Promise<Person> {
    const next = await hasher.hash(password);
    await storage.write(platform, (tx) => identityStore.upgradeHash(tx, person.id, person.passwordHash, next));
    return { ...person, passwordHash: next };
  }

  const aboutPerson = (id: PersonId) => ({ outcome: 'done', object: { type: 'person', id } }) as const;

  return {
    authenticate,
    emails: createEmails(deps),
    confirm: async (tx, proved) => {
      const now = await identityStore.byId(tx, proved.id);
      const holds = now?.passwordHash === proved.passwordHash && now.disabledAt === undefined;
      if (!holds) throw identityFault('IDENTITY_CREDENTIALS');
    },
    find,
    hash: (password) => hasher.hash(password),
    create: async (tx, actor, { realmId, username, passwordHash }) => {
      const now = clock.now();
      const id = personId(newUuid(clock, random));
      const added = await identityStore.add(tx, {
        id,
        realm_id: realmId,
        username,
        username_key: usernameKey(username),
        password_hash: passwordHash,
        password_changed_at: now,
        disabled_at: null,
        created_at: now,
        email: null,
        email_index: null,
      });
      if (!added) throw identityFault('IDENTITY_USERNAME_TAKEN');
      const personal = { subject: id, values: { username } };
      await audit.record(tx, { ...actor, ...aboutPerson(id), action: 'person.created', personal });
      return id;
    },
    get: async (id) => {
      const person = await storage.read(platform, (tx) => identityStore.byId(tx, id));
      if (person === undefined) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      return person;
    },
    activeName: async (tx, id) => {
      const person = await identityStore.byId(tx, id);
      return person === undefined || person.disabledAt !== undefined ? undefined : person.username;
    },
    members: (tenant, after, count) => storage.read(platform, (tx) => identityStore.members(tx, tenant, after, count)),
    setPassword: async (tx, actor, id, passwordHash) => {
      const changed = await identityStore.setPassword(tx, id, passwordHash, clock.now());
      if (changed === 0) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      await audit.record(tx, { ...actor, ...aboutPerson(id), action: 'person.password_changed' });
    },
    setDisabled: async (tx, actor, id, disabled) => {
      const changed = await identityStore.setDisabled(tx, id, disabled ? clock.now() : null);
      if (changed === 0) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      await audit.record(tx, { ...actor, ...aboutPerson(id), action: disabled ? 'person.disabled' : 'person.enabled' });
    },
  };
}
