import type { Access } from '../access/index.ts';
import { type EmailFound, type Identity, identityFault, type Person } from '../identity/index.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_REALM, type Tenants } from '../tenants/index.ts';

export interface PeopleDeps {
  readonly storage: Storage;
  readonly identity: Identity;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly sessions: Sessions;
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
}

/** Stories about people that need identity, membership, roles and sessions together. */
export interface People {
  /** @throws IDENTITY_USERNAME_TAKEN, IDENTITY_EMAIL_TAKEN, ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION */
  create(actor: Actor, tenantId: TenantId, wish: NewPerson): Promise<Member>;
  /**
   * Changes roles in one tenant; e-mail, password and disabling concern the whole person. The last two end every session.
   * `actor` must be one who may give every right that the person has now.
   *
   * @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON, IDENTITY_EMAIL_TAKEN, ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION
   */
  change(actor: Actor, tenantId: TenantId, id: PersonId, change: PersonChange): Promise<Member>;
  list(tenantId: TenantId, after: string, count: number): Promise<readonly Member[]>;
  /** The member of a tenant who has an address, however it is spelt. */
  findByEmail(tenantId: TenantId, address: string): Promise<Member | undefined>;
}

export function createPeople({ storage, identity, tenants, access, sessions }: PeopleDeps): People {
  /** Somebody of another tenant is as unknown as somebody who does not exist. */
  async function memberOf(tenantId: TenantId, id: PersonId): Promise<Person> {
    const person = await identity.get(id);
    if (!(await tenants.tenantsOf(id)).includes(tenantId)) throw identityFault('IDENTITY_PERSON_UNKNOWN');
    return person;
  }

  /** Whoever administers one tenant must not get into another through a person who belongs to both. */
  async function assertOwn(actor: Actor, id: PersonId): Promise<void> {
    if (actor.principal.kind === 'operator') return;
    if ((await tenants.tenantsOf(id)).length > 1) throw identityFault('IDENTITY_SHARED_PERSON');
  }

  async function memberWith(person: Person, roles: readonly string[]): Promise<Member> {
    const email = await storage.read(platform, (tx) => identity.emails.of(tx, person));
    return { person, roles, email };
  }

  async function rolesOf(tenantId: TenantId, id: PersonId): Promise<readonly string[]> {
    return (await access.grants(tenantId)).get(id) ?? [];
  }

  return {
    create: async (actor, tenantId, { username, password, roles, email }) => {
      const passwordHash = await identity.hash(password);
      const indexed = email === undefined ? undefined : await identity.emails.index(email);
      const id = await storage.write(inTenant(tenantId), async (tx) => {
        const person = { realmId: MAIN_REALM, username, passwordHash };
        const made = await identity.create(tx, { ...actor, tenantId }, person);
        await tenants.addMember(tx, made, tenantId);
        await access.grant(tx, actor, tenantId, made, roles);
        if (indexed !== undefined) await identity.emails.set(tx, { ...actor, tenantId }, made, indexed);
        return made;
      });
      return memberWith(await identity.get(id), roles);
    },
    change: async (actor, tenantId, id, { roles, password, disabled, email }) => {
      await memberOf(tenantId, id);
      if (password !== undefined || disabled !== undefined || email !== undefined) await assertOwn(actor, id);
      const passwordHash = password === undefined ? undefined : await identity.hash(password);
      const indexed = typeof email === 'string' ? await identity.emails.index(email) : undefined;
      const acting = { ...actor, tenantId };
      await storage.write(inTenant(tenantId), async (tx) => {
        await access.assertCovers(tx, acting, tenantId, id);
        if (roles !== undefined) await access.grant(tx, acting, tenantId, id, roles);
        if (email !== undefined) await identity.emails.set(tx, acting, id, indexed);
        if (passwordHash !== undefined) await identity.setPassword(tx, acting, id, passwordHash);
        if (disabled !== undefined) await identity.setDisabled(tx, acting, id, disabled);
        if (passwordHash !== undefined) await sessions.endAll(tx, acting, id, 'password changed');
        else if (disabled === true) await sessions.endAll(tx, acting, id, 'disabled');
      });
      return memberWith(await identity.get(id), await rolesOf(tenantId, id));
    },
    list: async (tenantId, after, count) => {
      const [people, grants] = await Promise.all([identity.members(tenantId, after, count), access.grants(tenantId)]);
      return storage.read(platform, async (tx) => {
        const members: Member[] = [];
        for (const person of people) {
          const email = await identity.emails.of(tx, person);
          members.push({ person, roles: grants.get(person.id) ?? [], email });
        }
        return members;
      });
    },
    findByEmail: async (tenantId, address) => {
      const person = await identity.emails.find(MAIN_REALM, await identity.emails.index(address));
      if (person === undefined || !(await tenants.tenantsOf(person.id)).includes(tenantId)) return undefined;
      return memberWith(person, await rolesOf(tenantId, person.id));
    },
  };
}
