import type { Context } from './context.ts';

export interface CookieOptions {
  readonly path: string;
  /** 0 takes it away. */
  readonly maxAgeS: number;
  readonly secure: boolean;
  /** False for one that a page's own script is to read. */
  readonly httpOnly?: boolean;
  /** Strict unless told. `None` is sent from pages of any site, and only over TLS. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None';
}

/** The one rule for `Secure`: in production a proxy that we were not told to trust may stand before us. */
export const isSecureCookie = ({ secure, production = false }: Pick<Context, 'secure' | 'production'>): boolean =>
  secure || production;

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const VALUE = /^[A-Za-z0-9_.~-]{0,4000}$/;

/**
 * A `Set-Cookie` value: HttpOnly and SameSite=Strict unless told.
 *
 * @throws TypeError for a name or value outside of letters, digits and `_.~-`: nothing else ever stands in ours
 * @see RFC 6265bis §4.1
 */
export function cookieOf(name: string, value: string, options: CookieOptions): string {
  const { path, maxAgeS, secure, httpOnly = true, sameSite = 'Strict' } = options;
  if (!NAME.test(name) || !VALUE.test(value)) throw new TypeError('not a cookie of ours');
  const flags = `${httpOnly ? '; HttpOnly' : ''}; SameSite=${sameSite}${secure ? '; Secure' : ''}`;
  return `${name}=${value}; Path=${path}; Max-Age=${maxAgeS}${flags}`;
}

/** The value of one cookie, or `undefined`. Of two with the same name neither counts: one of them was planted. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  const found = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
}
