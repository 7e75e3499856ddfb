import { isIP } from 'node:net';

/** The relying party of WebAuthn: who we are to an authenticator. */
export interface RelyingParty {
  /** The domain that passkeys are bound to; never to be changed, for they die with it. */
  readonly id: string;
  readonly name: string;
  /** The pages that may ask for them, as `scheme://host[:port]`. */
  readonly origins: readonly string[];
  /** The pages of other origins that may hold ours in a frame; none unless told, for a frame can be clicked blindly. */
  readonly topOrigins?: readonly string[] | undefined;
}

export interface PartyWish {
  readonly rpId?: string | undefined;
  readonly origins?: readonly string[] | undefined;
  readonly topOrigins?: readonly string[] | undefined;
}

/**
 * Who we are to authenticators: as configured, else as the issuer's address says. The loopback address stands for
 * `localhost`, for an IP address can have no passkeys.
 *
 * @returns undefined where the issuer alone says it and browsers would refuse: no URL, another IP address, no https
 * @throws TypeError for a configured origin that browsers would refuse: no https (but of localhost), or outside of the
 *   domain
 */
export function relyingPartyOf(
  issuer: string,
  name: string,
  { rpId, origins, topOrigins }: PartyWish = {},
): RelyingParty | undefined {
  const url = URL.parse(issuer);
  const loopback = url !== null && /^(127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0|\[::\])$/.test(url.hostname);
  const host = loopback ? 'localhost' : url?.hostname;
  const id = rpId ?? (host === undefined || isIP(host.replace(/^\[|\]$/g, '')) !== 0 ? undefined : host);
  if (id === undefined || id === '') return undefined;
  const framing = topOrigins === undefined ? {} : { topOrigins };
  if (origins !== undefined) {
    for (const origin of origins) assertFits(origin, id);
    return { id, name, origins, ...framing };
  }
  const own = url === null || host === undefined ? undefined : originOf(url, host);
  if (own !== undefined && flawOf(own, id) === undefined) return { id, name, origins: [own], ...framing };
  if (rpId !== undefined) throw new TypeError(`passkeys of ${rpId} need origins within it`);
  return undefined;
}

const originOf = ({ protocol, port }: URL, host: string): string =>
  `${protocol}//${host}${port === '' ? '' : `:${port}`}`;
const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

function assertFits(origin: string, id: string): void {
  const flaw = flawOf(origin, id);
  if (flaw !== undefined) throw new TypeError(`${origin} ${flaw}`);
}

/** @see WebAuthn Level 3 §5.1.3 and §13.4.9 */
function flawOf(origin: string, id: string): string | undefined {
  const url = URL.parse(origin);
  if (url === null || url.origin !== origin) return 'is not an origin';
  if (!isWithin(url.hostname, id)) return `lies outside of ${id}`;
  const isLocal = isWithin(url.hostname, 'localhost');
  return url.protocol === 'https:' || isLocal ? undefined : 'must be https, or browsers offer no passkeys';
}
