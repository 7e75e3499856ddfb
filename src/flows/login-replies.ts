import { type Context, cookieOf, isSecureCookie, ok, type Reply, readCookie } from '../http/index.ts';
import { days } from '../kernel/clock.ts';
import {
  type Csrf,
  deviceCookies,
  type Grant,
  grantCookies,
  KNOWN_COOKIE,
  NATIVE_COOKIES,
  NATIVE_PATHS,
} from '../sessions/index.ts';
import { offeredView } from './login-schemas.ts';
import type { Challenge, SignInOptions, SignInOutcome } from './sign-in-types.ts';

const KNOWN_S = days(400) / 1_000; // the longest that browsers keep any @see RFC 6265bis §5.5

/** The cookie of a known device, as the options of a sign-in take it; for profiles too. */
export const knownOf = ({ headers }: Pick<Context, 'headers'>): Pick<SignInOptions, 'knownDevice'> => ({
  knownDevice: readCookie(headers.cookie, KNOWN_COOKIE),
});

/** For profiles too, whose browsers are known by the same cookie. */
export const knownCookie = (token: string, context: Pick<Context, 'secure' | 'production'>): string =>
  cookieOf(KNOWN_COOKIE, token, { path: '/', maxAgeS: KNOWN_S, secure: isSecureCookie(context) });

/** Where a client wants its tokens: `cookie` keeps them from every script. */
type Delivery = 'body' | 'cookie' | 'both';

/** How a grant goes out, and which cookies go along. */
interface Parcel {
  readonly delivery: Delivery;
  readonly csrf: Csrf;
  readonly more?: readonly string[];
}

/** A grant as the client wants it; in cookies alone no token stands in the body. */
async function deliver(grant: Grant, context: Context, { delivery, csrf, more = [] }: Parcel): Promise<Reply> {
  const { accessToken, refreshToken, expiresInS, sessionId } = grant;
  const about = { token_type: 'Bearer', expires_in: expiresInS };
  const tokens = { access_token: accessToken, ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }) };
  const answer = (body: object, cookies: readonly string[]): Reply => {
    const all = [...cookies, ...more];
    return ok(body, all.length === 0 ? {} : { headers: { 'set-cookie': all } });
  };
  if (delivery === 'body')
    return answer({ ...tokens, ...about }, deviceCookies(NATIVE_COOKIES, grant, context, NATIVE_PATHS));
  const token = await csrf.of(sessionId);
  const cookies = grantCookies(NATIVE_COOKIES, grant, token, context, NATIVE_PATHS);
  return answer({ ...(delivery === 'both' ? tokens : {}), ...about, csrf_token: token }, cookies);
}

/** What a step of a sign-in came to, as the native API answers it. */
export async function replyOfOutcome(
  outcome: SignInOutcome,
  context: Context,
  how: { readonly delivery: Delivery; readonly csrf: Csrf },
): Promise<Reply> {
  switch (outcome.kind) {
    case 'second-factor': {
      const { ticket, expiresInS, methods } = outcome;
      const asked = { ticket, expires_in: expiresInS, methods: methods.map(offeredView) };
      return { status: 202, body: { second_factor: asked } };
    }
    case 'enrol': {
      const { ticket, expiresInS, methods } = outcome;
      return { status: 202, body: { enrol: { ticket, expires_in: expiresInS, methods } } };
    }
    case 'signed-in': {
      const { grant, newDevice, backupCodes } = outcome;
      const reply = await deliver(grant, context, { ...how, more: [knownCookie(newDevice, context)] });
      return backupCodes === undefined
        ? reply
        : { ...reply, body: { ...Object(reply.body), backup_codes: backupCodes } };
    }
  }
}

/** After a step-up: a new access token by the way that the old one came. */
export function replyOfStepUp(grant: Grant, context: Context, csrf: Csrf): Promise<Reply> {
  const delivery = context.headers.authorization === undefined ? 'cookie' : 'body';
  return deliver(grant, context, { delivery, csrf });
}

export const replyOfChallenge = (challenge: Challenge): Reply =>
  ok(
    challenge.kind === 'passkey'
      ? { passkey: challenge.options }
      : { hint: challenge.hint, expires_in: challenge.expiresInS },
  );
