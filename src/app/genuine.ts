import { type Context, csrfValueOf, type HeldForm, httpFault, readCookie } from '../http/index.ts';
import type { Principal } from '../kernel/principal.ts';
import { isCsrfAsked, type ServedProfile } from '../profiles/index.ts';
import { type Csrf, sessionFault } from '../sessions/index.ts';

const DEVICE_COOKIE = 'tk_device';

/**
 * Refuses an unsafe request that carries a cookie of ours and was sent by a page of another site; pages of origins that
 * the profile names may send theirs.
 *
 * @throws HTTP_CROSS_SITE
 * @see https://www.w3.org/TR/fetch-metadata/, OWASP CSRF Prevention Cheat Sheet ("Fetch Metadata headers")
 */
export function assertSameSite({ headers, secure }: Context, { cookies, cors }: ServedProfile): void {
  if (headers.cookie === undefined) return;
  const ours = cookies === undefined ? [DEVICE_COOKIE] : [DEVICE_COOKIE, cookies.access, cookies.refresh];
  if (!ours.some((name) => readCookie(headers.cookie, name) !== undefined)) return;
  const { origin } = headers;
  if (origin !== undefined && cors.names(origin)) return;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw httpFault('HTTP_CROSS_SITE');
  // A client that is no browser sends neither; a browser sends at least one with every unsafe request.
  if (origin !== undefined && origin !== `${secure ? 'https' : 'http'}://${headers.host}`)
    throw httpFault('HTTP_CROSS_SITE');
}

/**
 * A cookie that says who calls goes along with requests that other pages make, so such a request must also say what only
 * a page of ours can know: the token that belongs to the session. A profile may ask it of forms alone, or of nothing.
 *
 * @param form the body as far as it is held: asked for where no header says the token
 * @throws SESSION_CSRF and what reading the body throws
 * @see OWASP CSRF Prevention Cheat Sheet ("Signed Double-Submit Cookie")
 */
export async function assertCsrfToken(
  csrf: Csrf,
  context: Pick<Context, 'headers'>,
  caller: Principal,
  { csrf: policy }: Pick<ServedProfile, 'csrf'>,
  form: () => Promise<HeldForm | undefined>,
): Promise<void> {
  if (caller.kind !== 'person' || !isCsrfAsked(policy, context)) return;
  const given = await csrfValueOf(context, form);
  const good = await csrf.matches(caller.sessionId, given);
  if (!good) throw sessionFault('SESSION_CSRF');
}
