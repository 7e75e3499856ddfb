import { type Context, httpFault, readCookie } from '../http/index.ts';

const OUR_COOKIES = ['tk_device'];

/**
 * Refuses an unsafe request that carries a cookie of ours and was sent by a page of another site.
 *
 * @throws HTTP_CROSS_SITE
 * @see https://www.w3.org/TR/fetch-metadata/, OWASP CSRF Prevention Cheat Sheet ("Fetch Metadata headers")
 */
export function assertSameSite({ headers, secure }: Context): void {
  if (headers.cookie === undefined) return;
  if (!OUR_COOKIES.some((name) => readCookie(headers.cookie, name) !== undefined)) return;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw httpFault('HTTP_CROSS_SITE');
  const { origin } = headers;
  // A client that is no browser sends neither; a browser sends at least one with every unsafe request.
  if (origin !== undefined && origin !== `${secure ? 'https' : 'http'}://${headers.host}`)
    throw httpFault('HTTP_CROSS_SITE');
}
