import { z } from 'zod';
import { actorOf, defineRoute, idText, nothing, ok, type Route } from '../http/index.ts';
import { personId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import type { Members } from './members.ts';

const params = z.strictObject({ id: idText });
const roles = z.array(z.string().min(1).max(64)).max(20);

const removed = z.strictObject({
  id: z.string(),
  roles: z.array(z.string()).describe('Those that the person had: to be given back by who wants to undo this.'),
  ended: z.int().describe('How many live sessions acted here.'),
  api_keys: z
    .array(z.strictObject({ id: z.string(), name: z.string(), prefix: z.string() }))
    .describe('Those that the person made here. They were ended with `end_keys`, else they are good still.'),
});

/** Who belongs to a tenant. Only the operator adds people by their id: an administrator invites, and is accepted or not. */
export function memberRoutes(members: Members): readonly Route[] {
  return [
    defineRoute({
      method: 'DELETE',
      path: '/v1/users/:id/membership',
      summary: 'Remove somebody from your tenant: roles and sessions here end, the account stays.',
      access: { kind: 'permission', permission: 'admin:users', provedWithinMs: minutes(10) },
      records: 'change',
      params,
      query: z.strictObject({
        end_keys: z
          .enum(['true', 'false'])
          .default('false')
          .describe('End the API keys too that the person made here.'),
      }),
      replies: { 200: removed },
      faults: ['IDENTITY_PERSON_UNKNOWN', 'IDENTITY_LAST_ADMINISTRATOR', 'ACCESS_ESCALATION'],
      handle: async ({ params: { id }, query, caller, tenantId, context }) => {
        const wish = { endKeys: query.end_keys === 'true' };
        const left = await members.remove(actorOf(context, caller, tenantId), tenantId, personId(id), wish);
        const keys = left.keys.map(({ id: keyId, name, prefix }) => ({ id: keyId, name, prefix }));
        return ok({ id, roles: [...left.roles], ended: left.ended, api_keys: keys });
      },
    }),
    defineRoute({
      method: 'PUT',
      path: '/v1/users/:id/membership',
      summary: 'Add somebody who has an account to a tenant.',
      access: { kind: 'permission', permission: 'platform:tenants' },
      records: 'change',
      params,
      body: z.strictObject({ roles }),
      replies: { 204: 'nothing' },
      faults: ['IDENTITY_PERSON_UNKNOWN', 'IDENTITY_MEMBER_ALREADY', 'TENANT_UNKNOWN', 'ACCESS_ROLE_UNKNOWN'],
      handle: async ({ params: { id }, body, caller, tenantId, context }) => {
        await members.add(actorOf(context, caller, tenantId), tenantId, personId(id), body.roles);
        return nothing;
      },
    }),
  ];
}
