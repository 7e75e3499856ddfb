import type { AuditSink } from '../kernel/audit.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor, KnownPrincipal, Principal } from '../kernel/principal.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import { type Bus, createFreshCache, type Storage } from '../storage/index.ts';
import { accessFault } from './errors.ts';
import { anyImplies, BUILT_IN_ROLES, mayGive } from './permissions.ts';
import { accessStore, type Role } from './store.ts';

export interface AccessDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Every permission that exists. */
  readonly catalogue: ReadonlySet<string>;
}

/** A person needs no session to have roles. */
export type RoleHolder =
  | Exclude<KnownPrincipal, { readonly kind: 'person' }>
  | { readonly kind: 'person'; readonly personId: PersonId };

/** The one question of the platform, and the data that answers it. */
export interface Access {
  /** May this principal do this in this tenant? Rights are read from the store's cache, never from a token. */
  may(principal: Principal, tenantId: TenantId, permission: string): boolean | Promise<boolean>;
  /** What a principal holds in a tenant. */
  permissionsOf(principal: KnownPrincipal, tenantId: TenantId): readonly string[] | Promise<readonly string[]>;
  /** The names of the roles of a person; what a key may do, and `operator` for that one. Read anew at each call. */
  rolesOf(principal: RoleHolder, tenantId: TenantId): Promise<readonly string[]>;
  /** The same of a person, out of what `may` goes by: for what is asked at each request. */
  roleNames(person: PersonId, tenantId: TenantId): readonly string[] | Promise<readonly string[]>;
  /** Gives a new tenant its roles. */
  seedRoles(tx: Tx): Promise<void>;
  roles(tenantId: TenantId): Promise<readonly Role[]>;
  /** The role names of each person of a tenant. */
  grants(tenantId: TenantId): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * Replaces the roles of a person in the tenant of `tx`. `actor` must be one who may give every right that they carry.
   *
   * @throws ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION
   */
  grant(tx: Tx, actor: Actor, tenantId: TenantId, person: PersonId, roles: readonly string[]): Promise<void>;
  /**
   * Whoever sets somebody's password can become them, so he must be one who may give every right that they hold.
   *
   * @throws ACCESS_ESCALATION
   */
  assertCovers(tx: Tx, actor: Actor, tenantId: TenantId, person: PersonId): Promise<void>;
  /**
   * Asked in the write that gives somebody these permissions.
   *
   * @throws ACCESS_PERMISSION_UNKNOWN, ACCESS_ESCALATION where the actor may not give one of them
   */
  assertHolds(tx: Tx, actor: Actor, tenantId: TenantId, permissions: readonly string[]): Promise<void>;
}

/** What a person has in a tenant. */
interface Held {
  readonly names: readonly string[];
  readonly permissions: readonly string[];
}

/** Everything; for the operator, whom the file system has let in. */
const ALL = ['read', 'write', 'delete', 'analyze', 'admin', 'platform', 'seal', 'open'] as const;
const MAX_CACHED = 50_000;

export function createAccess({ storage, audit, bus, clock, catalogue }: AccessDeps): Access {
  const topic = 'access.changed';
  const cache = createFreshCache<Held>({ storage, bus, topic, clock, maxEntries: MAX_CACHED });

  function permissionsOf(
    principal: KnownPrincipal,
    tenantId: TenantId,
  ): readonly string[] | Promise<readonly string[]> {
    if (principal.kind === 'operator') return ALL;
    if (principal.kind === 'api-key') return principal.tenantId === tenantId ? principal.scopes : [];
    const held = heldBy(principal.personId, tenantId);
    return held instanceof Promise ? held.then(({ permissions }) => permissions) : held.permissions;
  }

  function heldBy(person: PersonId, tenantId: TenantId): Held | Promise<Held> {
    const key = `${tenantId}/${person}`;
    return cache.get(key) ?? cache.load(key, () => load(tenantId, person));
  }

  async function load(tenantId: TenantId, person: PersonId): Promise<Held> {
    const roles = await storage.read(inTenant(tenantId), (tx) => accessStore.rolesOf(tx, person));
    const permissions = [...new Set(roles.flatMap((role) => role.permissions))];
    return { names: roles.map(({ name }) => name), permissions };
  }

  function assertWithin(held: readonly string[], permissions: readonly string[]): void {
    for (const permission of permissions) {
      if (!catalogue.has(permission)) throw accessFault('ACCESS_PERMISSION_UNKNOWN', { permission });
      if (!mayGive(held, permission)) throw accessFault('ACCESS_ESCALATION', { permission });
    }
  }

  async function rolesOf(principal: RoleHolder, tenantId: TenantId): Promise<readonly string[]> {
    switch (principal.kind) {
      case 'operator':
        return ['operator'];
      case 'api-key':
        return principal.tenantId === tenantId ? principal.scopes : [];
      case 'person': {
        const { personId } = principal;
        const roles = await storage.read(inTenant(tenantId), (tx) => accessStore.rolesOf(tx, personId));
        return roles.map(({ name }) => name);
      }
    }
  }

  return {
    rolesOf,
    permissionsOf,
    roleNames: (person, tenantId) => {
      const held = heldBy(person, tenantId);
      return held instanceof Promise ? held.then(({ names }) => names) : held.names;
    },
    assertHolds: async (tx, actor, tenantId, permissions) =>
      assertWithin(await heldIn(tx, actor.principal, tenantId), permissions),
    assertCovers: async (tx, actor, tenantId, person) => {
      const carried = (await accessStore.rolesOf(tx, person)).flatMap((role) => role.permissions);
      assertWithin(await heldIn(tx, actor.principal, tenantId), carried);
    },
    may: (principal, tenantId, permission) => {
      if (principal.kind === 'anonymous') return false;
      const held = permissionsOf(principal, tenantId);
      return held instanceof Promise ? held.then((all) => anyImplies(all, permission)) : anyImplies(held, permission);
    },
    seedRoles: async (tx) => {
      await accessStore.addRoles(
        tx,
        Object.entries(BUILT_IN_ROLES).map(([name, permissions]) => ({ name, permissions })),
      );
    },
    roles: (tenantId) => storage.read(inTenant(tenantId), accessStore.roles),
    grants: async (tenantId) => {
      const byPerson = new Map<string, string[]>();
      for (const { person_id, role } of await storage.read(inTenant(tenantId), accessStore.grants)) {
        byPerson.set(person_id, [...(byPerson.get(person_id) ?? []), role]);
      }
      return byPerson;
    },
    grant: async (tx, actor, tenantId, person, roles) => {
      const known = new Map((await accessStore.roles(tx)).map((role) => [role.name, role]));
      const carried = roles.flatMap((name) => {
        const role = known.get(name);
        if (role === undefined) throw accessFault('ACCESS_ROLE_UNKNOWN', { role: name, known: [...known.keys()] });
        return role.permissions;
      });
      assertWithin(await heldIn(tx, actor.principal, tenantId), carried);
      await accessStore.replaceGrants(tx, person, [...new Set(roles)], clock.now());
      const object = { type: 'person', id: person };
      await audit.record(tx, {
        ...actor,
        tenantId,
        action: 'roles.granted',
        outcome: 'done',
        object,
        facts: { roles },
      });
      cache.drop(tx, `${tenantId}/${person}`);
    },
  };

  /** What the actor holds, read inside the write: a right taken away a moment ago can't be handed on. */
  async function heldIn(tx: Tx, principal: Principal, tenantId: TenantId): Promise<readonly string[]> {
    switch (principal.kind) {
      case 'operator':
        return ALL;
      case 'anonymous':
        return [];
      case 'api-key':
        return principal.tenantId === tenantId ? principal.scopes : [];
      case 'person':
        return (await accessStore.rolesOf(tx, principal.personId)).flatMap((role) => role.permissions);
    }
  }
}
