import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RelayInput, Upgrade } from '../http/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Picked, Target } from './back-end.ts';
import type { GatewayConfig } from './config.ts';
import { gatewayFault } from './errors.ts';
import { type Ending, type Job, runExchange } from './exchange.ts';
import { checkAgreement, type Handshake, readHandshake } from './handshake.ts';
import { giveBack, holderOf } from './places.ts';
import type { Plan } from './plan.ts';
import type { Recorder } from './record.ts';
import { runTunnel, type TunnelEnd } from './tunnel.ts';
import type { Watch } from './watch.ts';

/** Opens and carries WebSockets. */
export interface Sockets {
  /**
   * @returns 101 once the socket closed, or the status with which the back end refused it
   * @throws GATEWAY_* as long as nothing was answered
   */
  relay(plan: Plan, input: RelayInput, upgrade: Upgrade, way?: Way): Promise<number>;
  open(): number;
}

/** How a socket differs from one that is handed on as it came. */
export interface Way extends Where {
  /** We have answered the handshake already, and read the first message. */
  readonly early?: {
    /** What the client sent behind its first message. */
    readonly rest: Buffer;
    /** Speaks to the back end before the client does. @returns what it sent behind its own first message */
    begin?(server: Duplex): Promise<Buffer>;
  };
}

/** Where something is handed on to, where that is not for us to choose. */
export interface Where {
  /** The URL that holds the session. */
  readonly target?: Target | undefined;
  /** What is asked for there. */
  readonly path?: string | undefined;
}

/** What is handed on, and the URL that gets it. */
export interface Prepared {
  readonly job: Job;
  /** Whose place has to be given back. */
  readonly picked: Picked;
}

export interface SocketDeps {
  readonly config: GatewayConfig;
  readonly watch: Watch;
  readonly recorder: Recorder;
  readonly clock: Clock;
  /** Picks a URL and makes the head, with the assertion in it. */
  readonly prepare: (plan: Plan, input: RelayInput, where?: Where) => Prepared | Promise<Prepared>;
}

/** A socket on its way to be opened. */
interface Opening {
  readonly plan: Plan;
  readonly input: RelayInput;
  readonly upgrade: Upgrade;
  readonly handshake: Handshake;
  readonly way: Way | undefined;
}

export function createSockets({ config, watch, recorder, clock, prepare }: SocketDeps): Sockets {
  const { maxOpen, maxPerPrincipal, idleTimeoutMs } = config.sockets;
  const holders = new Map<string, number>();
  let open = 0;

  /** @returns gives the place back @throws GATEWAY_SOCKETS */
  function takePlace(input: RelayInput): () => void {
    const holder = holderOf(input);
    const held = holders.get(holder) ?? 0;
    if (open >= maxOpen || held >= maxPerPrincipal) throw gatewayFault('GATEWAY_SOCKETS', { retry_after_s: 5 });
    open++;
    holders.set(holder, held + 1);
    return () => {
      open--;
      const left = (holders.get(holder) ?? 1) - 1;
      if (left > 0) holders.set(holder, left);
      else holders.delete(holder);
    };
  }

  /** A socket that is open counts among sockets, and its connection is no longer one of the pool. */
  async function shake(plan: Plan, input: RelayInput, job: Job, picked: Picked): Promise<Ending> {
    try {
      await recorder.intend('gateway.connected', input, plan);
      return await runExchange(job, picked, watch);
    } finally {
      giveBack(picked.place);
    }
  }

  async function connect(opening: Opening): Promise<number> {
    const { plan, input, handshake, way } = opening;
    const { job: prepared, picked } = await prepare(plan, input, way);
    const { offered } = handshake.protocols;
    const protocols = offered.length === 0 ? [] : ['sec-websocket-protocol', offered.join(', ')];
    const early = way?.early !== undefined;
    const head = early ? withoutExtensions(prepared.head) : prepared.head;
    const job: Job = { ...prepared, early, head: [...head, ...protocols] };
    const openedAt = clock.now();
    let facts: Readonly<Record<string, number | string>> = { reason: 'failed' };
    let done = false;
    const ending = await shake(plan, input, job, picked);
    try {
      const carried = ending.kind === 'upgraded' ? await carry(opening, ending, job, picked.target) : undefined;
      facts = carried === undefined ? { reason: ending.kind } : factsOf(carried);
      done = carried !== undefined;
      if (carried !== undefined) return 101;
      return statusOf(ending);
    } catch (error) {
      facts = { reason: isFault(error) ? error.code : 'failed' };
      throw error;
    } finally {
      recorder.conclude('gateway.connected', input, plan, done ? 'done' : 'failed', {
        ...facts,
        ms: clock.now() - openedAt,
      });
    }
  }

  async function carry(
    { plan, input, upgrade, handshake, way }: Opening,
    { socket: server, rawHeaders }: Ending & { readonly kind: 'upgraded' },
    { answerHeads }: Job,
    { upstream }: Target,
  ): Promise<TunnelEnd> {
    const { response, answerHeaders, confirm } = input;
    const { socket: client, head } = upgrade;
    const early = way?.early;
    try {
      const plain = checkAgreement(rawHeaders, handshake);
      if (early === undefined) {
        const options = { answerHeaders, origin: upstream.url, status: 101, credential: plan.credential };
        const lines = switching(answerHeads.ofRaw(rawHeaders, options).fields, plain);
        if (response.socket !== null) response.detachSocket(response.socket); // from here on it is no HTTP
        client.write(lines, 'latin1');
        if (head.length > 0) server.write(head);
      } else {
        const said = await early.begin?.(server);
        if (said !== undefined && said.length > 0) client.write(said);
        if (early.rest.length > 0) server.write(early.rest);
      }
    } catch (error) {
      server.destroy();
      throw error;
    }
    return runTunnel({ client, server, idleMs: idleTimeoutMs, confirm }, watch);
  }

  return {
    open: () => open,
    relay: async (plan, input, upgrade, way) => {
      const handshake = readHandshake(input.request, input.context, plan.origins);
      const giveBack = takePlace(input);
      try {
        return await connect({ plan, input, upgrade, handshake, way });
      } finally {
        giveBack();
      }
    },
  };
}

/** Whatever is answered instead of 101 is the last thing on its connection, which Node leaves to us. */
export function endAfterAnswer(response: ServerResponse, socket: Duplex): void {
  socket.on('error', () => undefined);
  socket.on('drain', () => response.emit('drain')); // Node has taken its own listener off a socket that may upgrade
  response.shouldKeepAlive = false;
  response.once('finish', () => socket.end());
}

/** We have agreed to none of them, so nothing may come compressed from the back end either. */
function withoutExtensions(head: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < head.length; at += 2) {
    const name = head[at] ?? '';
    if (name.toLowerCase() !== 'sec-websocket-extensions') kept.push(name, head[at + 1] ?? '');
  }
  return kept;
}

function switching(head: readonly string[], plainProtocol: string | undefined): string {
  let lines = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n';
  for (let at = 0; at < head.length; at += 2) {
    if (head[at] !== 'content-length') lines += `${head[at]}: ${head[at + 1]}\r\n`;
  }
  if (plainProtocol !== undefined) lines += `sec-websocket-protocol: ${plainProtocol}\r\n`;
  return `${lines}\r\n`;
}

function factsOf({ reason, up, down }: TunnelEnd): Readonly<Record<string, number | string>> {
  return { reason: typeof reason === 'string' ? reason : reason.code, bytes_up: up, bytes_down: down };
}

function statusOf(ending: Ending): number {
  switch (ending.kind) {
    case 'failed':
      throw ending.fault;
    case 'answered':
    case 'cut':
      return ending.status;
    case 'upgraded':
      return 101;
    case 'left':
      return LEFT;
  }
}

/** No status was sent; the number that others log for it too. */
export const LEFT = 499;
