import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { httpFault } from '../http/index.ts';
import type { TwinkeepError } from '../kernel/errors.ts';
import { answerHead } from './answer-head.ts';
import type { Target } from './back-end.ts';
import { gatewayFault } from './errors.ts';
import { faultOf, isStaleConnection } from './faults.ts';
import { reasonOf } from './health.ts';
import type { Plan } from './plan.ts';
import { drainRest, type Framing, openBody, type RequestBody } from './request-body.ts';
import type { Watch, Watched } from './watch.ts';

/** What is handed on, and where the answer goes. */
export interface Job {
  readonly plan: Plan;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly answerHeaders: readonly string[];
  readonly assertionHeader: string;
  readonly confirm: (() => Promise<void>) | undefined;
  /** Names and values in turn. */
  readonly head: string[];
  /** A body that was read already, or how the unread one ends. */
  readonly body: Uint8Array | Framing;
  readonly upgrade: boolean;
}

/** How it ended. Nothing was answered where it `failed`, so the line still can. */
export type Ending =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'cut'; readonly status: number; readonly reason: string }
  | { readonly kind: 'left' }
  | { readonly kind: 'failed'; readonly fault: TwinkeepError; readonly sent: boolean; readonly stale: boolean }
  | { readonly kind: 'upgraded'; readonly socket: Duplex; readonly rawHeaders: unknown };

type Phase = 'waiting' | 'sent' | 'answering' | 'ended' | 'over';

interface Live extends Watched {
  readonly job: Job;
  readonly target: Target;
  readonly watch: Watch;
  readonly resolve: (ending: Ending) => void;
  phase: Phase;
  controller: Dispatcher.DispatchController | undefined;
  body: RequestBody | undefined;
  status: number;
  bytes: number;
  informational: number;
  /** Something moved since the last tick. */
  moved: boolean;
  silentMs: number;
  unsent: number;
  /** Why we ended it, where we did. */
  stop: TwinkeepError | undefined;
  left: boolean;
  readonly onClose: () => void;
}

const MAX_INFORMATIONAL = 16;

/** Hands one request on and its answer back, both as they come. Never rejects. */
export function runExchange(job: Job, target: Target, watch: Watch): Promise<Ending> {
  return new Promise((resolve) => {
    const live = createLive(job, target, watch, resolve);
    const { response } = job;
    if (response.destroyed || job.request.socket.destroyed) {
      resolve({ kind: 'left' }); // while we asked and recorded: nothing is sent for nobody
      return;
    }
    response.on('close', live.onClose).on('error', ignore);
    watch.add(live);
    count(live, 1);
    try {
      dispatch(live);
    } catch (error) {
      fail(live, error);
    }
  });
}

const ignore = (): void => undefined; // the `close` that follows tells what we need

function createLive(job: Job, target: Target, watch: Watch, resolve: (ending: Ending) => void): Live {
  const live: Live = {
    job,
    target,
    watch,
    resolve,
    place: -1,
    phase: 'waiting',
    controller: undefined,
    body: undefined,
    status: 0,
    bytes: 0,
    informational: 0,
    moved: false,
    silentMs: 0,
    unsent: 0,
    stop: undefined,
    left: false,
    confirm: job.confirm,
    tick: (ms) => tick(live, ms),
    cut: (fault) => stop(live, fault),
    onClose: () => closed(live),
  };
  return live;
}

function dispatch(live: Live): void {
  const { job, target } = live;
  const { plan, request } = job;
  const { upstream } = target;
  const length = lengthOf(job);
  const options: Dispatcher.DispatchOptions & { readonly servername?: string } = {
    path: request.url ?? '/',
    method: request.method ?? 'GET',
    headers: length === undefined ? job.head : [...job.head, 'content-length', length],
    body: bodyOf(live),
    headersTimeout: plan.responseTimeoutMs,
    bodyTimeout: plan.idleTimeoutMs,
    ...(job.upgrade ? { upgrade: 'websocket' } : {}),
    ...(upstream.servername === undefined ? {} : { servername: upstream.servername }),
  };
  (plan.streams ? upstream.streamPool() : upstream.pool).dispatch(options, handlerOf(live));
}

/** The one length that undici will hold the body to; `undefined` where it counts or chunks by itself. */
function lengthOf({ body, request }: Job): string | undefined {
  if (body instanceof Uint8Array || body.kind === 'chunked') return undefined;
  if (body.kind === 'length') return String(body.bytes);
  return request.headers['content-length'] === undefined ? undefined : '0';
}

function bodyOf(live: Live): Readable | Uint8Array | null {
  const { body, request, plan } = live.job;
  if (body instanceof Uint8Array) return body.length === 0 ? null : body;
  if (body.kind === 'none') return null;
  live.body = openBody(request, plan.maxRequestBytes, {
    onMove: () => {
      live.moved = true;
    },
    onRefuse: (fault) => stop(live, fault),
  });
  return live.body.stream;
}

function handlerOf(live: Live): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (controller) => {
      // Thrown, it is never written: aborted, it would take the connection with it.
      if (live.phase === 'over') throw live.stop ?? gatewayFault('GATEWAY_CLOSING');
      live.controller = controller;
      if (live.phase === 'waiting') live.phase = 'sent';
      live.moved = true;
    },
    onRequestUpgrade: (controller, status, _headers, socket) => {
      socket.on('error', ignore);
      if (live.phase === 'over' || status !== 101) socket.destroy();
      live.target.health.reached();
      if (status !== 101) fail(live, gatewayFault('GATEWAY_ANSWER', { back_end: live.job.plan.to }));
      else finish(live, { kind: 'upgraded', socket, rawHeaders: controller.rawHeaders });
    },
    onResponseStart: (controller, status) => start(live, controller, status),
    onResponseData: (controller, chunk) => pass(live, controller, chunk),
    onResponseEnd: () => {
      if (live.phase !== 'answering') return;
      live.phase = 'ended';
      live.job.response.end();
      live.body?.stop();
      if (live.body !== undefined && !live.body.ended()) drainRest(live.job.request);
    },
    onResponseError: (_controller, error) => fail(live, error),
  };
}

function start(live: Live, controller: Dispatcher.DispatchController, status: number): void {
  const { job, target } = live;
  if (status < 200) {
    // A back end that sends nothing but these would hold us without end.
    if (++live.informational > MAX_INFORMATIONAL || status < 100) throw gatewayFault('GATEWAY_ANSWER', { status });
    return;
  }
  if (live.phase === 'over') return;
  target.health.reached();
  const { answerHeaders, assertionHeader, response } = job;
  const origin = target.upstream.url;
  const head = answerHead(controller.rawHeaders, { answerHeaders, assertionHeader, origin, status });
  response.writeHead(status, head);
  live.phase = 'answering';
  live.status = status;
  live.moved = true;
  queueMicrotask(() => {
    if (live.bytes === 0 && live.phase === 'answering') response.flushHeaders(); // the body may take its time
  });
}

function pass(live: Live, controller: Dispatcher.DispatchController, chunk: Buffer): void {
  const { response, plan } = live.job;
  if (live.phase !== 'answering' || response.destroyed) return;
  live.moved = true;
  live.bytes += chunk.length;
  if (live.bytes > plan.maxResponseBytes) {
    stop(live, gatewayFault('GATEWAY_ANSWER', { reason: 'too large' }));
    return;
  }
  if (response.write(chunk)) return;
  controller.pause();
  response.once('drain', () => {
    live.moved = true;
    if (live.phase === 'answering') controller.resume();
  });
}

/** The response is over: complete, or its client gone. */
function closed(live: Live): void {
  const { response } = live.job;
  if (live.phase === 'ended' && response.writableFinished) {
    finish(live, { kind: 'answered', status: live.status });
  } else {
    live.left = true;
    stop(live, gatewayFault('GATEWAY_CLOSING', { reason: 'the client left' }));
  }
}

/** Ends it from our side, wherever it is. */
function stop(live: Live, fault: TwinkeepError): void {
  if (live.phase === 'over') return;
  live.stop ??= fault;
  const { controller, phase } = live;
  fail(live, fault);
  if (phase !== 'ended') controller?.abort(fault); // the answer is whole already, and its connection another's
}

function fail(live: Live, error: unknown): void {
  if (live.phase === 'over') return;
  const { job, phase, target, status } = live;
  const reason = live.left ? 'the client left' : live.stop === undefined ? reasonOf(error) : live.stop.code;
  if (phase === 'answering' || phase === 'ended') {
    finish(live, { kind: 'cut', status, reason });
    job.response.destroy(); // half an answer must not look like a whole one
    return;
  }
  if (live.left) {
    finish(live, { kind: 'left' });
    return;
  }
  const sent = phase !== 'waiting';
  if (!sent && live.stop === undefined) target.health.missed(reasonOf(error));
  const stale = live.stop === undefined && isStaleConnection(error);
  finish(live, { kind: 'failed', fault: live.stop ?? faultOf(error, job.plan.to), sent, stale });
}

function finish(live: Live, ending: Ending): void {
  if (live.phase === 'over') return;
  live.phase = 'over';
  live.watch.delete(live);
  live.job.response.off('close', live.onClose).off('error', ignore);
  live.body?.stop();
  count(live, -1);
  live.resolve(ending);
}

function count({ job, target }: Live, by: 1 | -1): void {
  if (job.plan.streams) target.streaming += by;
  else target.running += by;
}

/** @see Live.moved: time is counted in ticks, so that neither a suspended machine nor a set clock cuts anything */
function tick(live: Live, ms: number): void {
  const unsent = live.job.response.writableLength;
  if (live.moved || unsent < live.unsent) live.silentMs = 0;
  else live.silentMs += ms;
  live.unsent = unsent;
  live.moved = false;
  const { plan } = live.job;
  const { phase, body } = live;
  const uploading = phase === 'sent' && body !== undefined && !body.ended();
  const most = phase === 'waiting' || (phase === 'sent' && !uploading) ? plan.responseTimeoutMs : plan.idleTimeoutMs;
  // undici's own timers come first where the back end is silent; what is left is a queue or a client that stalls.
  if (live.silentMs >= most + ms) stop(live, silenceOf(live, uploading));
}

function silenceOf({ phase, body, job }: Live, uploading: boolean): TwinkeepError {
  const { to } = job.plan;
  if (phase === 'waiting') return gatewayFault('GATEWAY_BUSY', { back_end: to, retry_after_s: 1 });
  if (uploading && body?.held() === false)
    return httpFault('HTTP_BODY_TOO_SLOW', { max_s: job.plan.idleTimeoutMs / 1_000 });
  return gatewayFault('GATEWAY_TIMEOUT', { back_end: to });
}
