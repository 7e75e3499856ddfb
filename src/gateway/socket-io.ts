import type { RelayInput } from '../http/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { AnswerHeads } from './answer-head.ts';
import type { Target } from './back-end.ts';
import type { GatewayConfig } from './config.ts';
import { admitAll, readSignIn } from './engine-admission.ts';
import { createEngineBackEnd, type Said } from './engine-back-end.ts';
import {
  type Connect,
  connectError,
  type EngineOpen,
  MAX_PAYLOAD_BYTES,
  openPacket,
  payloadOf,
} from './engine-packets.ts';
import { type EngineQuery, readEngineQuery, refusal, withSid } from './engine-query.ts';
import { createEngineSessions, type EngineSession, type Home, type Opened, type Owner } from './engine-sessions.ts';
import { createEngineSockets } from './engine-sockets.ts';
import { gatewayFault } from './errors.ts';
import { runExchange } from './exchange.ts';
import type { ExchangeMeter } from './gateway.ts';
import { assertOrigin } from './handshake.ts';
import { giveBack } from './places.ts';
import type { Plan } from './plan.ts';
import type { Recorder } from './record.ts';
import { LEFT, type Prepared, type Sockets, type Where } from './sockets.ts';
import type { Waiting } from './waiting.ts';
import type { Watch } from './watch.ts';

/** Speaks Socket.IO with clients whose token may come in the CONNECT packet. */
export interface SocketIo {
  /** @returns the status, once the exchange is over @throws GATEWAY_* as long as nothing was answered */
  relay(plan: Plan, input: RelayInput): Promise<number>;
  /** Sessions that wait or are open. */
  sessions(): number;
}

export interface SocketIoDeps {
  readonly config: GatewayConfig;
  readonly watch: Watch;
  readonly waiting: Waiting;
  readonly recorder: Recorder;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly random: Random;
  readonly meter: ExchangeMeter;
  readonly answerHeads: AnswerHeads;
  readonly prepare: (plan: Plan, input: RelayInput, where?: Where) => Prepared | Promise<Prepared>;
  readonly onError: (error: unknown) => void;
}

const SID_BYTES = 24;
/** A poll may hang for as long as the back end lets it, and a little longer. */
const POLL_MARGIN_MS = 15_000;
/** What we tell a client of whom the back end has not heard: patient enough for any that it may turn out to be. */
const OPENING = { pingIntervalMs: 25_000, pingTimeoutMs: 60_000 };

export function createSocketIo(deps: SocketIoDeps): SocketIo {
  const { config, watch, waiting, recorder, sockets, clock, random, meter, answerHeads, prepare, onError } = deps;
  const { maxOpen, maxPerPrincipal, authTimeoutMs } = config.sockets;
  const backEnd = createEngineBackEnd({ prepare });
  const sessions = createEngineSessions({ watch, waiting, maxOpen, maxPerPrincipal, authTimeoutMs, onEnd: tellEnd });
  const inputs = new WeakMap<EngineSession, RelayInput>();
  const newSession = (): EngineOpen => ({ sid: random.bytes(SID_BYTES).toString('base64url'), ...OPENING });
  const { openByMessage } = createEngineSockets({ waiting, sockets, random, newSession, authTimeoutMs });

  /** A poll, a post or a handshake, each by what the session knows of its sender. */
  async function relay(plan: Plan, input: RelayInput): Promise<number> {
    assertOrigin(input.context, plan.origins); // of polls too: the cookie of a page's visitor goes along with them
    const { request, upgrade, caller, admit } = input;
    const { method } = request;
    const query = readEngineQuery(request.url ?? '');
    if ((query.transport === 'websocket') !== (upgrade !== undefined)) throw refusal('the transport is another one');
    if (method !== 'GET' && method !== 'POST') throw refusal('it must be GET or POST');
    if (query.sid !== undefined) return inSession(plan, input, query, query.sid);
    if (method === 'POST') throw refusal('the session is unknown');
    if (caller.kind !== 'anonymous') {
      return upgrade === undefined ? openKnown(plan, input, query) : sockets.relay(plan, input, upgrade);
    }
    // Version 3 knows no CONNECT of the client: the server lets it in by itself, so it must be known before.
    if (admit === undefined || query.version === 3) throw gatewayFault('GATEWAY_CREDENTIAL');
    return upgrade === undefined ? openUnknown(plan, input) : openByMessage(plan, input, upgrade, admit);
  }

  /** The back end's own session, for somebody who brings a credential with each of its requests. */
  async function openKnown(plan: Plan, input: RelayInput, { version }: EngineQuery): Promise<number> {
    const owner = ownerOf(input);
    const { answerHeaders, response, context, request } = input;
    const keep = (target: Target, open: EngineOpen): void => {
      const session = sessions.add(open.sid, plan, context.addressBlock, owner, homeOf(target, open, version));
      inputs.set(session, input);
    };
    const said = await opening(plan, input, request.url ?? '', version, keep);
    const { credential } = plan;
    const options = { answerHeaders, origin: said.target.upstream.url, status: said.status, credential };
    const { 'content-length': _, 'content-encoding': __, ...headers } = said.headers;
    response.writeHead(said.status, answerHeads.of(headers, options).fields);
    response.end(said.text);
    return said.status;
  }

  /**
   * Opens a session at the back end, recorded like a socket: what goes through it is not.
   *
   * @param keep makes it ours; where that fails the back end is told that it is over
   */
  async function opening(
    plan: Plan,
    input: RelayInput,
    path: string,
    version: 3 | 4,
    keep: (target: Target, open: EngineOpen) => void | Promise<void>,
  ): Promise<Said> {
    await recorder.intend('gateway.connected', input, plan);
    const failed = (facts: Readonly<Record<string, string | number>>): void =>
      recorder.conclude('gateway.connected', input, plan, 'failed', facts);
    let home: Home | undefined;
    try {
      const { said, open } = await backEnd.handshake(plan, input, path);
      if (open === undefined) failed({ status: said.status });
      else {
        home = homeOf(said.target, open, version);
        await keep(said.target, open);
      }
      return said;
    } catch (error) {
      failed({ reason: isFault(error) ? error.code : 'failed' });
      if (home !== undefined) sayOver(plan, input, home);
      throw error;
    }
  }

  /** Our own session, of which the back end hears when somebody has signed in to it. */
  async function openUnknown(plan: Plan, input: RelayInput): Promise<number> {
    const open = newSession();
    sessions.wait(open.sid, plan, input.context.addressBlock);
    return say(input, openPacket(open, plan.sockets ? ['websocket'] : [], MAX_PAYLOAD_BYTES));
  }

  async function inSession(plan: Plan, input: RelayInput, query: EngineQuery, sid: string): Promise<number> {
    const session = sessions.of(sid, plan, input);
    const post = input.request.method === 'POST';
    if (post && session.state !== 'open') return signIn(session, input);
    const found = session.state === 'open' ? nowOpen(session) : await waitFor(session, input);
    switch (found.kind) {
      case 'refused':
        if (input.upgrade !== undefined) throw gatewayFault('GATEWAY_CREDENTIAL'); // told to the poll, in its own words
        sessions.end(session, gatewayFault('GATEWAY_CREDENTIAL'));
        return say(input, found.payload);
      case 'over':
        throw found.fault;
      case 'open':
        return handOn(session, input, found, query);
    }
  }

  function nowOpen({ owner, home }: EngineSession): Opened {
    if (owner === undefined || home === undefined) return { kind: 'over', fault: gatewayFault('GATEWAY_SESSION') };
    return { kind: 'open', owner, home };
  }

  /** One poll and one upgrade may wait for the session to open; it ends by itself when nobody signs in. */
  async function waitFor(session: EngineSession, input: RelayInput): Promise<Opened> {
    if (input.upgrade === undefined) {
      if (session.polled) {
        const fault = refusal('two polls of one session');
        sessions.end(session, fault);
        throw fault;
      }
      session.polled = true;
    } else {
      if (session.busy > 0) throw refusal('two sockets of one session');
      session.busy++;
    }
    try {
      return await session.opened;
    } finally {
      if (input.upgrade === undefined) session.polled = false;
      else session.busy--;
    }
  }

  /** A session is open: its own client's requests go on, under the name that the back end knows it by. */
  async function handOn(
    session: EngineSession,
    input: RelayInput,
    found: Opened & { kind: 'open' },
    query: EngineQuery,
  ) {
    const { owner, home } = found;
    if (home.version !== query.version) throw refusal('the version is another one');
    // Who brings a credential is asked for it anew: the one that the session began with may have run out since.
    const anew = input.caller.kind === 'anonymous' || input.confirm === undefined ? {} : { confirm: input.confirm };
    session.owner = { ...owner, ...anew };
    const known: RelayInput = { ...input, ...session.owner, admit: undefined };
    const where = { target: home.target, path: withSid(input.request.url ?? '', home.sid) };
    session.busy++;
    try {
      if (input.upgrade !== undefined) return await sockets.relay(session.plan, known, input.upgrade, where);
      return await exchange(session, known, where, home);
    } finally {
      session.busy--;
    }
  }

  async function exchange(session: EngineSession, input: RelayInput, where: Where, home: Home): Promise<number> {
    const plan = pollOf(session.plan, input, home);
    const { job, picked } = await prepare(plan, input, where);
    const startedAt = clock.now();
    input.request.socket.setTimeout(plan.responseTimeoutMs + POLL_MARGIN_MS);
    try {
      const ending = await runExchange(job, picked, watch);
      const status = ending.kind === 'answered' || ending.kind === 'cut' ? ending.status : LEFT;
      meter.exchange(plan.to, ending.kind === 'cut' ? 0 : status, clock.now() - startedAt);
      if (ending.kind === 'failed') throw ending.fault;
      if (status >= 400 && status !== LEFT) sessions.end(session, gatewayFault('GATEWAY_SESSION'));
      return status;
    } finally {
      giveBack(picked.place);
    }
  }

  /**
   * What comes into a session that nobody has signed in to: CONNECT with a good token, or the end of it. The state is
   * changed before anything is waited for, so that of two only one can be let in.
   */
  async function signIn(session: EngineSession, input: RelayInput): Promise<number> {
    const busy = session.state !== 'waiting';
    session.state = busy ? session.state : 'opening';
    let connects: readonly [Connect, ...Connect[]] | undefined;
    try {
      if (busy) throw refusal('it is about to open');
      connects = await readSignIn(session.plan, input);
      const owner = await admitAll(connects, input.admit);
      await signedIn(session, { ...input, ...owner, admit: undefined }, owner, connects);
      return say(input, 'ok', 'text/html');
    } catch (error) {
      return refuse(session, input, connects?.[0].namespace, error);
    }
  }

  /** Opens it at the back end too, and hands the CONNECT on: the first that reaches it. */
  async function signedIn(
    session: EngineSession,
    known: RelayInput,
    owner: Owner,
    connects: readonly Connect[],
  ): Promise<void> {
    const { plan } = session;
    const url = known.request.url ?? '';
    const keep = async (target: Target, open: EngineOpen): Promise<void> => {
      const where = { target, path: withSid(url, open.sid) };
      await backEnd.send(plan, known, where, payloadOf(connects.map(({ packet }) => packet)));
      if (session.state !== 'opening') throw gatewayFault('GATEWAY_SESSION'); // it took too long
      inputs.set(session, known);
      sessions.open(session, owner, homeOf(target, open, 4));
    };
    const said = await opening(plan, known, withSid(url, undefined, 'polling'), 4, keep);
    if (session.state !== 'open') throw gatewayFault('GATEWAY_REFUSED', { back_end: plan.to, status: said.status });
  }

  /** A client library understands a CONNECT that was refused; whoever sent anything else is no client library. */
  function refuse(session: EngineSession, input: RelayInput, namespace: string | undefined, error: unknown): number {
    const fault = isFault(error) ? error : gatewayFault('GATEWAY_DOWN', {}, error);
    if (fault !== error) onError(error);
    if (namespace === undefined) {
      sessions.end(session, fault);
      throw fault;
    }
    sessions.refuse(session, connectError(namespace, fault.message, fault.code));
    return say(input, 'ok', 'text/html');
  }

  function tellEnd(session: EngineSession, home: Home): void {
    const input = inputs.get(session);
    if (input === undefined) return;
    recorder.conclude('gateway.connected', input, session.plan, 'done', { reason: 'over' });
    sayOver(session.plan, input, home);
  }

  /** The back end has a session of which we know no more: it would be left to find that out by itself. */
  function sayOver(plan: Plan, input: RelayInput, { target, sid, version }: Home): void {
    const where = { target, path: withSid(withPlaceForSid(input), sid, 'polling') };
    const nobody: RelayInput = { ...input, caller: anonymous }; // whose it was may not be vouched for any more
    backEnd.send(plan, nobody, where, version === 4 ? '1' : '1:1').catch(() => undefined); // it may be gone already
  }

  return { relay, sessions: sessions.count };
}

/** The path of a request of the session's own, with a place for its name. */
function withPlaceForSid({ request: { url = '' } }: RelayInput): string {
  const bare = withSid(url, undefined);
  return `${bare}${bare.endsWith('?') ? '' : '&'}sid=`;
}

const ownerOf = ({ caller, tenantId, confirm }: RelayInput): Owner => {
  if (caller.kind === 'anonymous') throw gatewayFault('GATEWAY_CREDENTIAL');
  return { caller, tenantId, ...(confirm === undefined ? {} : { confirm }) };
};

const homeOf = (target: Home['target'], open: EngineOpen, version: 3 | 4): Home => ({
  ...{ target, sid: open.sid, version },
  patienceMs: open.pingIntervalMs + open.pingTimeoutMs,
});

/** Polls hang, so they take the connections of streams, never those that other requests wait for. */
function pollOf(plan: Plan, { request }: RelayInput, { patienceMs }: Home): Plan {
  if (request.method !== 'GET') return plan;
  return { ...plan, streams: true, responseTimeoutMs: Math.max(plan.responseTimeoutMs, patienceMs) };
}

function say({ response, answerHeaders }: RelayInput, text: string, type = 'text/plain; charset=UTF-8'): number {
  if (response.destroyed) return LEFT;
  response.writeHead(200, [...answerHeaders, 'content-type', type, 'content-length', String(Buffer.byteLength(text))]);
  response.end(text);
  return 200;
}
