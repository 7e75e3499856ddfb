import { z } from 'zod';
import type { RelayInput, Upgrade } from '../http/index.ts';
import { acceptEarly, CLOSE_POLICY, closeFor, type EarlySocket, type FirstText } from './early-socket.ts';
import { gatewayFault } from './errors.ts';
import { readHandshake } from './handshake.ts';
import type { Plan } from './plan.ts';
import type { Sockets } from './sockets.ts';
import type { Waiting } from './waiting.ts';

/** A socket that has yet to say who opened it. */
export interface Unknown {
  readonly plan: Plan;
  readonly input: RelayInput;
  readonly upgrade: Upgrade;
  readonly admit: NonNullable<RelayInput['admit']>;
  readonly waiting: Waiting;
  readonly sockets: Sockets;
  readonly authTimeoutMs: number;
}

type Outcome = { readonly kind: 'token'; readonly token: string; readonly rest: Buffer } | Refused;
type Refused = { readonly kind: 'refused'; readonly status: number };

const MAX_BYTES = 8_192;

const message = z.strictObject({ type: z.literal('auth'), token: z.string().min(1).max(MAX_BYTES) });

/**
 * Opens a socket whose first message is `{"type":"auth","token":"…"}`, and asks the back end only when that is good.
 * Refusals are told by the close code: 1008 for anything but that message, 4401 for none in time or a bad token, and
 * 4000 with its status for whatever else a request would have been answered with.
 *
 * @returns 101 once the socket closed, or the status of the refusal
 * @throws GATEWAY_HANDSHAKE, GATEWAY_ORIGIN, GATEWAY_SOCKETS as long as nothing was answered
 */
export async function relayByMessage(unknown: Unknown): Promise<number> {
  const { plan, input, upgrade, admit, waiting, sockets, authTimeoutMs } = unknown;
  const handshake = readHandshake(input.request, input.context, plan.origins);
  const giveBack = waiting.take(input.context.addressBlock);
  let early: EarlySocket | undefined;
  try {
    early = acceptEarly(input, upgrade, handshake);
    const said = outcomeOf(early, await early.first(authTimeoutMs, MAX_BYTES));
    if (said.kind === 'refused') return said.status;
    const admitted = await admit(said.token);
    giveBack();
    const known = { ...input, ...admitted, admit: undefined };
    const status = await sockets.relay(plan, known, upgrade, { early: { rest: said.rest } });
    if (status !== 101) upgrade.socket.destroy();
    return status;
  } catch (error) {
    if (early === undefined) throw error;
    return closeFor(early, error);
  } finally {
    giveBack();
  }
}

function outcomeOf(early: EarlySocket, first: FirstText): Outcome {
  switch (first.kind) {
    case 'text': {
      const token = tokenIn(first.text);
      return token === undefined
        ? refuse(early, 'the first message must be auth')
        : { kind: 'token', token, rest: first.rest };
    }
    case 'bad':
      return refuse(early, first.reason);
    case 'late':
      return { kind: 'refused', status: closeFor(early, gatewayFault('GATEWAY_CREDENTIAL')) };
    case 'left':
      early.close(CLOSE_POLICY, '');
      return { kind: 'refused', status: 499 };
  }
}

function refuse(early: EarlySocket, reason: string): Refused {
  early.close(CLOSE_POLICY, reason);
  return { kind: 'refused', status: 400 };
}

function tokenIn(text: string): string | undefined {
  try {
    return message.safeParse(JSON.parse(text)).data?.token;
  } catch {
    return undefined;
  }
}
