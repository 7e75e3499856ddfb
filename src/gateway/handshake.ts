import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context } from '../http/index.ts';
import { gatewayFault } from './errors.ts';
import { type OfferedProtocols, PLAIN_PROTOCOL, readProtocols } from './protocols.ts';

/** Sixteen bytes in base64. */
export const KEY = /^[A-Za-z0-9+/]{22}==$/;
export const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What a client wants to open. */
export interface Handshake {
  readonly key: string;
  readonly protocols: OfferedProtocols;
}

/**
 * Reads the handshake of a WebSocket and says who may ask for one: a browser sends cookies and lets any page connect,
 * so a page of another origin must be on the list. Without `Origin` it is no browser.
 *
 * @throws GATEWAY_HANDSHAKE, GATEWAY_ORIGIN
 * @see RFC 6455 §4.2.1, §10.2
 */
export function readHandshake(
  request: IncomingMessage,
  context: Context,
  origins: readonly string[] | undefined,
): Handshake {
  const { method, headers, httpVersion } = request;
  if (method !== 'GET' || httpVersion !== '1.1') throw refusal('it must be GET with HTTP/1.1');
  if (headers.upgrade?.toLowerCase() !== 'websocket') throw refusal('only websocket is spoken here');
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    throw refusal('it has a body');
  if (headers['sec-websocket-version'] !== '13') throw refusal('sec-websocket-version must be 13');
  const key = headers['sec-websocket-key'];
  if (typeof key !== 'string' || !KEY.test(key)) throw refusal('sec-websocket-key must be 16 bytes in base64');
  assertOrigin(context, origins);
  return { key, protocols: protocolsOf(headers['sec-websocket-protocol']) };
}

/** @throws GATEWAY_ORIGIN for a page of another origin than ours or those on the list */
export function assertOrigin({ headers, secure }: Context, origins: readonly string[] | undefined): void {
  const { origin, host } = headers;
  if (origin === undefined) return;
  const own = `${secure ? 'https' : 'http'}://${host}`;
  if (!(origins ?? [own]).includes(origin)) throw gatewayFault('GATEWAY_ORIGIN');
}

function protocolsOf(header: string | undefined): OfferedProtocols {
  const protocols = readProtocols(header);
  if (protocols === undefined) throw refusal('sec-websocket-protocol is no list of names');
  if (protocols.bearers.length > 1) throw refusal('it carries two tokens');
  if (protocols.bearers.length > 0 && protocols.offered.length === 0 && !protocols.plain) {
    // A client ends a socket whose answer selects none of its protocols, and a token must not be sent back.
    throw refusal(`offer ${PLAIN_PROTOCOL} beside the token`);
  }
  return protocols;
}

const refusal = (reason: string) => gatewayFault('GATEWAY_HANDSHAKE', { reason });

/**
 * Checks that the back end agreed to what the client asked.
 *
 * @param head of the answer, names and values in turn
 * @returns the protocol to name where the back end names none
 * @throws GATEWAY_ANSWER
 */
export function checkAgreement(head: unknown, { key, protocols }: Handshake): string | undefined {
  const accepts = valuesOf(head, 'sec-websocket-accept');
  const expected = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  if (accepts.length !== 1 || accepts[0] !== expected) throw nonsense('sec-websocket-accept is wrong');
  if (valuesOf(head, 'upgrade').join().toLowerCase() !== 'websocket') throw nonsense('it upgrades to something else');
  const selected = valuesOf(head, 'sec-websocket-protocol');
  if (selected.length > 1) throw nonsense('it selects two protocols');
  const [one] = selected;
  if (one !== undefined && !protocols.offered.includes(one))
    throw nonsense('it selects a protocol that was not offered');
  return one === undefined && protocols.plain ? PLAIN_PROTOCOL : undefined;
}

const nonsense = (reason: string) => gatewayFault('GATEWAY_ANSWER', { reason });

function valuesOf(head: unknown, name: string): string[] {
  const values: string[] = [];
  const pairs: readonly unknown[] = Array.isArray(head) ? head : [];
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    if (String(pairs[at]).toLowerCase() === name) values.push(String(pairs[at + 1]).trim());
  }
  return values;
}
