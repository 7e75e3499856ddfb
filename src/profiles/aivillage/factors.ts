import { z } from 'zod';
import { accessFault } from '../../access/index.ts';
import type { Enrolling } from '../../flows/index.ts';
import { defineRoute, type Input, ok, type Reply, type Route, storableText } from '../../http/index.ts';
import { hours, minutes } from '../../kernel/clock.ts';
import type { PersonPrincipal } from '../../kernel/principal.ts';
import { platform } from '../../kernel/tx.ts';
import { type Method, mfaFault } from '../../mfa/index.ts';
import type { ProfileGround } from '../extras.ts';
import {
  actorIn,
  assertMeant,
  code,
  knownPerson,
  methodName,
  nameOf,
  PROVED_MS,
  password,
  provedLately,
} from './methods.ts';

const wish = z.strictObject({
  mfa_token: z.string().min(1).max(128).optional().describe('Of a sign-in that wants a second factor set up.'),
  method: methodName.optional().describe('`totp` unless told.'),
  phone: z
    .string()
    .regex(/^\+[1-9]\d{6,14}$(?!\n)/, 'must be a phone number like +4930123456')
    .optional(),
  email: z.email('must be an e-mail address').max(254).optional(),
  label: storableText(1, 64).optional(),
});

type Wish = z.output<typeof wish>;

const begun = z.strictObject({
  method: z.string(),
  qr_code: z.string().optional().describe('PNG in base 64.'),
  secret: z.string().optional().describe('Base 32, for an authenticator app that takes no picture.'),
  otpauth_uri: z.string().optional(),
  hint: z.string().optional().describe('Where the code went.'),
  backup_codes: z.array(z.string()).optional().describe('Good from the first code on; none where there are some.'),
  passkey: z.record(z.string(), z.unknown()).optional().describe('For `navigator.credentials.create`.'),
});

const factorRoutesOf = [setupRoute, codesRoute, disableRoute] as const;

/** Second factors of whoever is signed in, and of whoever has to set one up to be (V14). */
export const factorRoutes = (ground: ProfileGround): readonly Route[] => factorRoutesOf.map((make) => make(ground));

function setupRoute(ground: ProfileGround): Route {
  return defineRoute({
    method: 'POST',
    path: `${ground.prefix}/auth/mfa/setup`,
    profile: ground.profile,
    summary: 'Begin a second factor; its first code, at `/auth/mfa/verify`, confirms it within 15 minutes.',
    access: { kind: 'signed-in', as: 'person', provedWithinMs: PROVED_MS },
    admits: 'later', // a sign-in that has to set one up has its ticket in the body
    records: 'change',
    limits: [{ per: 'address', count: 60, windowMs: hours(1) }],
    body: wish,
    bodyOptional: true,
    replies: { 200: begun },
    faults: [
      ...['MFA_TICKET_INVALID', 'MFA_FACTOR_UNKNOWN', 'MFA_FACTORS_FULL', 'MFA_TAKEN', 'MFA_CHANNEL_OFF'],
      ...['MFA_NUMBER_REFUSED', 'MFA_BUDGET_SPENT', 'SESSION_CSRF', 'ACCESS_PROOF_TOO_OLD'],
    ],
    handle: async (input) => {
      const { context, caller, body } = input;
      const factor = factorOf(body);
      if (body.mfa_token !== undefined)
        return replyOf(
          factor.method,
          await ground.signIn.enrol(context, body.mfa_token, factor, ground.signInOptions(context)),
        );
      const person = knownPerson(caller);
      await assertMeant(ground, input);
      return begin(ground, input, person, factor);
    },
  });
}

type Setting = Input<unknown, unknown, Wish>;
type Factor = ReturnType<typeof factorOf>;

/** @throws MFA_FACTOR_UNKNOWN for a method that cannot be set up, or has nowhere to go */
function factorOf({ method = 'totp', phone, email }: Wish) {
  const to = method === 'sms' ? phone : method === 'email' ? email : undefined;
  if (method === 'backup' || ((method === 'sms' || method === 'email') && to === undefined))
    throw mfaFault('MFA_FACTOR_UNKNOWN');
  return { method, to };
}

async function begin(
  { mfa }: ProfileGround,
  input: Setting,
  { personId: id, username }: PersonPrincipal,
  { method, to = '' }: Factor,
): Promise<Reply> {
  const actor = actorIn(input);
  const { label } = input.body;
  switch (method) {
    case 'totp': {
      const { backupCodes, ...app } = await mfa.beginTotpWithCodes(actor, { id, username }, label);
      return replyOf(method, app, { backup_codes: backupCodes });
    }
    case 'passkey':
      throw mfaFault('MFA_FACTOR_UNKNOWN'); // registered at `/v1/mfa/passkeys`, by pages that know how
    case 'sms':
    case 'email':
      return replyOf(method, await mfa.beginCode(actor, id, { method, to, label }, input.context));
  }
}

function replyOf(method: Method, shown: Enrolling, more: object = {}): Reply {
  const { secret, uri, qrCode, hint, options } = shown;
  return ok({
    method: nameOf(method),
    ...(qrCode && { qr_code: qrCode }),
    ...(secret && { secret }),
    ...(uri && { otpauth_uri: uri }),
    ...(hint && { hint }),
    ...(options && { passkey: options }),
    ...more,
  });
}

function codesRoute(ground: ProfileGround): Route {
  return defineRoute({
    method: 'GET',
    path: `${ground.prefix}/auth/mfa/backup-codes`,
    profile: ground.profile,
    summary: 'How many backup codes are left; the codes themselves within ten minutes of a second factor.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'read',
    limits: [{ per: 'principal', count: 60, windowMs: minutes(1) }],
    replies: {
      200: z.strictObject({
        remaining: z.int(),
        backup_codes: z.array(z.string()).optional().describe('Those that are unused.'),
        verify_first: z.literal(true).optional().describe('Give a second factor at `/auth/mfa/verify` to see them.'),
      }),
    },
    faults: [],
    handle: async ({ caller }) => {
      const person = knownPerson(caller);
      const remaining = await ground.mfa.backupCodes.left(person.personId);
      const { secondFactor } = await provedLately(ground, person);
      if (!secondFactor) return ok({ remaining, verify_first: true }, { records: 0 });
      const unused = (await ground.mfa.backupCodes.show(person.personId)).filter(({ used }) => !used);
      const options = { records: unused.length, headers: { 'cache-control': 'no-store' } };
      return ok({ remaining, backup_codes: unused.map((shown) => shown.code) }, options);
    },
  });
}

function disableRoute(ground: ProfileGround): Route {
  return defineRoute({
    method: 'DELETE',
    path: `${ground.prefix}/auth/mfa/disable`,
    profile: ground.profile,
    summary:
      'Take all your second factors away; password and a second factor must have been given lately, or in the body.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'change',
    limits: [{ per: 'principal', count: 20, windowMs: minutes(1) }],
    body: z.strictObject({ password: password.optional(), code: code.optional(), method: methodName.optional() }),
    bodyOptional: true,
    replies: { 200: z.strictObject({ disabled: z.literal(true), removed: z.int() }) },
    faults: [
      ...['ACCESS_PROOF_TOO_OLD', 'ACCESS_SECOND_FACTOR', 'IDENTITY_CREDENTIALS', 'MFA_CODE_WRONG'],
      ...['MFA_LAST_FACTOR', 'MFA_BUDGET_SPENT'],
    ],
    handle: async (input) => {
      const { caller, context, body } = input;
      const person = knownPerson(caller);
      if (body.password !== undefined || body.code !== undefined)
        await ground.stepUp.stepUp(context, person, body, ground.terms);
      await assertMayDisable(ground, person);
      const actor = actorIn(input);
      const removed = await ground.storage.write(platform, (tx) => ground.mfa.reset(tx, actor, person.personId));
      return ok({ disabled: true, removed });
    },
  });
}

/** @throws ACCESS_PROOF_TOO_OLD, ACCESS_SECOND_FACTOR, MFA_LAST_FACTOR where policy wants one */
async function assertMayDisable(ground: ProfileGround, person: PersonPrincipal): Promise<void> {
  const { whole, secondFactor } = await provedLately(ground, person);
  const isEnrolled = await ground.mfa.isEnrolled(person.personId);
  if (!whole) throw accessFault('ACCESS_PROOF_TOO_OLD', { max_age_s: PROVED_MS / 1_000 });
  // Somebody who has none set up yet may throw away what they have begun.
  if (isEnrolled && !secondFactor)
    throw accessFault('ACCESS_SECOND_FACTOR', { acr_values: 'urn:twinkeep:acr:mfa', max_age_s: PROVED_MS / 1_000 });
  if (isEnrolled && (await ground.mfa.demandOf(person.personId)).required) throw mfaFault('MFA_LAST_FACTOR');
}
