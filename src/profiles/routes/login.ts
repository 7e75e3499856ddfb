import { z } from 'zod';
import { knownCookie, type SignInOutcome } from '../../flows/index.ts';
import { type Context, defineRoute, type Route, storableText } from '../../http/index.ts';
import { isFault } from '../../kernel/errors.ts';
import { mfaFault, type Offered } from '../../mfa/index.ts';
import type { Extras, LoginBody, ProfileGround } from '../extras.ts';

/** What every profile's sign-in takes; unknown members are refused. */
const credentials: z.ZodType<LoginBody> = z.strictObject({
  username: storableText(1, 254).describe('A username or an e-mail address.'),
  password: storableText(1, 1_024),
  code: storableText(1, 64).optional().describe('A second factor, where the account asks for one.'),
});

const REFUSED: ReadonlySet<string> = new Set(['IDENTITY_CREDENTIALS', 'MFA_CODE_WRONG']);
const FAULTS = ['IDENTITY_CREDENTIALS', 'TENANT_FOREIGN', 'SESSION_LIMIT', 'CRYPTO_BUSY'];
const SECOND = ['MFA_REQUIRED', 'MFA_CODE_WRONG', 'MFA_ENROLMENT_NEEDED', 'MFA_BUDGET_SPENT'];

/** Signs in at the path of the system (X01), in one step or with the second factor in the same call. */
export function loginRoute(ground: ProfileGround, { loginBody = credentials }: Pick<Extras, 'loginBody'>): Route {
  const { profile, prefix, preset, signIn, observer, parcels } = ground;
  return defineRoute({
    method: 'POST',
    path: prefix + preset.paths.login,
    profile,
    summary: 'Sign in with username and password.',
    access: { kind: 'public', because: 'whoever signs in is not known yet' },
    records: 'self',
    body: loginBody,
    replies: { 200: parcels.schema },
    faults: [...FAULTS, ...SECOND],
    handle: async ({ body, context }) => {
      const told = { context, action: 'login', user: body.username };
      try {
        const { code, ...given } = body;
        const outcome = await signIn.begin(context, given, { ...ground.signInOptions(context), code });
        const { grant, newDevice } = await signedIn(ground, context, outcome);
        observer?.authentication({ ...told, success: true });
        return await parcels.reply(grant, context, preset.cookies && [knownCookie(newDevice, context)]);
      } catch (error) {
        if (isFault(error) && REFUSED.has(error.code)) observer?.authentication({ ...told, success: false });
        throw error;
      }
    },
  });
}

type SignedIn = Extract<SignInOutcome, { kind: 'signed-in' }>;

/**
 * The clients of the older systems know one step. Who has a second factor gives it in the same call, again; who must have
 * one and has none sets it up at the native API first.
 *
 * @throws MFA_REQUIRED, MFA_ENROLMENT_NEEDED
 */
async function signedIn(ground: ProfileGround, context: Context, outcome: SignInOutcome): Promise<SignedIn> {
  switch (outcome.kind) {
    case 'signed-in':
      return outcome;
    case 'second-factor': {
      const methods = [...new Set(outcome.methods.map(({ method }) => method))];
      const hint = await sendCode(ground, context, outcome.ticket, outcome.methods);
      throw mfaFault('MFA_REQUIRED', { methods, ...(hint === undefined ? {} : { sent_to: hint }) });
    }
    case 'enrol':
      throw mfaFault('MFA_ENROLMENT_NEEDED', { methods: outcome.methods, enrol_at: '/v1/login' });
  }
}

/** These clients cannot ask for a code, so whoever has no other factor to give is sent one. @returns where it went */
async function sendCode(
  { signIn, signInOptions }: ProfileGround,
  context: Context,
  ticket: string,
  methods: readonly Offered[],
): Promise<string | undefined> {
  if (methods.some(({ method }) => method === 'totp')) return undefined;
  const sent = methods.find(({ method }) => method === 'email' || method === 'sms');
  if (sent?.factorId === undefined) return undefined;
  try {
    const challenge = await signIn.challenge(context, ticket, { factorId: sent.factorId }, signInOptions(context));
    return challenge.kind === 'code-sent' ? challenge.hint : undefined;
  } catch (error) {
    if (isFault(error)) return undefined; // no more codes for now: a backup code does as well
    throw error;
  }
}
