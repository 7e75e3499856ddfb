import type { RelayInput } from '../http/index.ts';
import { gatewayFault } from './errors.ts';
import { assertOrigin, KEY } from './handshake.ts';

/** Whether a back end could take it for the wish to speak something else than HTTP from here on. @see RFC 9110 §7.8 */
export const asksForUpgrade = ({ context: { headers }, upgrade }: RelayInput): boolean =>
  upgrade !== undefined || headers['sec-websocket-key'] !== undefined || headers.upgrade !== undefined;

/**
 * Lets the handshake of a WebSocket pass, and no other upgrade: a back end that took one would be spoken to past us by
 * whoever asked for it. `Upgrade` itself is checked where the proxy tells it, for not every one can.
 *
 * @throws GATEWAY_HANDSHAKE, GATEWAY_ORIGIN
 * @see RFC 6455 §4.2.1
 */
export function assertHandshake({ context, request }: RelayInput, origins: readonly string[] | undefined): void {
  const { upgrade = 'websocket', 'sec-websocket-key': key, 'sec-websocket-version': version } = context.headers;
  if (upgrade.toLowerCase() !== 'websocket') throw refusal('only websocket is spoken here');
  if (request.method !== 'GET') throw refusal('it must be GET');
  if (version !== '13') throw refusal('sec-websocket-version must be 13');
  if (typeof key !== 'string' || !KEY.test(key)) throw refusal('sec-websocket-key must be 16 bytes in base64');
  assertOrigin(context, origins); // a browser sends cookies with a handshake, whatever page asks for it
}

const refusal = (reason: string) => gatewayFault('GATEWAY_HANDSHAKE', { reason });
