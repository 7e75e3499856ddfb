import { z } from 'zod';
import type { SignIn, SignInOutcome } from '../flows/index.ts';
import { actorOf, defineRoute, nothing, ok, type Reply, type Route, storableText } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import { mfaFault } from '../mfa/index.ts';
import { type Grant, type Sessions, sessionFault, type Terms } from '../sessions/index.ts';
import type { Preset } from './presets.ts';
import type { Observer } from './profile.ts';

export interface SignInRouteDeps {
  readonly profile: string;
  readonly prefix: string;
  readonly preset: Preset;
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  /** What sessions of the profile are: whose tokens, how long, refreshed or not. */
  readonly terms: Terms;
  readonly observer?: Observer | undefined;
}

const credentials = z.strictObject({
  username: storableText(1, 254).describe('A username or an e-mail address.'),
  password: storableText(1, 1_024),
  code: storableText(1, 64).optional().describe('A second factor, where the account asks for one.'),
});

const REFUSED: ReadonlySet<string> = new Set(['IDENTITY_CREDENTIALS', 'MFA_CODE_WRONG']);

/**
 * The clients of the older systems know one step. Who has a second factor gives it in the same call; who must have one
 * and has none sets it up at the native API first.
 *
 * @throws MFA_REQUIRED, MFA_ENROLMENT_NEEDED
 */
function grantOf(outcome: SignInOutcome): Grant {
  switch (outcome.kind) {
    case 'signed-in':
      return outcome.grant;
    case 'second-factor':
      throw mfaFault('MFA_REQUIRED', { methods: [...new Set(outcome.methods.map(({ method }) => method))] });
    case 'enrol':
      throw mfaFault('MFA_ENROLMENT_NEEDED', { methods: outcome.methods });
  }
}

/** The members that the systems' clients look for; `token_type` and `expires_in` stand beside them as OAuth has it. */
const grantReply = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: z.int().describe('Seconds.'),
  refresh_token: z.string().optional(),
});

/** Sign-in, and where the profile has them refresh and sign-out, at the paths of its system (X01). */
export function signInRoutes(deps: SignInRouteDeps): readonly Route[] {
  const { prefix, preset } = deps;
  const { refresh, logout } = preset.paths;
  return [
    loginRoute(deps, prefix + preset.paths.login),
    ...(refresh === undefined ? [] : [refreshRoute(deps, prefix + refresh)]),
    ...(logout === undefined ? [] : [logoutRoute(deps, prefix + logout)]),
  ];
}

function loginRoute({ profile, signIn, terms, observer }: SignInRouteDeps, path: string): Route {
  return defineRoute({
    method: 'POST',
    path,
    profile,
    summary: 'Sign in with username and password.',
    access: { kind: 'public', because: 'whoever signs in is not known yet' },
    records: 'self',
    body: credentials,
    replies: { 200: grantReply },
    faults: ['IDENTITY_CREDENTIALS', 'MFA_REQUIRED', 'MFA_CODE_WRONG', 'MFA_ENROLMENT_NEEDED', 'CRYPTO_BUSY'],
    handle: async ({ body, context }) => {
      const told = { context, action: 'login', user: body.username };
      try {
        const { code, ...given } = body;
        const outcome = await signIn.begin(context, given, { terms, code });
        const grant = grantOf(outcome);
        observer?.authentication({ ...told, success: true });
        return replyOf(grant);
      } catch (error) {
        if (isFault(error) && REFUSED.has(error.code)) observer?.authentication({ ...told, success: false });
        throw error;
      }
    },
  });
}

function refreshRoute({ profile, sessions, terms }: SignInRouteDeps, path: string): Route {
  return defineRoute({
    method: 'POST',
    path,
    profile,
    summary: 'Trade a refresh token for the next one and a new access token.',
    access: { kind: 'public', because: 'the refresh token in the body is the credential' },
    limits: [{ per: 'address', count: 120, windowMs: 60_000 }],
    body: z.strictObject({ refresh_token: z.string().min(1).max(256) }),
    replies: { 200: grantReply },
    faults: ['SESSION_EXPIRED', 'SESSION_REVOKED', 'SESSION_UNKNOWN'],
    handle: async ({ body, context }) =>
      replyOf(await sessions.refresh(actorOf(context, anonymous), body.refresh_token, undefined, terms)),
  });
}

function logoutRoute({ profile, sessions }: SignInRouteDeps, path: string): Route {
  return defineRoute({
    method: 'POST',
    path,
    profile,
    summary: 'End this session.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'change',
    replies: { 204: 'nothing' },
    faults: ['SESSION_NOT_FOUND'],
    handle: async ({ caller, tenantId, context }) => {
      if (caller.kind !== 'person') throw sessionFault('SESSION_NOT_FOUND'); // the line lets only people in here
      await sessions.end(actorOf(context, caller, tenantId), caller.personId, caller.sessionId, 'logout');
      return nothing;
    },
  });
}

function replyOf({ accessToken, expiresInS, refreshToken }: Grant): Reply {
  const body = { access_token: accessToken, token_type: 'bearer', expires_in: expiresInS };
  return ok(refreshToken === undefined ? body : { ...body, refresh_token: refreshToken });
}
