import type { Context } from '../http/index.ts';

type Head = Pick<Context, 'method' | 'headers'>;

/** Media types that a page may have a browser send to anybody without being asked. @see Fetch §2.2.2 */
const SIMPLE = new Set(['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']);

/** A link that is followed; an image, a style, a form: what a text can make a page ask for, our own page too. */
const BY_MARKUP = new Set<unknown>(['navigate', 'no-cors']);

/**
 * Whether some page, or a mail, may have made an honest browser send this (D06). Whoever attacks can claim it too: then
 * the attack is refused all the same, and merely counts little.
 *
 * Silence proves nothing: to a host without TLS browsers say neither where a request comes from nor what it is for.
 */
export function mayBePlanted({ method, headers }: Head): boolean {
  if (bringsProof({ headers }) || !canBeMade(method, headers['content-type'])) return false;
  if (BY_MARKUP.has(headers['sec-fetch-mode'])) return true;
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  if (isForeign(headers.origin, headers.host) || isForeign(headers.referer, headers.host)) return true;
  const isOwnScript = site === 'same-origin' || (headers.origin !== undefined && headers.origin !== '');
  return !isOwnScript && isLikeBrowser({ headers });
}

/** What no page makes a browser send to us. `Basic` it adds by itself, as it does cookies. */
function bringsProof({ headers }: Pick<Head, 'headers'>): boolean {
  return headers['x-api-key'] !== undefined || /^bearer /i.test(headers.authorization ?? '');
}

function canBeMade(method: string, contentType: string | undefined): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  if (method !== 'POST') return false;
  return contentType === undefined || SIMPLE.has(contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '');
}

/** Of another host than the one that is asked; what cannot be read, like the `null` of a sandbox, is nobody's of ours. */
function isForeign(page: string | undefined, host: string | undefined): boolean {
  if (page === undefined || page === '') return false;
  return URL.parse(page)?.host !== host?.toLowerCase();
}

/** No page has a say in the name that its browser goes by. Tools that take one on are refused, and count little. */
function isLikeBrowser({ headers }: Pick<Head, 'headers'>): boolean {
  return /^mozilla\//i.test(headers['user-agent'] ?? '') || /text\/html|image\//i.test(headers.accept ?? '');
}
