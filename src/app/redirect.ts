import { randomUUID, type X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { BEARER_PROTOCOL } from '../gateway/index.ts';
import { httpFault, nativeFace, SECURITY_HEADERS } from '../http/index.ts';
import { requestId } from '../kernel/brand.ts';
import { seconds } from '../kernel/clock.ts';
import type { TwinkeepError } from '../kernel/errors.ts';
import { presets } from '../profiles/index.ts';
import { KNOWN_COOKIE, NATIVE_COOKIES } from '../sessions/index.ts';
import { flawOf } from './framing.ts';
import { tlsFault } from './tls-errors.ts';

export interface RedirectOptions {
  /** The name to send to; without it the one asked for, where the certificate has it. */
  readonly host: string | undefined;
  /** The port of HTTPS. */
  readonly port: number;
  readonly certificate: () => X509Certificate;
}

const LIMITS = {
  maxHeaderSize: 8_192,
  headersTimeout: seconds(5),
  requestTimeout: seconds(10),
  keepAliveTimeout: 1, // who is sent away does not come back here
  connectionsCheckingInterval: seconds(2),
  requireHostHeader: false,
  insecureHTTPParser: false,
};
const IDLE_MS = seconds(10);
const MAX_CONNECTIONS = 1_000;

/** HSTS is for HTTPS alone. @see RFC 6797 §7.2 */
const { 'strict-transport-security': _hsts, ...HEADERS } = SECURITY_HEADERS;

/**
 * A server of plain HTTP that sends browsers to HTTPS. Whoever sends something other than a question, or a secret with
 * it, is refused instead: a program that follows redirects would never notice that each of its secrets goes in the clear.
 *
 * @see RFC 9110 §15.4.9 (308)
 */
export function createRedirect(options: RedirectOptions): Server {
  const server = createServer(LIMITS, (request, response) => answer(request, response, options));
  server.setTimeout(IDLE_MS);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response, options),
  );
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse, options: RedirectOptions): void {
  response.shouldKeepAlive = false;
  const to = judge(request, options);
  if (typeof to === 'string') response.writeHead(308, { ...HEADERS, location: to, 'content-length': '0' }).end();
  else refuse(request, response, to);
}

/** @returns where to, or why not */
function judge(request: IncomingMessage, options: RedirectOptions): string | TwinkeepError {
  const flaw = flawOf(request);
  if (flaw !== undefined) return httpFault('HTTP_MALFORMED', { reason: flaw });
  const { method, headers } = request;
  const isQuestion = method === 'GET' || method === 'HEAD';
  if (!isQuestion || hasSecret(headers)) return tlsFault('TLS_NEEDED', { use: 'https' });
  const reason = 'no HTTPS is served under that name';
  return locationOf(request, options) ?? httpFault('HTTP_MALFORMED', { reason });
}

/** Of every profile, served or not: a cookie that is ours has told its secret to whoever listens. */
const OWN_COOKIES: ReadonlySet<string> = new Set([
  KNOWN_COOKIE,
  ...Object.values(NATIVE_COOKIES),
  ...Object.values(presets).flatMap((preset) => ('cookies' in preset ? Object.values(preset.cookies) : [])),
]);

function hasSecret({ authorization, cookie = '', ...headers }: IncomingMessage['headers']): boolean {
  if (authorization !== undefined || headers['x-api-key'] !== undefined) return true;
  if (headers['proxy-authorization'] !== undefined) return true;
  if (headers['sec-websocket-protocol']?.toLowerCase().includes(BEARER_PROTOCOL)) return true;
  return cookie.split(';').some((pair) => OWN_COOKIES.has(pair.split('=', 1)[0]?.trim() ?? ''));
}

/** Only to a name that we have the certificate of, so that no `Host` of a stranger's leads anybody to the stranger. */
function locationOf(
  { headers, url = '' }: IncomingMessage,
  { host, port, certificate }: RedirectOptions,
): string | undefined {
  if (!/^\/[\x21-\x7e]*$/.test(url)) return undefined;
  const named = /^(\[[0-9A-Fa-f:.]+\]|[^:]+)/.exec(headers.host ?? '')?.[1] ?? '';
  const asked = named.replace(/^\[|\]$/g, '').replace(/(?<=.)\.$/, ''); // with the dot of the root it is the same name
  const name = host ?? (isNamed(certificate(), asked) ? asked.toLowerCase() : undefined);
  if (name === undefined) return undefined;
  const authority = name.includes(':') ? `[${name}]` : name;
  return `https://${authority}${port === 443 ? '' : `:${port}`}${url}`;
}

const isNamed = (certificate: X509Certificate, name: string): boolean =>
  name !== '' && (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;

function refuse(request: IncomingMessage, response: ServerResponse, fault: TwinkeepError): void {
  const { status, contentType, body } = nativeFace.refusal(fault, requestId(randomUUID()));
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { ...HEADERS, 'content-type': contentType, 'content-length': length }).end(body);
  request.resume(); // a client that is cut off while it sends loses the answer; the time of a request is bounded
}
