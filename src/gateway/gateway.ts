import type { Audit } from '../audit/index.ts';
import { type RelayInput, statusOf, type Upgrade } from '../http/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { KnownPrincipal } from '../kernel/principal.ts';
import { createSystemRandom, type Random } from '../kernel/random.ts';
import { createAnswerHeads } from './answer-head.ts';
import { relayByMessage } from './auth-message.ts';
import { type BackEnd, openBackEnd, type Picked, type Target } from './back-end.ts';
import type { GatewayConfig } from './config.ts';
import { gatewayFault } from './errors.ts';
import { type Ending, type Job, runExchange } from './exchange.ts';
import type { BackEndEvent, BackEndStatus } from './health.ts';
import { createOwnCookies } from './own-cookies.ts';
import { giveBack, holderOf } from './places.ts';
import { type Plan, planOf, rowsOf } from './plan.ts';
import { createRecorder } from './record.ts';
import type { RelayRoute } from './relay-route.ts';
import { framingOf } from './request-body.ts';
import { createRequestHeads } from './request-head.ts';
import { createSocketIo } from './socket-io.ts';
import { createSockets, endAfterAnswer, LEFT, type Prepared, type Where } from './sockets.ts';
import { assertPlainTarget } from './target.ts';
import { createWaiting } from './waiting.ts';
import { createWatch } from './watch.ts';

export type { BackEndEvent } from './health.ts';

/** Who calls, signed for one back end. */
export interface Assertions {
  of(caller: KnownPrincipal, tenantId: TenantId, audience: string): string | Promise<string>;
}

/** Where exchanges are counted; outlives a gateway, for a changed configuration makes a new one. */
export interface ExchangeMeter {
  /** @param status 499 where the client left before an answer; 0 where an answer was cut */
  exchange(backEnd: string, status: number, ms: number): void;
}

export interface GatewayDeps {
  readonly config: GatewayConfig;
  readonly audit: Pick<Audit, 'write' | 'noteRead'>;
  readonly assertions: Assertions;
  /** Cookies of the profiles that are served: no back end sees or sets them, but on routes that pass credentials. */
  readonly cookies?: readonly string[];
  readonly meter: ExchangeMeter;
  readonly clock: Clock;
  /** The system's own unless told. */
  readonly random?: Random;
  readonly onEvent: (event: BackEndEvent) => void;
  readonly onError: (error: unknown) => void;
}

/** Hands admitted requests and sockets on to back ends. */
export interface Gateway {
  readonly routes: readonly RelayRoute[];
  /** How every URL of every back end does. */
  backEnds(): readonly BackEndStatus[];
  openSockets(): number;
  /** Requests and sockets that run. */
  running(): number;
  /**
   * Takes part in nothing new, lets what runs end for the configured grace, and cuts the rest. What the line had
   * admitted before still comes through until nothing has run for a moment, so that a reload drops no request.
   */
  close(): Promise<void>;
  /**
   * The same without cutting anything: for one that another has taken the place of. Resolves when nothing runs.
   *
   * @param busy whether something that was admitted is still on its way here
   */
  retire(busy?: () => boolean): Promise<void>;
}

type Failed = Ending & { readonly kind: 'failed' };

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const REPEATABLE = new Set([...SAFE, 'PUT', 'DELETE']); // RFC 9110 §9.2.2
const SETTLE_MS = 250;
const SETTLE_STEP_MS = 25;

/** @throws Error where a file of TLS can't be read */
export function createGateway(deps: GatewayDeps): Gateway {
  const { config, assertions, meter, clock, onEvent, onError } = deps;
  const recorder = createRecorder(deps);
  const watch = createWatch(onError);
  const cookies = createOwnCookies(deps.cookies ?? []);
  const heads = createRequestHeads(config.assertionHeader, cookies);
  const answerHeads = createAnswerHeads(config.assertionHeader, cookies);
  const backEnds = new Map<string, BackEnd>();
  for (const [name, own] of Object.entries(config.backEnds)) {
    backEnds.set(name, openBackEnd({ name, config: own, clock, onEvent }));
  }
  const sockets = createSockets({ config, watch, recorder, clock, prepare });
  const { authTimeoutMs, maxWaiting, maxWaitingPerAddress } = config.sockets;
  const waiting = createWaiting(maxWaiting, maxWaitingPerAddress);
  const random = deps.random ?? createSystemRandom();
  const socketIo = createSocketIo({
    config,
    watch,
    recorder,
    clock,
    random,
    waiting,
    sockets,
    prepare,
    meter,
    answerHeads,
    onError,
  });
  let running = 0;
  let closed = false;
  let closing: Promise<void> | undefined;

  function backEndOf(name: string): BackEnd {
    const backEnd = backEnds.get(name);
    if (backEnd === undefined) throw gatewayFault('GATEWAY_DOWN', { back_end: name });
    return backEnd;
  }

  /** A URL that lives, a place at it and the whole of what it will be sent: found before anything is recorded. */
  function prepare(plan: Plan, input: RelayInput, { target, path }: Where = {}): Prepared | Promise<Prepared> {
    const { request, caller, tenantId, body } = input;
    const framing = body instanceof Uint8Array ? body : framingOf(request, plan.maxRequestBytes);
    const picked = backEndOf(plan.to).pick(plan.streams, holderOf(input), undefined, target);
    const jobWith = (assertion: string | undefined): Prepared => {
      const head = heads.of(request, input.context, plan, assertion);
      return { picked, job: { ...jobOf(plan, input, framing, head), path } };
    };
    const refuse = (error: unknown): never => {
      giveBack(picked.place);
      throw error;
    };
    try {
      const given = caller.kind === 'anonymous' ? undefined : assertions.of(caller, tenantId, plan.to);
      return given instanceof Promise ? given.then(jobWith).catch(refuse) : jobWith(given);
    } catch (error) {
      return refuse(error);
    }
  }

  function jobOf(plan: Plan, input: RelayInput, body: Job['body'], head: string[]): Job {
    const { request, response, answerHeaders, confirm, upgrade } = input;
    return {
      plan,
      request,
      response,
      answerHeaders,
      answerHeads,
      confirm,
      head,
      body,
      upgrade: upgrade !== undefined,
    };
  }

  async function forward(plan: Plan, input: RelayInput): Promise<number> {
    running++;
    try {
      const prepared = prepare(plan, input); // awaited only where it has to be: each wait costs, and most have none
      const { job, picked } = prepared instanceof Promise ? await prepared : prepared;
      const safe = SAFE.has(input.request.method ?? '');
      let startedAt = clock.now();
      let ending: Ending;
      try {
        if (!safe) {
          await recorder.intend('gateway.forwarded', input, plan);
          startedAt = clock.now();
        }
        lengthen(plan, input);
        ending = await runExchange(job, picked, watch);
      } finally {
        giveBack(picked.place);
      }
      if (ending.kind === 'failed') ending = await tryAnother(job, input, picked.target, ending);
      meter.exchange(plan.to, meteredStatus(ending), clock.now() - startedAt);
      if (!safe) conclude(plan, input, ending);
      if (ending.kind === 'failed') throw ending.fault;
      if (ending.kind === 'left') return LEFT;
      if (safe && ending.kind === 'answered' && ending.status < 400) recorder.noteRead(input, plan);
      return ending.kind === 'upgraded' ? 101 : ending.status;
    } finally {
      running--;
    }
  }

  async function connect(plan: Plan, input: RelayInput, upgrade: Upgrade): Promise<number> {
    if (!plan.sockets) throw gatewayFault('GATEWAY_NO_SOCKETS');
    const { admit } = input;
    running++;
    try {
      if (admit === undefined) return await sockets.relay(plan, input, upgrade);
      return await relayByMessage({ plan, input, upgrade, admit, waiting, sockets, authTimeoutMs });
    } finally {
      running--;
    }
  }

  async function speakSocketIo(plan: Plan, input: RelayInput): Promise<number> {
    running++;
    try {
      return await socketIo.relay(plan, input);
    } finally {
      running--;
    }
  }

  async function tryAnother(job: Job, input: RelayInput, tried: Target, failed: Failed): Promise<Ending> {
    const picked = another(job, input, tried, failed);
    if (picked === undefined) return failed;
    try {
      return await runExchange(job, picked, watch);
    } finally {
      giveBack(picked.place);
    }
  }

  /** Where to try once more: only what a back end may get twice, and only where it can't have got it once. */
  function another({ request, body, plan }: Job, input: RelayInput, tried: Target, ending: Failed): Picked | undefined {
    const method = request.method ?? '';
    const empty = body instanceof Uint8Array ? body.length === 0 : body.kind === 'none';
    if (!empty || ending.fault.code !== 'GATEWAY_UNREACHABLE') return undefined;
    const backEnd = backEndOf(plan.to);
    const holder = holderOf(input);
    try {
      if (!ending.sent && REPEATABLE.has(method) && backEnd.hasOther(tried))
        return backEnd.pick(plan.streams, holder, tried);
      if (ending.stale && SAFE.has(method)) return backEnd.pick(plan.streams, holder);
    } catch {
      // nobody else has room: the first failure is the answer
    }
    return undefined;
  }

  function conclude(plan: Plan, input: RelayInput, ending: Ending): void {
    const good = ending.kind === 'answered' && ending.status < 400;
    recorder.conclude('gateway.forwarded', input, plan, good ? 'done' : 'failed', endFacts(ending));
  }

  /** @throws GATEWAY_CLOSING, GATEWAY_TARGET at once; what comes later comes by the promise */
  function relay(plan: Plan, input: RelayInput): Promise<number> {
    const { upgrade, request, response } = input;
    if (upgrade !== undefined) endAfterAnswer(response, upgrade.socket);
    if (closed) throw gatewayFault('GATEWAY_CLOSING', { retry_after_s: 1 });
    const target = request.url ?? '';
    assertPlainTarget(target);
    plan.assertOwn(target);
    if (plan.socketIo) return speakSocketIo(plan, input);
    // Not known, and no socket that could still say who it is: its route let it in for those alone.
    if (input.admit !== undefined && upgrade === undefined) throw gatewayFault('GATEWAY_CREDENTIAL');
    return upgrade === undefined ? forward(plan, input) : connect(plan, input, upgrade);
  }

  async function shut(): Promise<void> {
    for (const backEnd of backEnds.values()) backEnd.stop();
    let quietMs = 0;
    for (let waited = 0; waited < config.closeGraceMs && quietMs < SETTLE_MS; waited += SETTLE_STEP_MS) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS));
      quietMs = running === 0 ? quietMs + SETTLE_STEP_MS : 0;
    }
    closed = true;
    watch.cutAll(gatewayFault('GATEWAY_CLOSING'));
    watch.stop();
    await Promise.all([...backEnds.values()].map((backEnd) => backEnd.destroy()));
    await recorder.settle();
  }

  async function retire(busy = (): boolean => false): Promise<void> {
    for (const backEnd of backEnds.values()) backEnd.stop();
    let quietMs = 0; // what the line had admitted before may be about to come
    while (quietMs < SETTLE_MS && closing === undefined) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS).unref());
      quietMs = running === 0 && !busy() ? quietMs + SETTLE_STEP_MS : 0;
    }
    closing ??= shut();
    await closing;
  }

  return {
    retire,
    routes: config.routes.flatMap((route) => {
      const plan = planOf(route, config);
      const answer = { sockets: route.sockets, handle: neverAsked, relay: (input: RelayInput) => relay(plan, input) };
      return rowsOf(route, plan).map((row) => ({ ...row, ...answer, sockets: route.sockets && row.method === 'GET' }));
    }),
    backEnds: () => [...backEnds.values()].flatMap((backEnd) => backEnd.status()),
    openSockets: sockets.open,
    running: () => running,
    close: () => {
      closing ??= shut();
      return closing;
    },
  };
}

const neverAsked = (): Promise<never> => Promise.reject(new TypeError('a route of the gateway answers by relay'));

/** The listener cuts a connection on which nothing moves for a minute; a route may allow a back end longer. */
const LISTENER_PATIENCE_MS = 45_000;

function lengthen(plan: Plan, { request }: RelayInput): void {
  const longest = Math.max(plan.responseTimeoutMs, plan.idleTimeoutMs);
  if (longest > LISTENER_PATIENCE_MS) request.socket.setTimeout(longest + LISTENER_PATIENCE_MS);
}

function meteredStatus(ending: Ending): number {
  switch (ending.kind) {
    case 'answered':
      return ending.status;
    case 'cut':
      return 0;
    case 'failed':
      return statusOf(ending.fault.kind);
    case 'left':
      return LEFT;
    case 'upgraded':
      return 101;
  }
}

function endFacts(ending: Ending): Readonly<Record<string, string | number>> {
  switch (ending.kind) {
    case 'answered':
      return { status: ending.status };
    case 'cut':
      return { status: ending.status, reason: ending.reason };
    case 'left':
      return { reason: 'the client left' };
    case 'failed':
      return { reason: ending.fault.code };
    case 'upgraded':
      return { status: 101 };
  }
}
