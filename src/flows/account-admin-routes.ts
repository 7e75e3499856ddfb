import { z } from 'zod';
import { actorOf, created, defineRoute, idText, nothing, ok, type Route } from '../http/index.ts';
import { emailAddress, type Invitation } from '../identity/index.ts';
import { personId } from '../kernel/brand.ts';
import { hours, minutes, rfc3339 } from '../kernel/clock.ts';
import type { Accounts } from './accounts.ts';

const roles = z.array(z.string().min(1).max(64)).max(20);
const admin = { kind: 'permission', permission: 'admin:users' } as const;
const proved = { ...admin, provedWithinMs: minutes(10) } as const;

const invitation = z.strictObject({
  id: z.string(),
  email: z.string(),
  roles: z.array(z.string()),
  invited_by: z.string(),
  created_at: z.string(),
  expires_at: z.string(),
});

const PERSON_FAULTS = ['IDENTITY_PERSON_UNKNOWN', 'IDENTITY_SHARED_PERSON', 'ACCESS_ESCALATION'] as const;

/** Accounts as administrators see those of others. */
export const accountAdminRoutes = (accounts: Accounts): readonly Route[] => [
  ...invitationRoutes(accounts),
  ...othersRoutes(accounts),
];

function invitationRoutes(accounts: Accounts): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/invitations',
      summary: 'Invite somebody into your tenant by e-mail.',
      access: { ...admin, provedWithinMs: hours(12) },
      limits: [{ per: 'principal', count: 200, windowMs: minutes(60) }],
      records: 'change',
      body: z.strictObject({ email: emailAddress, roles }),
      replies: {
        201: invitation.extend({
          mailed: z.boolean(),
          link: z.string().nullable().describe('For the operator alone: who invites others must not read it.'),
        }),
      },
      faults: [
        'IDENTITY_REGISTRATION_CLOSED',
        'IDENTITY_MAIL_OFF',
        'ACCESS_ROLE_UNKNOWN',
        'ACCESS_ESCALATION',
        'ACCESS_FORBIDDEN',
      ],
      handle: async ({ body, caller, tenantId, context }) => {
        const sent = await accounts.invite(actorOf(context, caller, tenantId), tenantId, body);
        return created({ ...view(sent.invitation), mailed: sent.mailed, link: sent.link ?? null });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/invitations',
      summary: 'The open invitations of your tenant.',
      access: admin,
      records: 'read',
      replies: { 200: z.strictObject({ items: z.array(invitation) }) },
      faults: [],
      handle: async ({ tenantId }) => {
        const items = (await accounts.listInvitations(tenantId)).map(view);
        return ok({ items }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/invitations/:id',
      summary: 'Call an invitation back: its link is dead.',
      access: admin,
      records: 'change',
      params: z.strictObject({ id: idText }),
      replies: { 204: 'nothing' },
      faults: ['IDENTITY_INVITATION_UNKNOWN'],
      handle: async ({ params, caller, tenantId, context }) => {
        await accounts.revokeInvitation(actorOf(context, caller, tenantId), tenantId, params.id);
        return nothing;
      },
    }),
  ];
}

function othersRoutes(accounts: Accounts): readonly Route[] {
  const params = z.strictObject({ id: idText });
  return [
    defineRoute({
      method: 'DELETE',
      path: '/v1/users/:id',
      summary: 'Delete somebody for good. What the audit log holds of them becomes unreadable.',
      access: proved,
      records: 'change',
      params,
      replies: { 204: 'nothing' },
      faults: [...PERSON_FAULTS, 'IDENTITY_LAST_ADMINISTRATOR'],
      handle: async ({ params: { id }, caller, tenantId, context }) => {
        const isSelf = caller.kind === 'person' && caller.personId === id;
        if (isSelf) await accounts.removeSelf(context, caller);
        else await accounts.remove(actorOf(context, caller, tenantId), tenantId, personId(id));
        return nothing;
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/users/:id/password-reset',
      summary: 'A link by which somebody chooses a new password, to be handed over by you.',
      access: proved,
      limits: [{ per: 'principal', count: 60, windowMs: minutes(60) }],
      records: 'change',
      params,
      replies: { 201: z.strictObject({ token: z.string(), link: z.string().nullable(), expires_at: z.string() }) },
      faults: [...PERSON_FAULTS, 'IDENTITY_OWN_PASSWORD'],
      handle: async ({ params: { id }, caller, tenantId, context }) => {
        const actor = actorOf(context, caller, tenantId);
        const person = await accounts.memberOf(actor, tenantId, personId(id));
        const { token, link, expiresAt } = await accounts.issueResetLink(actor, tenantId, person.id);
        return created({ token, link: link ?? null, expires_at: rfc3339(expiresAt) });
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/users/:id/factors',
      summary: 'Take all second factors of somebody away, who lost them. Their sessions end, and they are told.',
      access: proved,
      records: 'change',
      params,
      replies: { 200: z.strictObject({ removed: z.int() }) },
      faults: PERSON_FAULTS,
      handle: async ({ params: { id }, caller, tenantId, context }) =>
        ok({ removed: await accounts.resetFactors(actorOf(context, caller, tenantId), tenantId, personId(id)) }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/users/:id/recovery',
      summary: 'A code that stands once for the second factor of somebody, to be handed over by you.',
      access: proved,
      limits: [{ per: 'principal', count: 60, windowMs: minutes(60) }],
      records: 'change',
      params,
      replies: { 201: z.strictObject({ code: z.string() }) },
      faults: PERSON_FAULTS,
      handle: async ({ params: { id }, caller, tenantId, context }) =>
        created({ code: await accounts.recoveryCode(actorOf(context, caller, tenantId), tenantId, personId(id)) }),
    }),
  ];
}

const view = ({ id, email, roles: given, invitedBy, createdAt, expiresAt }: Invitation) => ({
  id,
  email,
  roles: given,
  invited_by: invitedBy,
  created_at: rfc3339(createdAt),
  expires_at: rfc3339(expiresAt),
});
