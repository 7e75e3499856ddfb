import { z } from 'zod';
import { actorOf, type Context, defineRoute, idText, ok, type Route } from '../http/index.ts';
import { type PersonId, personId, type TenantId } from '../kernel/brand.ts';
import { minutes, rfc3339 } from '../kernel/clock.ts';
import type { Principal } from '../kernel/principal.ts';
import { personOf } from './caller.ts';
import type { EndScope } from './ends.ts';
import type { Sessions } from './sessions.ts';

/**
 * Which sessions of a person an administrator of a tenant may end: all of them, or those there of one who belongs to others
 * too. Throws IDENTITY_PERSON_UNKNOWN for a person who is none of the tenant's, as for one who does not exist.
 */
export type EndsOfMember = (tenantId: TenantId, person: PersonId) => Promise<EndScope>;

const PROVED_MS = minutes(10);

const ended = z.strictObject({
  scope: z
    .enum(['own', 'user', 'member', 'tenant', 'everyone'])
    .describe('`member`: those in your tenant, of a person who belongs to others too.'),
  ended: z.int().describe('How many live sessions that were.'),
});

const admin = { kind: 'permission', permission: 'admin:users', provedWithinMs: PROVED_MS } as const;
const more = { method: 'POST', records: 'change', replies: { 200: ended } } as const;

type Asked = { readonly context: Context; readonly caller: Principal; readonly tenantId: TenantId };

export function endRoutes(sessions: Sessions, endsOfMember: EndsOfMember): readonly Route[] {
  const end = async ({ context, caller, tenantId }: Asked, scope: EndScope, reason: string) =>
    ok({ scope: scope.kind, ended: await sessions.endScope(actorOf(context, caller, tenantId), scope, reason) });

  return [
    defineRoute({
      ...more,
      path: '/v1/logout-all',
      summary: 'End all your sessions everywhere, this one too unless you keep it.',
      access: { kind: 'signed-in', as: 'person' },
      query: z.strictObject({ keep: z.literal('current').optional() }),
      faults: [],
      handle: async (input) => {
        const { personId: id, sessionId } = personOf(input.caller);
        const except = input.query.keep === 'current' ? sessionId : undefined;
        return end(input, { kind: 'own', personId: id, except }, 'logout everywhere');
      },
    }),
    defineRoute({
      ...more,
      path: '/v1/users/:id/logout-all',
      summary: 'End all sessions of a person of your tenant; those there of one who belongs to others too.',
      access: admin,
      params: z.strictObject({ id: idText }),
      faults: ['IDENTITY_PERSON_UNKNOWN'],
      handle: async (input) => {
        const scope = await endsOfMember(input.tenantId, personId(input.params.id));
        return end(input, scope, 'ended by an administrator');
      },
    }),
    defineRoute({
      ...more,
      path: '/v1/tenant/logout-all',
      summary: 'End every session of your tenant, this one too.',
      access: admin,
      faults: [],
      handle: async (input) =>
        end(input, { kind: 'tenant', tenantId: input.tenantId }, 'all of the tenant ended by an administrator'),
    }),
    defineRoute({
      ...more,
      path: '/v1/platform/logout-all',
      summary: 'End every session of everybody, in every tenant.',
      access: { kind: 'permission', permission: 'platform:sessions', provedWithinMs: PROVED_MS },
      faults: [],
      handle: async (input) => end(input, { kind: 'everyone' }, 'all ended by the operator'),
    }),
    revokeRoute(sessions),
    analyticsRoute(sessions),
  ];
}

const revokeRoute = (sessions: Sessions): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/tokens/revoke',
    summary: 'Call one access token of your tenant back by its `jti`; its session goes on.',
    access: { kind: 'permission', permission: 'admin:users' },
    records: 'change',
    limits: [{ per: 'principal', count: 600, windowMs: 60_000 }], // each is held by every process for a token's life
    body: z.strictObject({ jti: z.string().min(1).max(64) }),
    replies: { 200: z.strictObject({ revoked: z.boolean() }) },
    faults: [],
    handle: async ({ body, caller, tenantId, context }) =>
      ok({ revoked: await sessions.revokeToken(actorOf(context, caller, tenantId), tenantId, body.jti) }),
  });

const counts = z.record(z.string(), z.int());

const analyticsReply = z.strictObject({
  at: z.string(),
  live: z.int(),
  active: z.int().describe('Of these, used within the last five minutes.'),
  by_profile: counts,
  by_device: counts,
  hours: z.array(
    z.strictObject({ from: z.string(), started: z.int(), ended: z.int(), refused: z.int(), suspicious: z.int() }),
  ),
});

const analyticsRoute = (sessions: Sessions): Route =>
  defineRoute({
    method: 'GET',
    path: '/v1/sessions/analytics',
    summary: 'The sessions of your tenant in numbers: live now, and by the hour.',
    access: { kind: 'permission', permission: 'admin:users' },
    records: 'read',
    replies: { 200: analyticsReply },
    faults: [],
    handle: async ({ tenantId }) => {
      const { at, live, active, byProfile, byDevice, hours } = await sessions.analytics(tenantId);
      const told = hours.map(({ from, ...rest }) => ({ from: rfc3339(from), ...rest }));
      return ok({ at: rfc3339(at), live, active, by_profile: byProfile, by_device: byDevice, hours: told });
    },
  });
