import { z } from 'zod';
import { type Context, defineRoute, ok, type Reply, type Route } from '../http/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import { minutes, rfc3339, seconds } from '../kernel/clock.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Act, KeyStatus, Keys } from './keys.ts';
import type { Rewrap, RewrapProgress } from './rewrap.ts';

export interface RewrapRouteDeps {
  readonly keys: Pick<Keys, 'status' | 'statusOfAll'>;
  readonly rewrap: Pick<Rewrap, 'run' | 'status' | 'countUnder' | 'unreadable'>;
}

/** Whose keys a route is about: the caller's tenant's, or everybody's. */
export const OWN = { kind: 'permission', permission: 'admin:vault' } as const;
export const EVERY = { kind: 'permission', permission: 'platform:vault' } as const;

/** Who acts, for the entries of what they do. */
export const actOf = ({ requestId, address }: Context, principal: Principal): Act => ({
  principal,
  requestId,
  address,
});

const MAX_RUN_MS = seconds(5);
const DEFAULT_RUN_MS = seconds(1);
const MAX_UNREADABLE = 1_000;

/** Counting reads whole tables. The command that waits asks as the operator, who is not counted. */
const limits = [{ per: 'principal', count: 600, windowMs: minutes(1) }] as const;

const time = z.string().nullable();
const field = z.strictObject({
  tenant: z.string(),
  field: z.string().describe('`table.column`.'),
  target: z.string().describe('The version that its values are sealed under anew.'),
  seen: z.int(),
  done: z.int().describe('Values that were sealed anew.'),
  unreadable: z.int(),
  started_at: z.string(),
  finished_at: time,
});
const behind = z.strictObject({
  tenant: z.string(),
  version: z.string(),
  values: z.int().optional().describe('Still under it; where `count` was asked for.'),
});
const unreadable = z.strictObject({ tenant: z.string(), field: z.string(), row: z.string(), at: z.string() });

const progress = z.strictObject({
  done: z.boolean().describe('No value that we keep is under a retired key.'),
  behind: z.array(behind).describe('Retired keys that values are still under, or were not looked for yet.'),
  fields: z.array(field),
  unreadable: z.array(unreadable).describe('Values that do not open, the first 1,000: left as they are.'),
});

const counting = z.strictObject({
  count: z.literal('true').optional().describe('Count the values under each retired key; reads all of them.'),
});

/** How far the values that we keep are sealed anew, and a push where somebody waits for it. */
export function rewrapRoutes(deps: RewrapRouteDeps): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/vault/rewrap',
      summary: "How far the tenant's values are sealed anew under its current key.",
      access: OWN,
      limits,
      records: 'read',
      query: counting,
      replies: { 200: progress },
      faults: [],
      handle: async ({ tenantId, query }) =>
        progressOf(deps, [await deps.keys.status(tenantId)], query.count === 'true'),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/vault/rewrap/all',
      summary: 'How far the values of all tenants are sealed anew.',
      access: EVERY,
      limits,
      records: 'read',
      query: counting,
      replies: { 200: progress },
      faults: [],
      handle: async ({ query }) => progressOf(deps, await deps.keys.statusOfAll(), query.count === 'true'),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/vault/rewrap',
      summary: 'Seal values anew now, for a moment; call it again until it is done. It goes on by itself too.',
      access: EVERY,
      limits: [{ per: 'principal', count: 600, windowMs: minutes(1) }],
      records: 'change',
      body: z.strictObject({
        for_ms: z.int().min(1).max(MAX_RUN_MS).default(DEFAULT_RUN_MS),
        urgent: z.boolean().default(false).describe('Do not step back for other work.'),
      }),
      replies: { 200: progress },
      faults: ['VAULT_REWRAP_RUNNING', 'VAULT_PROVIDER_AWAY'],
      handle: async ({ body }) => {
        await deps.rewrap.run({ budgetMs: body.for_ms, urgent: body.urgent });
        return progressOf(deps, await deps.keys.statusOfAll(), false);
      },
    }),
  ];
}

async function progressOf(
  { rewrap }: RewrapRouteDeps,
  statuses: readonly KeyStatus[],
  counts: boolean,
): Promise<Reply> {
  const tenants: ReadonlySet<string> = new Set(statuses.map(({ tenant }) => tenant));
  const fields = (await rewrap.status()).filter(({ tenant }) => tenants.has(tenant));
  const retired = statuses.flatMap(({ tenant, versions }) =>
    versions.filter(({ state }) => state === 'retired').map(({ version }) => ({ tenant, version })),
  );
  // A new key is only opened with for a moment: what it will follow is not retired yet, and yet there is work to come.
  const isPending = statuses.some(({ versions }) => versions.some(({ state }) => state === 'pending'));
  const body = {
    done: retired.length === 0 && !isPending,
    behind: counts ? await counted(rewrap, retired) : retired,
    fields: fields.map(fieldView),
    unreadable: await unreadableOf(rewrap, fields),
  };
  return ok(body, { records: fields.length });
}

interface Retired {
  readonly tenant: TenantId;
  readonly version: string;
}

/** One after the other: each count reads whole tables, and nobody waits for it but who asked. */
async function counted(rewrap: RewrapRouteDeps['rewrap'], retired: readonly Retired[]) {
  const found: (Retired & { readonly values: number })[] = [];
  for (const one of retired) found.push({ ...one, values: await rewrap.countUnder(one.tenant, one.version) });
  return found;
}

async function unreadableOf(rewrap: RewrapRouteDeps['rewrap'], fields: readonly RewrapProgress[]) {
  const tenants = new Set(fields.filter((one) => one.unreadable > 0).map(({ tenant }) => tenant));
  const found: z.output<typeof unreadable>[] = [];
  for (const tenant of tenants) {
    for (const { field, row, at } of await rewrap.unreadable(tenant)) {
      if (found.length === MAX_UNREADABLE) return found;
      found.push({ tenant, field, row, at: rfc3339(at) });
    }
  }
  return found;
}

const fieldView = (one: RewrapProgress) => ({
  tenant: one.tenant,
  field: one.field,
  target: one.target,
  seen: one.seen,
  done: one.done,
  unreadable: one.unreadable,
  started_at: rfc3339(one.startedAt),
  finished_at: one.finishedAt === undefined || one.finishedAt === null ? null : rfc3339(one.finishedAt),
});
