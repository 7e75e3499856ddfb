import { z } from 'zod';
import type { Access } from '../access/index.ts';
import { actorOf, created, defineRoute, idText, ok, type Route, storableText } from '../http/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Tenants } from '../tenants/index.ts';

export interface TenancyDeps {
  readonly storage: Storage;
  readonly tenants: Tenants;
  readonly access: Access;
}

/** A new tenant and the roles it starts with, in one write. @throws TENANT_TAKEN */
export const createTenancy =
  ({ storage, tenants, access }: TenancyDeps) =>
  (actor: Actor, id: TenantId, name: string): Promise<void> =>
    storage.write(inTenant(id), async (tx) => {
      await tenants.create(tx, actor, { id, name });
      await access.seedRoles(tx);
    });

const tenant = z.strictObject({ id: z.string(), name: z.string(), created_at: z.string() });

/** Tenants are the operator's to make: no person of a tenant holds `platform`. */
export function tenancyRoutes(deps: TenancyDeps): readonly Route[] {
  const access = { kind: 'permission', permission: 'platform:tenants' } as const;
  const create = createTenancy(deps);
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/tenants',
      summary: 'Create a tenant with its built-in roles.',
      access,
      records: 'change',
      body: z.strictObject({ id: idText, name: storableText(1, 100) }),
      replies: { 201: tenant },
      faults: ['TENANT_TAKEN'],
      handle: async ({ body, caller, context }) => {
        const id = tenantId(body.id);
        await create(actorOf(context, caller), id, body.name);
        const made = await deps.tenants.get(id);
        return created({ id: made.id, name: made.name, created_at: rfc3339(made.createdAt) });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/tenants',
      summary: 'All tenants.',
      access,
      records: 'read',
      replies: { 200: z.strictObject({ items: z.array(tenant) }) },
      faults: [],
      handle: async () => {
        const items = (await deps.tenants.list()).map(({ id, name, createdAt }) => ({
          id,
          name,
          created_at: rfc3339(createdAt),
        }));
        return ok({ items }, { records: items.length });
      },
    }),
  ];
}
