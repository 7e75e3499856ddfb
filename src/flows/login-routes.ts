import { defineRoute, ok, type Route } from '../http/index.ts';
import { minutes } from '../kernel/clock.ts';
import type { PersonPrincipal, Principal } from '../kernel/principal.ts';
import { mfaFault } from '../mfa/index.ts';
import type { Csrf } from '../sessions/index.ts';
import { knownOf, replyOfChallenge, replyOfOutcome, replyOfStepUp } from './login-replies.ts';
import {
  challengeBody,
  challenged,
  enrolBody,
  enrolling,
  loginBody,
  passkeyBody,
  pending,
  signedIn,
  stepUpBody,
  stepUpChallengeBody,
  verifyBody,
} from './login-schemas.ts';
import type { SignIn } from './sign-in-types.ts';
import type { StepUp } from './step-up.ts';

export interface LoginRouteDeps {
  readonly signIn: SignIn;
  readonly stepUp: StepUp;
  readonly csrf: Csrf;
}

const TICKET = { kind: 'public', because: 'the ticket in the body is the credential' } as const;
const NOBODY = { kind: 'public', because: 'whoever signs in is not known yet' } as const;
const FAULTS = ['TENANT_FOREIGN', 'CRYPTO_BUSY', 'SESSION_LIMIT', 'VAULT_PROVIDER_AWAY'];
const SECOND = ['MFA_TICKET_INVALID', 'MFA_CODE_WRONG', 'MFA_BUDGET_SPENT'];

/** The native API's ways to sign in, in as many steps as an account asks for, and to prove again who one is. */
export const loginRoutes = (deps: LoginRouteDeps): readonly Route[] => [
  ...firstRoutes(deps),
  ...ticketRoutes(deps),
  ...stepUpRoutes(deps),
];

function firstRoutes({ signIn, csrf }: LoginRouteDeps): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/login',
      summary: 'Sign in with username or e-mail address and password; 202 says what is still missing.',
      access: NOBODY,
      records: 'self',
      body: loginBody,
      replies: { 200: signedIn, 202: pending },
      faults: ['IDENTITY_CREDENTIALS', 'MFA_CODE_WRONG', 'MFA_BUDGET_SPENT', ...FAULTS],
      handle: async ({ body, context }) => {
        const { username, password, tenant, code, remember_device: rememberDevice, delivery } = body;
        const options = { ...knownOf(context), code, rememberDevice };
        const outcome = await signIn.begin(context, { username, password, tenant }, options);
        return replyOfOutcome(outcome, context, { delivery, csrf });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/login/passkey/options',
      summary: 'What to hand to `navigator.credentials.get` to sign in by passkey alone.',
      access: NOBODY,
      records: 'self',
      replies: { 200: challenged },
      faults: ['MFA_FACTOR_UNKNOWN', 'MFA_PASSKEYS_OFF'],
      handle: async ({ context }) => ok({ passkey: await signIn.passkeyOptions(context) }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/login/passkey',
      summary: 'Sign in by a passkey that verified its person.',
      access: NOBODY,
      records: 'self',
      body: passkeyBody,
      replies: { 200: signedIn, 202: pending },
      faults: ['MFA_CODE_WRONG', ...FAULTS],
      handle: async ({ body, context }) => {
        const options = { ...knownOf(context), rememberDevice: body.remember_device };
        return replyOfOutcome(await signIn.passkey(context, body.passkey, options), context, {
          delivery: body.delivery,
          csrf,
        });
      },
    }),
  ];
}

function ticketRoutes({ signIn, csrf }: LoginRouteDeps): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/login/challenge',
      summary: 'Have a code sent, or begin with a passkey, for a sign-in that needs a second factor.',
      access: TICKET,
      records: 'self',
      body: challengeBody,
      replies: { 200: challenged },
      faults: ['MFA_FACTOR_UNKNOWN', 'MFA_CHANNEL_OFF', ...SECOND],
      handle: async ({ body, context }) => {
        const { ticket, factor_id: factorId, method } = body;
        return replyOfChallenge(await signIn.challenge(context, ticket, { factorId, method }));
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/login/verify',
      summary: 'Answer with the second factor: a code, or what a passkey said.',
      access: TICKET,
      records: 'self',
      body: verifyBody,
      replies: { 200: signedIn, 202: pending },
      faults: [...SECOND, ...FAULTS],
      handle: async ({ body, context }) => {
        const { ticket, method, factor_id: factorId, code, passkey, remember_device: rememberDevice, delivery } = body;
        const answer = { ticket, method, factorId, code, passkey, rememberDevice };
        return replyOfOutcome(await signIn.verify(context, answer, knownOf(context)), context, { delivery, csrf });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/login/enrol',
      summary: 'Set up the second factor that policy asks for; it answers at `/v1/login/verify`.',
      access: TICKET,
      records: 'self',
      body: enrolBody,
      replies: { 200: enrolling },
      faults: ['MFA_FACTOR_UNKNOWN', 'MFA_CHANNEL_OFF', ...SECOND],
      handle: async ({ body, context }) => {
        const { ticket, ...wish } = body;
        const { factorId, qrCode, options, ...rest } = await signIn.enrol(context, ticket, wish);
        const shown = { ...(qrCode && { qr_code: qrCode }), ...(options && { passkey: options }) };
        return ok({ factor_id: factorId, ...shown, ...rest });
      },
    }),
  ];
}

function stepUpRoutes({ stepUp, csrf }: LoginRouteDeps): readonly Route[] {
  const limits = [{ per: 'principal', count: 30, windowMs: minutes(1) }] as const;
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/step-up/challenge',
      summary: 'Have a code sent, or begin with a passkey, to prove again who you are.',
      access: { kind: 'signed-in', as: 'person' },
      records: 'self',
      limits,
      body: stepUpChallengeBody,
      replies: { 200: challenged },
      faults: ['MFA_FACTOR_UNKNOWN', 'MFA_CHANNEL_OFF', 'MFA_BUDGET_SPENT'],
      handle: async ({ body, caller, context }) => {
        const wish = { factorId: body.factor_id, method: body.method };
        return replyOfChallenge(await stepUp.challenge(context, personOf(caller), wish));
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/step-up',
      summary: 'Prove again who you are: password and second factor, or a passkey; gives a new access token.',
      access: { kind: 'signed-in', as: 'person' },
      records: 'self',
      limits,
      body: stepUpBody,
      replies: { 200: signedIn },
      faults: ['IDENTITY_CREDENTIALS', 'MFA_CODE_WRONG', 'MFA_BUDGET_SPENT', 'CRYPTO_BUSY'],
      handle: async ({ body, caller, context }) => {
        const { factor_id: factorId, ...answer } = body;
        const grant = await stepUp.stepUp(context, personOf(caller), { ...answer, factorId });
        return replyOfStepUp(grant, context, csrf);
      },
    }),
  ];
}

/** The routes above let in persons only; this tells the compiler, and stops a route that forgot to. */
function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw mfaFault('MFA_FACTOR_UNKNOWN');
  return caller;
}
