import type { AuditSink } from '../kernel/audit.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import type { Actor, KnownPrincipal, Principal } from '../kernel/principal.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
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

/** The one question of the platform, and the data that answers it. */
export interface Access {
  /** May this principal do this in this tenant? Rights are read from the store's cache, never from a token. */
  may(principal: Principal, tenantId: TenantId, permission: string): boolean | Promise<boolean>;
  /** What a principal holds in a tenant. */
  permissionsOf(principal: KnownPrincipal, tenantId: TenantId): readonly string[] | Promise<readonly string[]>;
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
  /** @throws ACCESS_PERMISSION_UNKNOWN, ACCESS_ESCALATION where the principal may not give one of them */
  assertHolds(principal: Principal, tenantId: TenantId, permissions: readonly string[]): Promise<void>;
}

/** Everything; for the operator, whom the file system has let in. */
const ALL = ['read', 'write', 'delete', 'analyze', 'admin', 'platform'] as const;
const TOPIC = 'access.changed';
const MAX_CACHED = 50_000;

interface Cached {
  readonly permissions: readonly string[];
  readonly readAt: number;
}

export function createAccess({ storage, audit, bus, clock, catalogue }: AccessDeps): Access {
  const cache = new Map<string, Cached>();
  // The bus drops what changed. A lost message must not outlive the second in which every change takes effect.
  const maxAgeMs = storage.dialect === 'sqlite' ? Number.POSITIVE_INFINITY : seconds(1);
  let drops = 0;
  const drop = (key: string): void => {
    drops++;
    cache.delete(key);
  };
  bus.subscribe(TOPIC, (key) => drop(String(key)));

  function permissionsOf(
    principal: KnownPrincipal,
    tenantId: TenantId,
  ): readonly string[] | Promise<readonly string[]> {
    if (principal.kind === 'operator') return ALL;
    if (principal.kind === 'api-key') return principal.tenantId === tenantId ? principal.scopes : [];
    const key = `${tenantId}/${principal.personId}`;
    const cached = cache.get(key);
    if (cached !== undefined && clock.now() - cached.readAt <= maxAgeMs) return cached.permissions;
    return load(key, tenantId, principal.personId);
  }

  async function load(key: string, tenantId: TenantId, person: PersonId): Promise<readonly string[]> {
    const readAt = clock.now();
    const before = drops;
    const roles = await storage.read(inTenant(tenantId), (tx) => accessStore.rolesOf(tx, person));
    const permissions = [...new Set(roles.flatMap((role) => role.permissions))];
    if (cache.size >= MAX_CACHED) cache.clear();
    if (drops === before) cache.set(key, { permissions, readAt }); // else what we read may be what was just dropped
    return permissions;
  }

  async function assertHolds(principal: Principal, tenantId: TenantId, permissions: readonly string[]): Promise<void> {
    const held = principal.kind === 'anonymous' ? [] : await permissionsOf(principal, tenantId);
    assertWithin(held, permissions);
  }

  function assertWithin(held: readonly string[], permissions: readonly string[]): void {
    for (const permission of permissions) {
      if (!catalogue.has(permission)) throw accessFault('ACCESS_PERMISSION_UNKNOWN', { permission });
      if (!mayGive(held, permission)) throw accessFault('ACCESS_ESCALATION', { permission });
    }
  }

  return {
    permissionsOf,
    assertHolds,
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
      tx.afterCommit(() => {
        drop(`${tenantId}/${person}`);
        void bus.publish(TOPIC, `${tenantId}/${person}`).catch(() => undefined); // others ask the database within a second
      });
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
