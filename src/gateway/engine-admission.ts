import { isUtf8 } from 'node:buffer';
import { type RelayInput, readBody } from '../http/index.ts';
import { nameOf } from '../kernel/principal.ts';
import { type Connect, readConnects } from './engine-packets.ts';
import { refusal } from './engine-query.ts';
import type { Owner } from './engine-sessions.ts';
import { gatewayFault } from './errors.ts';
import type { Plan } from './plan.ts';

/** CONNECT packets and nothing else fit in. */
export const MAX_CONNECT_BYTES = 16_384;

/** What somebody sent who wants to be let in. @throws GATEWAY_SOCKET_IO, GATEWAY_SESSION_FOREIGN, HTTP_BODY_TOO_LARGE */
export async function readSignIn(
  plan: Plan,
  { request, body, caller }: RelayInput,
): Promise<readonly [Connect, ...Connect[]]> {
  if (caller.kind !== 'anonymous') throw gatewayFault('GATEWAY_SESSION_FOREIGN'); // it was opened without a credential
  const bytes = body instanceof Uint8Array ? body : await readBody(request, MAX_CONNECT_BYTES);
  if (bytes.length > MAX_CONNECT_BYTES || !isUtf8(bytes)) throw refusal('it is no CONNECT');
  const read = readConnects(Buffer.from(bytes).toString(), plan.credential === 'strip');
  if (read.kind === 'bad') throw refusal(read.reason);
  return read.connects;
}

/** Every token in it must be good, and of the same caller in the same tenant. @throws what the line would answer */
export async function admitAll(connects: readonly [Connect, ...Connect[]], admit: RelayInput['admit']): Promise<Owner> {
  const [first, ...others] = connects;
  if (admit === undefined || first.token === undefined) throw gatewayFault('GATEWAY_CREDENTIAL');
  const owner = await admit(first.token);
  for (const { token } of others) {
    if (token === undefined || token === first.token) continue;
    const other = await admit(token);
    if (nameOf(other.caller) !== nameOf(owner.caller) || other.tenantId !== owner.tenantId)
      throw gatewayFault('GATEWAY_SESSION_FOREIGN');
  }
  return owner;
}
