import { type Context, cookieOf, isSecureCookie, readCookie } from '../http/index.ts';
import { days } from '../kernel/clock.ts';
import type { Grant, ShownDevice } from './session.ts';

/** The cookies that a profile keeps a grant in, by the names that its clients know. */
export interface CookieNames {
  readonly access: string;
  readonly refresh: string;
  /** The one that scripts read, to send its value along in `X-CSRF-TOKEN`. */
  readonly csrf: string;
  /** A second readable one beside the refresh cookie, where old clients look for it. */
  readonly csrfRefresh?: string | undefined;
  /** The secret that binds refresh tokens to their device. */
  readonly device: string;
}

/** Where they are sent: everything of a profile lies below `prefix`, and its refresh route below `refresh`. */
export interface CookiePaths {
  readonly refresh: string;
  readonly prefix: string;
}

export const NATIVE_COOKIES: CookieNames = {
  access: 'tk_access',
  refresh: 'tk_refresh',
  csrf: 'tk_csrf',
  device: 'tk_device',
};

export const NATIVE_PATHS: CookiePaths = { refresh: '/v1/token', prefix: '/' };

/** By which an account knows a device that signed in before, whatever the profile. It opens nothing. */
export const KNOWN_COOKIE = 'tk_known';

/** What a browser shows of itself at a refresh. */
export const shownBy = ({ device }: CookieNames, { headers }: Pick<Context, 'headers'>): ShownDevice => ({
  secret: readCookie(headers.cookie, device),
  known: readCookie(headers.cookie, KNOWN_COOKIE),
});

/** No session lives longer. @see sessionConfig, absoluteMs */
const LONGEST_S = days(90) / 1_000;

/** Over TLS or not, and from which pages of other sites they go along: from none unless told. */
type Sent = Pick<Context, 'secure' | 'production'> & { readonly sameSite?: 'Strict' | 'Lax' | 'None' };
const flagsOf = ({ sameSite = 'Strict', ...seen }: Sent) => ({ secure: isSecureCookie(seen), sameSite });

/**
 * A grant as cookies, `Set-Cookie` values in a row: HttpOnly but for the CSRF value, `Secure` over TLS, the refresh token
 * sent to its own route alone.
 */
export function grantCookies(
  names: CookieNames,
  grant: Grant,
  csrf: string,
  sent: Sent,
  paths: CookiePaths,
): readonly string[] {
  const flags = flagsOf(sent);
  const { refreshToken, accessToken, expiresInS } = grant;
  const whole = { path: paths.prefix, maxAgeS: refreshToken === undefined ? expiresInS : LONGEST_S, ...flags };
  const refreshing = { path: paths.refresh, maxAgeS: LONGEST_S, ...flags };
  const cookies = [
    cookieOf(names.access, accessToken, { ...whole, maxAgeS: expiresInS }),
    cookieOf(names.csrf, csrf, { ...whole, httpOnly: false }),
  ];
  if (refreshToken === undefined) return cookies;
  cookies.push(cookieOf(names.refresh, refreshToken, refreshing));
  if (names.csrfRefresh !== undefined)
    cookies.push(cookieOf(names.csrfRefresh, csrf, { ...refreshing, path: paths.prefix, httpOnly: false }));
  return [...cookies, ...deviceCookies(names, grant, sent, paths)];
}

/** The device secret alone, for clients that keep their tokens themselves. */
export function deviceCookies(
  names: CookieNames,
  { deviceSecret }: Grant,
  sent: Sent,
  paths: CookiePaths,
): readonly string[] {
  if (deviceSecret === undefined) return [];
  return [cookieOf(names.device, deviceSecret, { path: paths.refresh, maxAgeS: LONGEST_S, ...flagsOf(sent) })];
}

/** Takes all of them away, at a logout. */
export function clearCookies(names: CookieNames, sent: Sent, paths: CookiePaths): readonly string[] {
  const gone = (name: string, path: string): string => cookieOf(name, '', { path, maxAgeS: 0, ...flagsOf(sent) });
  const cookies = [gone(names.access, paths.prefix), gone(names.csrf, paths.prefix)];
  cookies.push(gone(names.refresh, paths.refresh), gone(names.device, paths.refresh));
  if (names.csrfRefresh !== undefined) cookies.push(gone(names.csrfRefresh, paths.prefix));
  return cookies;
}
