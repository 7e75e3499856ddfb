import { z } from 'zod';
import { type Access, accessFault } from '../access/index.ts';
import { actorOf, created, defineRoute, idText, ok, type Route, storableText, wholeNumber } from '../http/index.ts';
import { emailAddress, newPassword, username } from '../identity/index.ts';
import { personId } from '../kernel/brand.ts';
import { hours, minutes, rfc3339 } from '../kernel/clock.ts';
import { strength } from './account-routes.ts';
import type { Member, People } from './people.ts';

const roles = z.array(z.string().min(1).max(64)).max(20);

const person = z.strictObject({
  id: z.string(),
  username: z.string(),
  email: z.string().nullable(),
  email_unreadable: z.boolean().describe('There is an e-mail address, and it does not open.'),
  roles: z.array(z.string()),
  disabled: z.boolean(),
  created_at: z.string(),
  email_verified: z.boolean(),
  second_factor: z.boolean().describe('Whether one is enrolled.'),
  strength: strength.optional().describe('Of the password that was just set.'),
});

const me = z.strictObject({
  kind: z.enum(['person', 'api-key', 'operator']),
  id: z.string().nullable(),
  username: z.string().nullable(),
  tenant: z.string(),
  permissions: z.array(z.string()),
  session: z.string().nullable(),
});

export function peopleRoutes(people: People, access: Access): readonly Route[] {
  const admin = { kind: 'permission', permission: 'admin:users' } as const;
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/users',
      summary: 'Create a person in your tenant.',
      access: { ...admin, provedWithinMs: hours(12) },
      records: 'change',
      body: z.strictObject({ username, password: newPassword, roles, email: emailAddress.optional() }),
      replies: { 201: person },
      faults: [
        'IDENTITY_USERNAME_TAKEN',
        'IDENTITY_USERNAME_REFUSED',
        'IDENTITY_EMAIL_TAKEN',
        'IDENTITY_PASSWORD_WEAK',
        'ACCESS_ROLE_UNKNOWN',
        'ACCESS_ESCALATION',
        'CRYPTO_BUSY',
        'VAULT_PROVIDER_AWAY',
      ],
      handle: async ({ body, caller, tenantId, context }) =>
        created(view(await people.create(actorOf(context, caller, tenantId), tenantId, body))),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/users',
      summary: 'The people of your tenant, by name.',
      access: admin,
      records: 'read',
      query: z.strictObject({
        after: storableText(0, 128)
          .default('')
          .describe('Names after this one, as `next_after` of the last answer gives it.'),
        limit: wholeNumber(1, 1_000).default(100),
        without_tenant: z
          .enum(['true', 'false'])
          .default('false')
          .describe('Those who belong to no tenant any more instead; for the operator.'),
        email: emailAddress.optional().describe('The one who has this address, however it is spelt.'),
      }),
      replies: { 200: z.strictObject({ items: z.array(person), next_after: z.string().nullable() }) },
      faults: ['ACCESS_FORBIDDEN', 'VAULT_PROVIDER_AWAY'],
      handle: async ({ query, tenantId, caller }) => {
        if (query.email !== undefined) {
          const found = await people.findByEmail(tenantId, query.email);
          const items = found === undefined ? [] : [view(found)];
          return ok({ items, next_after: null }, { records: items.length });
        }
        const isStray = query.without_tenant === 'true';
        if (isStray && caller.kind !== 'operator')
          throw accessFault('ACCESS_FORBIDDEN', { permission: 'platform:tenants' });
        const members = isStray
          ? await people.listWithoutTenant(query.after, query.limit)
          : await people.list(tenantId, query.after, query.limit);
        const last = members.length === query.limit ? members.at(-1)?.person.usernameKey : undefined;
        return ok({ items: members.map(view), next_after: last ?? null }, { records: members.length });
      },
    }),
    defineRoute({
      method: 'PATCH',
      path: '/v1/users/:id',
      summary:
        'Change roles, e-mail address or password, disable or enable. A new password or disabling ends every session.',
      access: { ...admin, provedWithinMs: minutes(10) },
      records: 'change',
      params: z.strictObject({ id: idText }),
      body: z
        .strictObject({
          roles: roles.optional(),
          email: emailAddress.nullable().optional(),
          password: newPassword.optional(),
          disabled: z.boolean().optional(),
        })
        .refine((change) => Object.keys(change).length > 0, 'must change something'),
      replies: { 200: person },
      faults: [
        'IDENTITY_PERSON_UNKNOWN',
        'IDENTITY_SHARED_PERSON',
        'IDENTITY_LAST_ADMINISTRATOR',
        'IDENTITY_OWN_PASSWORD',
        'IDENTITY_EMAIL_TAKEN',
        'IDENTITY_PASSWORD_WEAK',
        'ACCESS_ROLE_UNKNOWN',
        'ACCESS_ESCALATION',
        'CRYPTO_BUSY',
        'VAULT_PROVIDER_AWAY',
      ],
      handle: async ({ params, body, caller, tenantId, context }) =>
        ok(view(await people.change(actorOf(context, caller, tenantId), tenantId, personId(params.id), body))),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/me',
      summary: 'Who you are here, and what you may do.',
      access: { kind: 'signed-in' },
      records: 'read',
      replies: { 200: me },
      faults: [],
      handle: async ({ caller, tenantId }) => {
        if (caller.kind === 'anonymous') return { status: 401 }; // never reached: the line lets nobody in unknown
        const held = access.permissionsOf(caller, tenantId);
        const permissions = held instanceof Promise ? await held : held;
        const isPerson = caller.kind === 'person';
        return ok({
          kind: caller.kind,
          id: isPerson ? caller.personId : caller.kind === 'api-key' ? caller.apiKeyId : null,
          username: isPerson ? caller.username : null,
          tenant: tenantId,
          permissions,
          session: isPerson ? caller.sessionId : null,
        });
      },
    }),
  ];
}

const view = ({ person: shown, roles: held, email, emailVerified, secondFactor, strength: judged }: Member) => ({
  id: shown.id,
  username: shown.username,
  email: email.address ?? null,
  email_unreadable: email.isUnreadable,
  roles: held,
  disabled: shown.disabledAt !== undefined,
  created_at: rfc3339(shown.createdAt),
  email_verified: emailVerified,
  second_factor: secondFactor,
  ...(judged === undefined ? {} : { strength: judged }),
});
