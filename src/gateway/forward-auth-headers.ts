import type { IncomingHttpHeaders } from 'node:http';
import { gatewayFault } from './errors.ts';

/** What only we may say to a back end, but for the one by which a client chooses among its tenants. */
const OURS = /^twinkeep-/;
const CHOSEN_BY_CLIENT = 'twinkeep-tenant';
/** What a back end would take for the word of a proxy: another path, method or host, or another client. */
export const BELIEVED: ReadonlySet<string> = new Set([
  ...['x-original-url', 'x-original-uri', 'x-original-method', 'x-original-host', 'x-rewrite-url', 'x-host'],
  ...['x-http-method', 'x-http-method-override', 'x-method-override'],
  ...['x-client-ip', 'x-cluster-client-ip', 'true-client-ip', 'cf-connecting-ip', 'proxy'],
  'http2-settings', // of an upgrade that nobody could look into
]);
/** Those that proxies overwrite, and so could come in another spelling beside theirs. */
const WRITTEN = new Set(['authorization', 'cookie', 'x-api-key', 'content-type', 'x-real-ip', 'forwarded']);
const FORWARDED = /^x-forwarded-/;
/** Of that family, what proxies tell by themselves: the others are nobody's but a client's. */
const TOLD_BY_PROXY = new Set(['for', 'proto', 'host', 'port', 'server'].map((last) => `x-forwarded-${last}`));
/** What a `Connection` may name. Anything else would be taken off on the way, such as who calls. */
const OF_ONE_HOP = new Set(['', 'close', 'keep-alive', 'upgrade', 'te', 'http2-settings']);

const MAX_NAMES = 2_048;

/**
 * Refuses a request whose headers a back end would take for ours or the proxy's. A proxy hands the rest of a request on
 * as it is, so whatever its configuration forgets to take off must not be let in. A server behind CGI or WSGI makes every
 * sign a `_`: a name is judged as the one that it would become there.
 *
 * @param assertionHeader in lower case
 * @returns a check of headers; @throws GATEWAY_HEADER
 */
export function createHeaderCheck(assertionHeader: string): (headers: IncomingHttpHeaders) => void {
  const harmless = new Set<string>();
  return (headers) => {
    for (const name in headers) {
      if (harmless.has(name)) continue; // a request has ten names, and most clients send the same ones
      if (isOurs(name, assertionHeader)) throw refusal(name);
      if (harmless.size < MAX_NAMES) harmless.add(name);
    }
    const { connection } = headers;
    if (connection === undefined || connection === 'close' || connection === 'keep-alive') return;
    for (const named of connection.split(','))
      if (!OF_ONE_HOP.has(named.trim().toLowerCase())) throw refusal('connection');
  };
}

const refusal = (header: string) => gatewayFault('GATEWAY_HEADER', { header: header.slice(0, 64) });

function isOurs(name: string, assertionHeader: string): boolean {
  if (name === CHOSEN_BY_CLIENT) return false;
  const plain = name.replace(/[^a-z0-9]/g, '-');
  if (plain === assertionHeader || OURS.test(plain) || BELIEVED.has(plain)) return true;
  if (FORWARDED.test(plain)) return plain !== name || !TOLD_BY_PROXY.has(plain);
  return plain !== name && WRITTEN.has(plain);
}
