import type { AuditSink } from '../kernel/audit.ts';
import {
  type EpochMs,
  epochMs,
  type PersonId,
  type RealmId,
  realmId,
  type TenantId,
  tenantId,
} from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { tenantFault } from './errors.ts';
import { tenantStore } from './store.ts';

/** The realm and tenant that a first start makes. */
export const MAIN_REALM = realmId('main');
export const MAIN_TENANT = tenantId('main');

const RESERVED = new Set<string>(['platform']); // the vault's name for what belongs to no tenant

export interface Tenant {
  readonly id: TenantId;
  readonly realmId: RealmId;
  readonly name: string;
  readonly createdAt: EpochMs;
}

export interface TenantDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

export interface Tenants {
  /** @throws TENANT_TAKEN */
  create(tx: Tx, actor: Actor, tenant: { id: TenantId; name: string }): Promise<void>;
  list(): Promise<readonly Tenant[]>;
  /** @throws TENANT_UNKNOWN */
  get(id: TenantId): Promise<Tenant>;
  /** @returns false for one who belongs to it already */
  addMember(tx: Tx, person: PersonId, tenant: TenantId): Promise<boolean>;
  /** @returns false for one who does not belong to it */
  removeMember(tx: Tx, person: PersonId, tenant: TenantId): Promise<boolean>;
  /** Asked in the write that lets somebody act there. @throws TENANT_FOREIGN */
  assertMember(tx: Tx, person: PersonId, tenant: TenantId): Promise<void>;
  /** The tenants of a person, the longest membership first. */
  tenantsOf(person: PersonId): Promise<readonly TenantId[]>;
}

export function createTenants({ storage, audit, clock }: TenantDeps): Tenants {
  return {
    create: async (tx, actor, { id, name }) => {
      if (RESERVED.has(id)) throw tenantFault('TENANT_TAKEN', { tenant: id });
      const now = clock.now();
      await tenantStore.addRealm(tx, MAIN_REALM, now);
      const added = await tenantStore.add(tx, { id, realm_id: MAIN_REALM, name, created_at: now });
      if (!added) throw tenantFault('TENANT_TAKEN', { tenant: id });
      await audit.record(tx, {
        ...actor,
        tenantId: id,
        action: 'tenant.created',
        outcome: 'done',
        object: { type: 'tenant', id },
      });
    },
    list: async () => (await storage.read(platform, tenantStore.all)).map(tenantOf),
    get: async (id) => {
      const row = await storage.read(platform, (tx) => tenantStore.get(tx, id));
      if (row === undefined) throw tenantFault('TENANT_UNKNOWN', { tenant: id });
      return tenantOf(row);
    },
    addMember: (tx, person, tenant) => tenantStore.addMember(tx, person, tenant, clock.now()),
    removeMember: tenantStore.removeMember,
    assertMember: async (tx, person, tenant) => {
      if (!(await tenantStore.tenantsOf(tx, person)).includes(tenant)) throw tenantFault('TENANT_FOREIGN');
    },
    tenantsOf: (person) => storage.read(platform, (tx) => tenantStore.tenantsOf(tx, person)),
  };
}

function tenantOf(row: { id: string; realm_id: string; name: string; created_at: number }): Tenant {
  const { id, realm_id, name, created_at } = row;
  return { id: tenantId(id), realmId: realmId(realm_id), name, createdAt: epochMs(created_at) };
}
