import type { Context } from '../http/index.ts';

type Head = Pick<Context, 'method' | 'headers'>;

/** Media types that a page may have a browser send to anybody without being asked. @see Fetch §2.2.2 */
const SIMPLE = new Set([
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/plain',
  'text/ping', // a link's `ping`
  'application/csp-report', // what a page's own policy has reported, to where that policy says
]);

/** A link that is followed; an image, a style, a form: what a text can make a page ask for, our own page too. */
const BY_MARKUP = new Set<unknown>(['navigate', 'no-cors']);

/** What a script of a page asks for. */
const BY_SCRIPT = new Set<unknown>(['cors', 'same-origin']);

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
  const isNamed = headers.origin !== undefined && headers.origin !== ''; // what browsers leave out where a page reads its own
  if (site === 'same-origin') return isRead(method) && BY_SCRIPT.has(headers['sec-fetch-mode']) && !isNamed;
  return !isNamed && isLikeBrowser({ headers });
}

/**
 * Whether a script of an honest page may have sent this read, with the token that it holds: of a link to such a page it
 * takes what to search for, and who made the link had no need of the token. Whoever stole one can claim it too, so it
 * counts little and not nothing.
 *
 * @param isPerson whether the token is a person's, and good; only then a browser's looks are enough
 */
export function mayBeScripted({ method, headers }: Head, isPerson: boolean): boolean {
  if (!isRead(method) || headers['x-api-key'] !== undefined) return false; // keys have no place in a page
  if (headers['sec-fetch-site'] === undefined) return isPerson && isLikeBrowser({ headers }); // some tools name a mode
  return BY_SCRIPT.has(headers['sec-fetch-mode']) && bringsProof({ headers });
}

/** What no page makes a browser send to us. `Basic` it adds by itself, as it does cookies. */
function bringsProof({ headers }: Pick<Head, 'headers'>): boolean {
  return headers['x-api-key'] !== undefined || /^bearer /i.test(headers.authorization ?? '');
}

function canBeMade(method: string, contentType: string | undefined): boolean {
  if (isRead(method) || method === 'OPTIONS') return true; // what a browser asks before it sends anything else
  if (method !== 'POST') return false;
  return contentType === undefined || SIMPLE.has(contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '');
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** Of another host than the one that is asked; what cannot be read, like the `null` of a sandbox, is nobody's of ours. */
function isForeign(page: string | undefined, host: string | undefined): boolean {
  if (page === undefined || page === '') return false;
  return URL.parse(page)?.host !== host?.toLowerCase();
}

/** No page has a say in the name that its browser goes by. Tools that take one on are refused, and count little. */
function isLikeBrowser({ headers }: Pick<Head, 'headers'>): boolean {
  return /^mozilla\//i.test(headers['user-agent'] ?? '') || /text\/html|image\//i.test(headers.accept ?? '');
}
