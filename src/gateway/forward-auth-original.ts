import type { IncomingMessage } from 'node:http';
import { hopAddress } from '../http/index.ts';
import { gatewayFault } from './errors.ts';

/** The request that a proxy holds and asks about. */
export interface Original {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** What it wants to speak from then on, where the proxy tells it in a header of the question's own. */
  readonly upgrade: string | undefined;
}

/** Where proxies ask. Envoy appends the original's own path to it, and asks with the original's method. */
export const FORWARD_AUTH = '/v1/forward-auth';

/** Of the address as it came, for it is cut off byte by byte: another spelling of it is another address. */
const ASKED = /^\/v1\/forward-auth(?:[/?]|$)/;
/** `PRI` is the first line of HTTP/2, which Node answers by closing the connection. */
const METHOD = /^(?!PRI$)[A-Z]{1,16}$/;
const TARGET = /^\/[\x21-\x7e]{0,8191}$/;
const HOST = /^(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const SCHEMES: Readonly<Record<string, Original['scheme']>> = {
  http: 'http',
  https: 'https',
  ws: 'http',
  wss: 'https',
};

/** What tells of the original and is no part of it. Two families, for proxies differ: nginx, and Traefik with Caddy. */
const METHOD_HEADERS = ['x-original-method', 'x-forwarded-method'] as const;
const TARGET_HEADERS = ['x-original-uri', 'x-forwarded-uri'] as const;
/** An `Upgrade` of the question itself would be that of the proxy's own connection. */
const UPGRADE_HEADER = 'x-original-upgrade';

/**
 * Reads which request is asked about. A client can send what its proxy does not set, so all that tells of one thing must
 * tell the same; and what a proxy does not tell is never made up.
 *
 * @throws GATEWAY_ORIGINAL with what is missing or contradicts
 */
export function readOriginal({ method = '', url = '', headers }: Asking): Original {
  if (!ASKED.test(url)) throw refusal('it is asked at another address');
  const rest = url.slice(FORWARD_AUTH.length);
  const isPrefix = rest.startsWith('/');
  assertClient(headers['x-forwarded-for']);
  const host = agreed(headers, ['x-forwarded-host'], isPrefix ? headers.host : undefined);
  const scheme = SCHEMES[agreed(headers, ['x-forwarded-proto'], undefined)];
  const asked = {
    method: agreed(headers, METHOD_HEADERS, isPrefix ? method : undefined),
    target: agreed(headers, TARGET_HEADERS, isPrefix ? rest : undefined),
  };
  if (!METHOD.test(asked.method)) throw refusal('its method is none');
  if (!TARGET.test(asked.target)) throw refusal('its target is no path');
  if (!HOST.test(host)) throw refusal('its host is none');
  if (scheme === undefined) throw refusal('x-forwarded-proto is neither http nor https');
  return { ...asked, host, scheme, upgrade: upgradeOf(headers) };
}

/** Without an address all such clients would be the proxy itself, and share its limits and blocks. */
function assertClient(forwarded: string | string[] | undefined): void {
  if (forwarded === undefined) throw refusal('x-forwarded-for is missing');
  const last = String(forwarded).split(',').at(-1) ?? '';
  if (hopAddress(last) === undefined) throw refusal('x-forwarded-for does not end in an address');
}

type Asking = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

function agreed(headers: IncomingMessage['headers'], names: readonly string[], own: string | undefined): string {
  let said = own;
  for (const name of names) {
    const value = headers[name];
    if (value === undefined) continue;
    if (said !== undefined && said !== value) throw refusal(`${name} contradicts`);
    said = String(value);
  }
  if (said === undefined) throw refusal(`${names.join(' or ')} is missing`);
  return said;
}

function upgradeOf(headers: IncomingMessage['headers']): string | undefined {
  const told = headers[UPGRADE_HEADER];
  if (told === undefined || told === '') return headers.upgrade;
  if (headers.upgrade !== undefined && headers.upgrade !== told) throw refusal(`${UPGRADE_HEADER} contradicts`);
  return String(told);
}

const refusal = (reason: string) => gatewayFault('GATEWAY_ORIGINAL', { reason });

/**
 * Makes the proxy's question the request that it asks about, so that all who look at it from here on see that one alone.
 * What the proxy's own connection showed, such as its certificate, stays behind: it says nothing of the client.
 */
export function becomeOriginal(request: Asking, { method, target, host, scheme, upgrade }: Original): void {
  const headers: IncomingMessage['headers'] = { ...request.headers, host, 'x-forwarded-proto': scheme };
  for (const name of TELLING) delete headers[name];
  if (upgrade !== undefined) headers.upgrade = upgrade;
  if (headers['twinkeep-tenant'] === '') delete headers['twinkeep-tenant']; // how some proxies pass on one that is absent
  request.method = method;
  request.url = target;
  request.headers = headers;
}

/** What is taken off before anybody looks, so that of these names Twinkeep never sees a client's own. */
export const TELLING = [...METHOD_HEADERS, ...TARGET_HEADERS, 'x-forwarded-host', UPGRADE_HEADER] as const;
