import type { Duplex } from 'node:stream';
import type { RelayInput, Upgrade } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { acceptEarly, CLOSE_POLICY, closeFor, type EarlySocket, type FirstText, firstTextOf } from './early-socket.ts';
import { admitAll, MAX_CONNECT_BYTES } from './engine-admission.ts';
import {
  type Connect,
  connectError,
  type EngineOpen,
  MAX_PAYLOAD_BYTES,
  openPacket,
  readConnects,
  readOpen,
} from './engine-packets.ts';
import { gatewayFault } from './errors.ts';
import { textFrame } from './frames.ts';
import { readHandshake } from './handshake.ts';
import type { Plan } from './plan.ts';
import { LEFT, type Sockets } from './sockets.ts';
import type { Waiting } from './waiting.ts';

export interface EngineSocketDeps {
  readonly waiting: Waiting;
  readonly sockets: Sockets;
  readonly random: Random;
  readonly newSession: () => EngineOpen;
  readonly authTimeoutMs: number;
}

type Admit = NonNullable<RelayInput['admit']>;
type Read = { readonly kind: 'connect'; readonly connect: Connect; readonly rest: Buffer } | Refused;
type Refused = { readonly kind: 'refused'; readonly status: number };

const MAX_OPEN_BYTES = 65_536;
const MASK_BYTES = 4;

/** Sockets of Socket.IO that have no session before them, and whose token comes in their CONNECT packet. */
export function createEngineSockets({ waiting, sockets, random, newSession, authTimeoutMs }: EngineSocketDeps) {
  /**
   * We say what the server says first, hear the CONNECT, and let the back end say and hear the same only when it is good.
   *
   * @returns 101 once the socket closed, or the status of the refusal
   * @throws GATEWAY_HANDSHAKE, GATEWAY_ORIGIN, GATEWAY_SOCKETS as long as nothing was answered
   */
  async function openByMessage(plan: Plan, input: RelayInput, upgrade: Upgrade, admit: Admit): Promise<number> {
    const handshake = readHandshake(input.request, input.context, plan.origins);
    const giveBack = waiting.take(input.context.addressBlock);
    let early: EarlySocket | undefined;
    let asked: Connect | undefined;
    try {
      early = acceptEarly(input, upgrade, handshake);
      early.send(openPacket(newSession(), [], MAX_PAYLOAD_BYTES));
      const read = readFirst(early, await early.first(authTimeoutMs, MAX_CONNECT_BYTES), plan);
      if (read.kind === 'refused') return read.status;
      const { connect, rest } = read;
      asked = connect;
      const owner = await admitAll([connect], admit);
      giveBack();
      asked = undefined; // what fails from here on is no answer to the CONNECT
      const known = { ...input, ...owner, admit: undefined };
      const begin = (server: Duplex): Promise<Buffer> => speakFor(server, connect.packet);
      const status = await sockets.relay(plan, known, upgrade, { early: { rest, begin } });
      if (status !== 101) upgrade.socket.destroy();
      return status;
    } catch (error) {
      if (early === undefined) throw error;
      if (asked !== undefined && isFault(error)) early.send(connectError(asked.namespace, error.message, error.code));
      return closeFor(early, error);
    } finally {
      giveBack();
    }
  }

  /** The back end's own first packet was answered by ours already; its client's comes now. */
  async function speakFor(server: Duplex, packet: string): Promise<Buffer> {
    const options = { head: Buffer.alloc(0), masked: false, withinMs: authTimeoutMs, maxBytes: MAX_OPEN_BYTES };
    const first = await firstTextOf(server, options);
    if (first.kind !== 'text' || readOpen(first.text) === undefined)
      throw gatewayFault('GATEWAY_ANSWER', { reason: 'it opens no session' });
    server.write(textFrame(packet, random.bytes(MASK_BYTES)));
    return first.rest;
  }

  return { openByMessage };
}

function readFirst(early: EarlySocket, first: FirstText, plan: Plan): Read {
  switch (first.kind) {
    case 'text': {
      const read = readConnects(first.text, plan.credential === 'strip');
      if (read.kind === 'bad') return refuse(early, read.reason);
      const [connect, ...others] = read.connects;
      return others.length > 0
        ? refuse(early, 'two packets in one frame')
        : { kind: 'connect', connect, rest: first.rest };
    }
    case 'bad':
      return refuse(early, first.reason);
    case 'late':
      return { kind: 'refused', status: closeFor(early, gatewayFault('GATEWAY_CREDENTIAL')) };
    case 'left':
      early.close(CLOSE_POLICY, '');
      return { kind: 'refused', status: LEFT };
  }
}

function refuse(early: EarlySocket, reason: string): Refused {
  early.close(CLOSE_POLICY, reason);
  return { kind: 'refused', status: 400 };
}
