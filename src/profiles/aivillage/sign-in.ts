import { z } from 'zod';
import { knownCookie, type SignInOutcome } from '../../flows/index.ts';
import { type Context, defineRoute, ok, type Reply, type Route, storableText } from '../../http/index.ts';
import type { ProfileGround } from '../extras.ts';
import { code, namesOf, password } from './methods.ts';

const credentials = z.strictObject({
  username: storableText(1, 254).describe('A username or an e-mail address.'),
  password,
  code: code.optional().describe('A second factor, for clients that send it along.'),
  remember_device: z.boolean().optional(),
});

/** The sign-in is done; `token_type` and `expires_in` stand beside the tokens as OAuth has it. */
export const granted = z.strictObject({
  access_token: z.string().optional().describe('Absent where it is in a cookie alone.'),
  refresh_token: z.string().optional(),
  token_type: z.string(),
  expires_in: z.int().describe('Seconds.'),
  csrf_token: z.string().optional(),
  backup_codes: z.array(z.string()).optional().describe('Shown once, when the first second factor was set up.'),
});

/** A second factor is missing: it is given at `/auth/mfa/verify`, or set up at `/auth/mfa/setup` before. */
export const asked = z.strictObject({
  mfa_required: z.literal(true),
  mfa_setup_required: z.literal(true).optional().describe('None is set up, and policy wants one.'),
  mfa_token: z.string(),
  methods: z.array(z.string()),
  expires_in: z.int().describe('Seconds.'),
});

/** `POST /auth/login`, with the step of a second factor (V13). */
export const signInRoute = (ground: ProfileGround): Route =>
  defineRoute({
    method: 'POST',
    path: ground.prefix + ground.preset.paths.login,
    profile: ground.profile,
    summary: 'Sign in with username and password; `mfa_required` says that a second factor is missing.',
    access: { kind: 'public', because: 'whoever signs in is not known yet' },
    records: 'self',
    body: credentials,
    replies: { 200: z.union([granted, asked]) },
    faults: ['IDENTITY_CREDENTIALS', 'MFA_CODE_WRONG', 'MFA_BUDGET_SPENT', 'SESSION_LIMIT', 'CRYPTO_BUSY'],
    handle: async ({ body, context }) => {
      const { code: given, remember_device: rememberDevice, ...who } = body;
      const options = { ...ground.signInOptions(context), code: given, rememberDevice };
      return replyOfOutcome(ground, await ground.signIn.begin(context, who, options), context);
    },
  });

/** What a step of a sign-in came to. */
export async function replyOfOutcome(
  { parcels }: Pick<ProfileGround, 'parcels'>,
  outcome: SignInOutcome,
  context: Context,
): Promise<Reply> {
  switch (outcome.kind) {
    case 'second-factor': {
      const { ticket, expiresInS, methods } = outcome;
      const names = namesOf(methods.map(({ method }) => method));
      return ok({ mfa_required: true, mfa_token: ticket, methods: names, expires_in: expiresInS });
    }
    case 'enrol': {
      const { ticket, expiresInS, methods } = outcome;
      const missing = { mfa_required: true, mfa_setup_required: true };
      return ok({ ...missing, mfa_token: ticket, methods: namesOf(methods), expires_in: expiresInS });
    }
    case 'signed-in': {
      const { grant, newDevice, backupCodes } = outcome;
      const reply = await parcels.reply(grant, context, [knownCookie(newDevice, context)]);
      if (backupCodes === undefined) return reply;
      return { ...reply, body: { ...Object(reply.body), backup_codes: backupCodes } };
    }
  }
}
