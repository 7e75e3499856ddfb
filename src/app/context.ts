import type { IncomingMessage } from 'node:http';
import { type AddressReader, addressBlock, type Context } from '../http/index.ts';
import { requestId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';

/** Sockets that the operator's own door handed in; nothing that a client sends can put one here. */
export type OperatorSockets = WeakSet<object>;

/** Makes the context of a request: id, time, true client address, and nothing that its sender could have made up. */
export function createContextReader(deps: {
  readonly clock: Clock;
  readonly random: Random;
  readonly addresses: AddressReader;
  readonly operators: OperatorSockets;
  readonly production: boolean;
}): (request: IncomingMessage) => Context {
  const { clock, random, addresses, operators, production } = deps;
  return (request) => {
    const { socket, headers } = request;
    const peer = socket.remoteAddress ?? '';
    const forwarded = headers['x-forwarded-for'];
    const address = addresses.read(peer, Array.isArray(forwarded) ? forwarded.join(',') : forwarded);
    const viaTls = 'encrypted' in socket && socket.encrypted === true;
    return {
      requestId: requestId(newUuid(clock, random)),
      receivedAt: clock.now(),
      address,
      addressBlock: addressBlock(address),
      secure: viaTls || (headers['x-forwarded-proto'] === 'https' && addresses.trusts(peer)),
      production,
      operator: operators.has(socket),
      method: request.method ?? '',
      url: request.url ?? '',
      headers,
    };
  };
}
