import { z } from 'zod';
import { accessFault } from '../../access/index.ts';
import { defineRoute, type Input, idText, ok, type Route } from '../../http/index.ts';
import { personId, sessionId } from '../../kernel/brand.ts';
import { minutes, rfc3339 } from '../../kernel/clock.ts';
import type { PersonPrincipal } from '../../kernel/principal.ts';
import type { Sessions } from '../../sessions/index.ts';
import type { ProfileGround } from '../extras.ts';
import { actorIn, assertProvedLately, knownPerson } from './methods.ts';

const shown = z.strictObject({
  session_id: z.string(),
  current: z.boolean(),
  device: z.string().nullable(),
  ip_address: z.string().nullable(),
  location: z.string().nullable(),
  created_at: z.string(),
  last_activity: z.string(),
  expires_at: z.string(),
  mfa_verified: z.boolean(),
});

/** Whoever made this call in an emergency is not to think that it reached further than it did. */
const OTHERS = ' Those of other tenants were left: the permission platform:sessions ends them too (scope global).';

const limits = [{ per: 'principal', count: 120, windowMs: minutes(1) }] as const;

/** The sessions of whoever is signed in, and how they end (V13, V15). */
export const sessionRoutes = (ground: ProfileGround): readonly Route[] => [
  listRoute(ground),
  endRoute(ground),
  endAllRoute(ground),
];

function listRoute({ prefix, profile, sessions }: ProfileGround): Route {
  return defineRoute({
    method: 'GET',
    path: `${prefix}/auth/sessions`,
    profile,
    summary: 'Your live sessions, the last used first.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'read',
    limits,
    replies: { 200: z.strictObject({ sessions: z.array(shown), total: z.int() }) },
    faults: [],
    handle: async ({ caller }) => {
      const person = knownPerson(caller);
      const live = await sessions.list(person.personId);
      return ok({ sessions: live.map((one) => told(one, person)), total: live.length }, { records: live.length });
    },
  });
}

function told(live: Awaited<ReturnType<Sessions['list']>>[number], person: PersonPrincipal) {
  const { id, device, place, startedAt, lastUsedAt, expiresAt, secondFactorAt } = live;
  return {
    session_id: id,
    current: id === person.sessionId,
    device: device?.userAgent ?? null,
    ip_address: device?.address ?? null,
    location: place?.name ?? place?.country ?? null,
    created_at: rfc3339(startedAt),
    last_activity: rfc3339(lastUsedAt),
    expires_at: rfc3339(expiresAt),
    mfa_verified: secondFactorAt !== undefined,
  };
}

function endRoute({ prefix, profile, sessions }: ProfileGround): Route {
  return defineRoute({
    method: 'DELETE',
    path: `${prefix}/auth/sessions/:id`,
    profile,
    summary: 'End one of your sessions; its tokens are refused from the next request on.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'change',
    limits,
    params: z.strictObject({ id: idText }),
    replies: { 200: z.strictObject({ revoked: z.literal(true), session_id: z.string() }) },
    faults: ['SESSION_NOT_FOUND'],
    handle: async (input) => {
      const { caller, params } = input;
      await sessions.end(actorIn(input), knownPerson(caller).personId, sessionId(params.id), 'ended by its owner');
      return ok({ revoked: true, session_id: params.id });
    },
  });
}

const whose = z
  .strictObject({
    scope: z.enum(['own', 'user', 'tenant', 'global']).optional(),
    user_id: idText.optional().describe('Whose, where the scope is `user`.'),
  })
  .refine(({ scope, user_id: id }) => (scope === 'user') === (id !== undefined), {
    error: 'the scope user needs a user_id, and no other takes one',
  });

type Scope = NonNullable<z.output<typeof whose>['scope']>;

function endAllRoute(ground: ProfileGround): Route {
  return defineRoute({
    method: 'POST',
    path: `${ground.prefix}/auth/logout-all`,
    profile: ground.profile,
    summary: "End all your sessions; an administrator's call without a body ends everyone's of the tenant, or of all.",
    access: { kind: 'signed-in', as: 'person' },
    records: 'change',
    limits,
    body: whose,
    bodyOptional: true,
    replies: {
      200: z.strictObject({
        scope: z.enum(['own', 'user', 'tenant', 'global']),
        count: z.int().describe('How many live sessions that were.'),
        message: z.string(),
      }),
    },
    faults: ['ACCESS_PROOF_TOO_OLD', 'ACCESS_FACTOR_REQUIRED', 'ACCESS_FORBIDDEN', 'IDENTITY_PERSON_UNKNOWN'],
    handle: async (input) => {
      const scope = input.body.scope ?? (await widestOf(ground, input));
      const count = await end(ground, input, scope);
      const wide = scope === 'tenant' && !(await isAllowed(ground, input, 'global'));
      return ok({ scope, count, message: `${count} sessions ended (${scope}).${wide ? OTHERS : ''}` });
    },
  });
}

type Ending = Input<unknown, unknown, z.output<typeof whose>>;

const NEEDS = { own: undefined, user: 'admin:users', tenant: 'admin:users', global: 'platform:sessions' } as const;

/**
 * What a call without a body means (X22): the old procedure for an emergency has an administrator make it, to end
 * everyone's. The old system had one tenant, so everyone is everyone of the caller's; past it reaches the platform's own
 * permission alone. Whoever lacks nothing but a second factor is told so: to end their own sessions in its place would
 * pass for the emergency call.
 *
 * @throws ACCESS_FACTOR_REQUIRED
 */
async function widestOf(ground: ProfileGround, input: Ending): Promise<Scope> {
  for (const scope of ['global', 'tenant'] as const) if (await isAllowed(ground, input, scope)) return scope;
  return 'own';
}

async function isAllowed({ may }: ProfileGround, { caller, tenantId }: Ending, scope: Scope): Promise<boolean> {
  const permission = NEEDS[scope];
  return permission === undefined || may(knownPerson(caller), tenantId, permission);
}

/**
 * Whoever ends sessions of others has proved lately who they are. A sign-in of the last ten minutes is such a proof, so
 * the emergency call goes through with the token that the procedure has one fetch for it.
 */
async function end(ground: ProfileGround, input: Ending, scope: Scope): Promise<number> {
  const person = knownPerson(input.caller);
  const { sessions, endsOfMember } = ground;
  const actor = actorIn(input);
  if (!(await isAllowed(ground, input, scope)))
    throw accessFault('ACCESS_FORBIDDEN', { permission: NEEDS[scope] ?? '' });
  if (scope !== 'own') await assertProvedLately(ground, person);
  switch (scope) {
    case 'own':
      return sessions.endScope(actor, { kind: 'own', personId: person.personId }, 'logout everywhere');
    case 'user': {
      const ending = await endsOfMember(input.tenantId, personId(input.body.user_id ?? ''));
      return sessions.endScope(actor, ending, 'ended by an administrator');
    }
    case 'tenant':
      return sessions.endScope(actor, { kind: 'tenant', tenantId: input.tenantId }, 'all ended by an administrator');
    case 'global':
      return sessions.endScope(actor, { kind: 'everyone' }, 'all ended by the operator');
  }
}
