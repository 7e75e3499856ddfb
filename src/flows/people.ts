import type { Access } from '../access/index.ts';
import {
  assertOwnName,
  dropAccountTokens,
  type EmailFound,
  type Identity,
  identityFault,
  isEmailVerified,
  type PasswordVerdict,
  type Person,
  verifiedMembers,
} from '../identity/index.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant, platform, type Tx } from '../kernel/tx.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_REALM, type Tenants } from '../tenants/index.ts';
import { type AccountFactors, assertOthers, assertStrong } from './account-deps.ts';
import type { AccountMail, AccountMails } from './account-mails.ts';
import { assertStaysGoverned } from './account-removal.ts';

export interface PeopleDeps {
  readonly storage: Storage;
  readonly identity: Identity;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly sessions: Pick<Sessions, 'endAll'>;
  readonly mfa: Pick<AccountFactors, 'isEnrolled' | 'tickets'>;
  /** Tells people what others changed of their accounts; without it nobody is told. */
  readonly mails?: Pick<AccountMails, 'send'> | undefined;
}

export interface NewPerson {
  readonly username: string;
  readonly password: string;
  readonly roles: readonly string[];
  readonly email?: string | undefined;
}

export interface PersonChange {
  /** null takes it away. */
  readonly email?: string | null | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly password?: string | undefined;
  readonly disabled?: boolean | undefined;
}

/** A person as the administrators of a tenant see them. */
export interface Member {
  readonly person: Person;
  readonly roles: readonly string[];
  readonly email: EmailFound;
  readonly emailVerified: boolean;
  readonly secondFactor: boolean;
  /** Of the password that was just set. */
  readonly strength?: PasswordVerdict['strength'] | undefined;
}

/** Stories about people that need identity, membership, roles and sessions together. */
export interface People {
  /**
   * A name with an @ is refused unless it is the given address, whether it is anybody's or not.
   *
   * @throws IDENTITY_USERNAME_TAKEN, IDENTITY_USERNAME_REFUSED, IDENTITY_EMAIL_TAKEN, IDENTITY_PASSWORD_WEAK,
   *   ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION
   */
  create(actor: Actor, tenantId: TenantId, wish: NewPerson): Promise<Member>;
  /**
   * Changes roles in one tenant; e-mail, password and disabling concern the whole person. The last two end every session.
   * `actor` must be one who may give every right that the person has now.
   *
   * The last administrator of a tenant cannot take that from himself, and nobody changes the own password or address,
   * or disables themselves, by this.
   *
   * @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON, IDENTITY_EMAIL_TAKEN, IDENTITY_PASSWORD_WEAK,
   *   IDENTITY_OWN_PASSWORD, IDENTITY_LAST_ADMINISTRATOR, ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION
   */
  change(actor: Actor, tenantId: TenantId, id: PersonId, change: PersonChange): Promise<Member>;
  list(tenantId: TenantId, after: string, count: number): Promise<readonly Member[]>;
  /** Those who belong to no tenant any more, for the operator alone. */
  listWithoutTenant(after: string, count: number): Promise<readonly Member[]>;
  /** The member of a tenant who has an address, however it is spelt. */
  findByEmail(tenantId: TenantId, address: string): Promise<Member | undefined>;
}

export function createPeople({ storage, identity, tenants, access, sessions, mfa, mails }: PeopleDeps): People {
  /** Somebody of another tenant is as unknown as somebody who does not exist. */
  async function memberOf({ principal }: Actor, tenantId: TenantId, id: PersonId): Promise<Person> {
    const person = await identity.get(id);
    const own = await tenants.tenantsOf(id);
    const isStray = own.length === 0 && principal.kind === 'operator';
    if (!own.includes(tenantId) && !isStray) throw identityFault('IDENTITY_PERSON_UNKNOWN');
    return person;
  }

  /** Whoever administers one tenant must not get into another through a person who belongs to both. */
  async function assertOwn(actor: Actor, id: PersonId): Promise<void> {
    if (actor.principal.kind === 'operator') return;
    if ((await tenants.tenantsOf(id)).length > 1) throw identityFault('IDENTITY_SHARED_PERSON');
  }

  async function memberWith(person: Person, roles: readonly string[], strength?: Member['strength']): Promise<Member> {
    const secondFactor = await mfa.isEnrolled(person.id);
    return storage.read(platform, async (tx) => {
      const email = await identity.emails.of(tx, person);
      return { person, roles, email, emailVerified: await isEmailVerified(tx, person.id), secondFactor, strength };
    });
  }

  async function rolesOf(tenantId: TenantId, id: PersonId): Promise<readonly string[]> {
    return (await access.grants(tenantId)).get(id) ?? [];
  }

  /** Goes to the address that the person had before, for it may be somebody else who changed it. */
  async function tell(tx: Tx, to: string | undefined, kind: Notice, { username }: Person): Promise<void> {
    if (to !== undefined) await mails?.send(tx, to, { kind, username });
  }

  async function judged(person: Person, password: string): Promise<PasswordVerdict> {
    const { address } = await storage.read(platform, (tx) => identity.emails.of(tx, person));
    const about = { username: person.username, email: address, secondFactor: await mfa.isEnrolled(person.id) };
    return assertStrong(identity, password, about);
  }

  const create: People['create'] = async (actor, tenantId, { username, password, roles, email }) => {
    assertOwnName(username, email); // ahead of the work, and again in the write
    const { strength } = await assertStrong(identity, password, { username, email });
    const passwordHash = await identity.hash(password);
    const indexed = email === undefined ? undefined : await identity.emails.index(email);
    const id = await storage.write(inTenant(tenantId), async (tx) => {
      const person = { realmId: MAIN_REALM, username, passwordHash, address: email };
      const made = await identity.create(tx, { ...actor, tenantId }, person);
      await tenants.addMember(tx, made, tenantId);
      await access.grant(tx, actor, tenantId, made, roles);
      if (indexed !== undefined) await identity.emails.set(tx, { ...actor, tenantId }, made, indexed);
      return made;
    });
    return memberWith(await identity.get(id), roles, strength);
  };

  const change: People['change'] = async (actor, tenantId, id, { roles, password, disabled, email }) => {
    if (password !== undefined || email !== undefined) assertOthers(actor, id);
    const person = await memberOf(actor, tenantId, id);
    if (roles !== undefined && (await tenants.tenantsOf(id)).length === 0)
      throw identityFault('IDENTITY_PERSON_UNKNOWN');
    if (password !== undefined || disabled !== undefined || email !== undefined) await assertOwn(actor, id);
    const verdict = password === undefined ? undefined : await judged(person, password);
    const passwordHash = password === undefined ? undefined : await identity.hash(password);
    const indexed = typeof email === 'string' ? await identity.emails.index(email) : undefined;
    const acting = { ...actor, tenantId };
    await storage.write(inTenant(tenantId), async (tx) => {
      await access.assertCovers(tx, acting, tenantId, id);
      const { address: before } = await identity.emails.of(tx, person);
      await assertStaysGoverned(tx, actor, id, async () => {
        if (roles !== undefined) await access.grant(tx, acting, tenantId, id, roles);
        if (disabled !== undefined) await identity.setDisabled(tx, acting, id, disabled);
      });
      if (disabled !== undefined) assertOthers(actor, id); // whoever is the last one is told that first
      if (email !== undefined) {
        await identity.emails.set(tx, acting, id, indexed);
        await tell(tx, before, 'email-changed', person);
      }
      if (passwordHash !== undefined) {
        await identity.setPassword(tx, acting, id, passwordHash);
        await tell(tx, before, 'password-changed', person);
      }
      const reason = passwordHash !== undefined ? 'password changed' : disabled === true ? 'disabled' : undefined;
      if (reason === undefined) return;
      await dropAccountTokens(tx, id);
      await sessions.endAll(tx, acting, id, reason);
      await mfa.tickets.closeAll(tx, id);
    });
    return memberWith(await identity.get(id), await rolesOf(tenantId, id), verdict?.strength);
  };

  const list: People['list'] = async (tenantId, after, count) => {
    const [people, grants] = await Promise.all([identity.members(tenantId, after, count), access.grants(tenantId)]);
    const enrolled = new Set<PersonId>();
    for (const { id } of people) if (await mfa.isEnrolled(id)) enrolled.add(id);
    return storage.read(platform, async (tx) => {
      const verified = await verifiedMembers(tx, tenantId, after, count);
      const members: Member[] = [];
      for (const person of people) {
        const { id } = person;
        const email = await identity.emails.of(tx, person);
        const roles = grants.get(id) ?? [];
        members.push({ person, roles, email, emailVerified: verified.has(id), secondFactor: enrolled.has(id) });
      }
      return members;
    });
  };

  return {
    create,
    change,
    list,
    listWithoutTenant: async (after, count) => {
      const members: Member[] = [];
      for (const person of await identity.withoutTenant(after, count)) members.push(await memberWith(person, []));
      return members;
    },
    findByEmail: async (tenantId, address) => {
      const person = await identity.emails.find(MAIN_REALM, await identity.emails.index(address));
      if (person === undefined || !(await tenants.tenantsOf(person.id)).includes(tenantId)) return undefined;
      return memberWith(person, await rolesOf(tenantId, person.id));
    },
  };
}

type Notice = Extract<AccountMail, { readonly username: string }>['kind'] & `${string}-changed`;
