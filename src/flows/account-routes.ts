import { z } from 'zod';
import { accessFault } from '../access/index.ts';
import { created, defineRoute, nothing, ok, type Route, storableText } from '../http/index.ts';
import { emailAddress, type Identity, newPassword, username } from '../identity/index.ts';
import { minutes } from '../kernel/clock.ts';
import type { PersonPrincipal, Principal } from '../kernel/principal.ts';
import { weakness } from './account-deps.ts';
import type { Accounts } from './accounts.ts';

/** What a link carries; anything else is refused before any work. */
const linkToken = z.string().min(1).max(128);

/** Told to everybody alike, whatever was done. */
const accepted = z.strictObject({ status: z.literal('accepted') });
const ACCEPTED = { status: 202, body: { status: 'accepted' } } as const;

export const strength = z.strictObject({
  score: z.int().min(0).max(4),
  label: z.string(),
  crack_time: z.string(),
  suggestions: z.array(z.string()),
});

const PASSWORD_FAULTS = ['IDENTITY_PASSWORD_WEAK', 'CRYPTO_BUSY'] as const;
const LINK_FAULTS = ['IDENTITY_TOKEN_INVALID', ...PASSWORD_FAULTS] as const;

/** Accounts as their owners see them. */
export function accountRoutes(accounts: Accounts, identity: Pick<Identity, 'judge'>): readonly Route[] {
  return [...registrationRoutes(accounts), ...passwordRoutes(accounts, identity), ...ownRoutes(accounts)];
}

function registrationRoutes(accounts: Accounts): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/register',
      summary: 'Make an account, where that is open to everybody or you are invited.',
      access: { kind: 'public', because: 'whoever registers has no account yet' },
      limits: [{ per: 'address', count: 30, windowMs: minutes(60) }],
      records: 'self',
      body: z.strictObject({
        username,
        password: newPassword,
        email: emailAddress.optional().describe('Not beside an invitation, which has one.'),
        invitation: linkToken.optional(),
      }),
      replies: {
        201: z.strictObject({ username: z.string() }),
        202: accepted.describe('The rest stands in a mail to the address.'),
      },
      faults: [
        'IDENTITY_REGISTRATION_CLOSED',
        'IDENTITY_EMAIL_MISSING',
        'IDENTITY_MAIL_OFF',
        'IDENTITY_USERNAME_TAKEN',
        'IDENTITY_USERNAME_REFUSED',
        'IDENTITY_EMAIL_TAKEN',
        ...LINK_FAULTS,
      ],
      handle: async ({ body, context }) => {
        const { invitation, ...wish } = body;
        if (invitation !== undefined) await accounts.acceptInvitation(context, invitation, wish);
        else if ((await accounts.register(context, wish, {})).kind === 'mailed') return ACCEPTED;
        return created({ username: wish.username });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/email/verify',
      summary: 'Use the link of a mail: it proves the address, or finishes a registration with the password given.',
      access: { kind: 'public', because: 'the token of the link is the credential' },
      limits: [{ per: 'address', count: 60, windowMs: minutes(60) }],
      records: 'self',
      body: z.strictObject({ token: linkToken, password: newPassword.optional() }),
      replies: {
        200: z.strictObject({ status: z.literal('verified') }),
        201: z.strictObject({ username: z.string() }),
      },
      faults: ['IDENTITY_REGISTRATION_CLOSED', 'IDENTITY_USERNAME_TAKEN', 'IDENTITY_EMAIL_TAKEN', ...LINK_FAULTS],
      handle: async ({ body, context }) => {
        const done = await accounts.verifyEmail(context, body.token, body.password);
        return done.kind === 'verified' ? ok({ status: 'verified' }) : created({ username: done.username });
      },
    }),
  ];
}

function passwordRoutes(accounts: Accounts, identity: Pick<Identity, 'judge'>): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/password/forgot',
      summary: 'Ask for a link to reset a password. The answer is the same whether there is an account or not.',
      access: { kind: 'public', because: 'whoever forgot a password cannot sign in' },
      limits: [{ per: 'address', count: 30, windowMs: minutes(60) }],
      records: 'self',
      body: z
        .strictObject({ email: emailAddress.optional(), username: storableText(1, 254).optional() })
        .refine(
          (asked) => (asked.email === undefined) !== (asked.username === undefined),
          'must have email or username',
        ),
      replies: { 202: accepted },
      faults: ['IDENTITY_MAIL_OFF'],
      handle: async ({ body, context }) => {
        await accounts.requestReset(context, body);
        return ACCEPTED;
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/password/reset',
      summary: 'Choose a new password by a link. It ends every session, signs nobody in, and leaves second factors.',
      access: { kind: 'public', because: 'the token of the link is the credential' },
      limits: [{ per: 'address', count: 60, windowMs: minutes(60) }],
      records: 'self',
      body: z.strictObject({ token: linkToken, password: newPassword }),
      replies: { 204: 'nothing' },
      faults: [...LINK_FAULTS],
      handle: async ({ body, context }) => {
        await accounts.reset(context, body.token, body.password);
        return nothing;
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/password/check',
      summary: 'How strong a password would be. It is kept nowhere.',
      access: { kind: 'public', because: 'whoever registers has no account yet' },
      limits: [{ per: 'address', count: 60, windowMs: minutes(1) }],
      records: 'none',
      body: z.strictObject({
        password: newPassword,
        username: storableText(1, 254).optional(),
        email: storableText(1, 254).optional(),
      }),
      replies: { 200: z.strictObject({ ok: z.boolean(), reasons: z.array(z.string()), strength }) },
      faults: [],
      handle: async ({ body: { password, username: name, email } }) => {
        const verdict = await identity.judge(password, { username: name, email });
        return ok({ ok: verdict.ok, ...weakness(verdict) });
      },
    }),
  ];
}

function ownRoutes(accounts: Accounts): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/password',
      summary: 'Change your password. Your other sessions end.',
      access: { kind: 'signed-in', as: 'person' },
      limits: [{ per: 'principal', count: 20, windowMs: minutes(60) }],
      records: 'change',
      body: z.strictObject({ current: storableText(1, 1_024), password: newPassword }),
      replies: { 204: 'nothing' },
      faults: ['IDENTITY_CREDENTIALS', ...PASSWORD_FAULTS],
      handle: async ({ body, caller, context }) => {
        await accounts.changePassword(context, personOf(caller), body.current, body.password);
        return nothing;
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/email',
      summary: 'Change your e-mail address: it is yours once the link of the mail to it is opened.',
      access: { kind: 'signed-in', as: 'person' },
      limits: [{ per: 'principal', count: 10, windowMs: minutes(60) }],
      records: 'change',
      body: z.strictObject({ current: storableText(1, 1_024).describe('Your password.'), email: emailAddress }),
      replies: { 202: accepted },
      faults: ['IDENTITY_CREDENTIALS', 'IDENTITY_MAIL_OFF', 'CRYPTO_BUSY'],
      handle: async ({ body, caller, context }) => {
        await accounts.requestEmailChange(context, personOf(caller), body);
        return ACCEPTED;
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/email/verification',
      summary: 'Ask for a link that proves your e-mail address.',
      access: { kind: 'signed-in', as: 'person' },
      limits: [{ per: 'principal', count: 10, windowMs: minutes(60) }],
      records: 'self',
      replies: { 202: accepted },
      faults: ['IDENTITY_MAIL_OFF'],
      handle: async ({ caller }) => {
        await accounts.requestVerification(personOf(caller).personId);
        return ACCEPTED;
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/me',
      summary: 'Delete your account for good. What the audit log holds of you becomes unreadable.',
      access: { kind: 'signed-in', as: 'person', provedWithinMs: minutes(10) },
      records: 'change',
      replies: { 204: 'nothing' },
      faults: ['IDENTITY_LAST_ADMINISTRATOR'],
      handle: async ({ caller, context }) => {
        await accounts.removeSelf(context, personOf(caller));
        return nothing;
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/invitations/accept',
      summary: 'Join the tenant of an invitation with the account that you have.',
      access: { kind: 'signed-in', as: 'person' },
      limits: [{ per: 'principal', count: 30, windowMs: minutes(60) }],
      records: 'change',
      body: z.strictObject({ invitation: linkToken }),
      replies: { 200: z.strictObject({ tenant: z.string() }) },
      faults: ['IDENTITY_REGISTRATION_CLOSED', 'IDENTITY_TOKEN_INVALID', 'IDENTITY_MEMBER_ALREADY'],
      handle: async ({ body, caller, context }) =>
        ok({ tenant: await accounts.joinByInvitation(context, personOf(caller), body.invitation) }),
    }),
  ];
}

/** The line lets nobody else in where a route says `as: 'person'`. @throws ACCESS_FORBIDDEN */
function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw accessFault('ACCESS_FORBIDDEN');
  return caller;
}
