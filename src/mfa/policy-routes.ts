import { actorOf, defineRoute, ok, type Route } from '../http/index.ts';
import { minutes } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { type Policies, policyOf, policySchema, statedOf } from './policy.ts';

/** Whom a tenant asks for a second factor. */
export const mfaPolicyRoutes = (policies: Policies, storage: Storage): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/mfa/policy',
    summary: 'Who must have a second factor in this tenant, and which count.',
    access: { kind: 'permission', permission: 'admin:users' },
    records: 'read',
    replies: { 200: policySchema },
    faults: [],
    handle: async ({ tenantId }) => ok(statedOf(await policies.get(tenantId))),
  }),
  defineRoute({
    method: 'PUT',
    path: '/v1/mfa/policy',
    summary: 'Set who must have a second factor. Whoever has none sets one up at the next sign-in.',
    access: { kind: 'permission', permission: 'admin:users', provedWithinMs: minutes(10) },
    records: 'change',
    body: policySchema,
    replies: { 200: policySchema },
    faults: ['MFA_POLICY_INVALID'],
    handle: async ({ body, caller, tenantId, context }) => {
      const policy = policyOf(body);
      const actor = actorOf(context, caller, tenantId);
      await storage.write(inTenant(tenantId), (tx) => policies.set(tx, actor, tenantId, policy));
      return ok(statedOf(policy));
    },
  }),
];
