import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { httpFault } from '../http/index.ts';
import { seconds } from '../kernel/clock.ts';
import type { TwinkeepError } from '../kernel/errors.ts';
import type { AnswerHeads, SaidHeaders } from './answer-head.ts';
import type { Picked } from './back-end.ts';
import { gatewayFault } from './errors.ts';
import { faultOf, isStaleConnection } from './faults.ts';
import { reasonOf } from './health.ts';
import { begun, whenConnectable } from './places.ts';
import type { Plan } from './plan.ts';
import { drainRest, type Framing, openBody, type RequestBody } from './request-body.ts';
import type { Watch, Watched } from './watch.ts';

/** What is handed on, and where the answer goes. */
export interface Job {
  readonly plan: Plan;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly answerHeaders: readonly string[];
  readonly answerHeads: AnswerHeads;
  readonly confirm: (() => Promise<void>) | undefined;
  /** Names and values in turn. */
  readonly head: string[];
  /** A body that was read already, or how the unread one ends. */
  readonly body: Uint8Array | Framing;
  readonly upgrade: boolean;
  /** What is asked for where that is not what the client asked: the back end has another name for its session. */
  readonly path?: string | undefined;
  /** The client has its 101 already, so that an answer other than one can only be told as a failure. */
  readonly early?: boolean | undefined;
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
  readonly picked: Picked;
  readonly watch: Watch;
  readonly resolve: (ending: Ending) => void;
  phase: Phase;
  controller: Dispatcher.DispatchController | undefined;
  body: RequestBody | undefined;
  status: number;
  bytes: number;
  /** What the answer's own length says; -1 where it says none. */
  length: number;
  /** An answer that came as one small piece, until it goes out with its head in one write. */
  whole: Buffer | undefined;
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
/** Of a larger answer the copy costs more than the second buffer that it saves. */
const MAX_WHOLE_BYTES = 8_192;

/** Hands one request on and its answer back, both as they come. The place stays the caller's. Never rejects. */
export function runExchange(job: Job, picked: Picked, watch: Watch): Promise<Ending> {
  return new Promise((resolve) => {
    const live = createLive(job, picked, watch, resolve);
    const { response } = job;
    if (response.destroyed || job.request.socket.destroyed) {
      resolve({ kind: 'left' }); // while we asked and recorded: nothing is sent for nobody
      return;
    }
    response.on('close', live.onClose).on('error', ignore);
    watch.add(live);
    whenConnectable(picked.place, () => begin(live));
  });
}

const ignore = (): void => undefined; // the `close` that follows tells what we need

function begin(live: Live): void {
  const { place } = live.picked;
  if (live.phase === 'over') {
    begun(place);
    return;
  }
  live.moved = true;
  try {
    dispatch(live);
  } catch (error) {
    begun(place);
    fail(live, error);
  }
}

function createLive(job: Job, picked: Picked, watch: Watch, resolve: (ending: Ending) => void): Live {
  const live: Live = {
    job,
    picked,
    watch,
    resolve,
    place: -1,
    phase: 'waiting',
    controller: undefined,
    body: undefined,
    status: 0,
    bytes: 0,
    length: -1,
    whole: undefined,
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
  const { job, picked } = live;
  const { plan, request } = job;
  const { upstream } = picked.target;
  const length = lengthOf(job);
  const options: Dispatcher.DispatchOptions & { readonly servername: string | undefined } = {
    path: job.path ?? request.url ?? '/',
    method: request.method ?? 'GET',
    headers: length === undefined ? job.head : [...job.head, 'content-length', length],
    body: bodyOf(live),
    headersTimeout: plan.responseTimeoutMs,
    bodyTimeout: plan.idleTimeoutMs,
    upgrade: job.upgrade ? 'websocket' : null,
    servername: upstream.servername,
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
      begun(live.picked.place);
      // Thrown, it is never written: aborted, it would take the connection with it.
      if (live.phase === 'over') throw live.stop ?? gatewayFault('GATEWAY_CLOSING');
      live.controller = controller;
      if (live.phase === 'waiting') live.phase = 'sent';
      live.moved = true;
    },
    onRequestUpgrade: (controller, status, _headers, socket) => {
      socket.on('error', ignore);
      if (live.phase === 'over' || status !== 101) socket.destroy();
      live.picked.target.health.reached();
      if (status !== 101) fail(live, gatewayFault('GATEWAY_ANSWER', { back_end: live.job.plan.to }));
      else finish(live, { kind: 'upgraded', socket, rawHeaders: controller.rawHeaders });
    },
    onResponseStart: (_controller, status, said) => start(live, status, said),
    onResponseData: (controller, chunk) => pass(live, controller, chunk),
    onResponseEnd: () => {
      if (live.phase === 'answering') end(live);
    },
    onResponseError: (_controller, error) => {
      begun(live.picked.place);
      fail(live, error);
    },
  };
}

function start(live: Live, status: number, said: SaidHeaders): void {
  const { job, picked } = live;
  const { target } = picked;
  if (status < 200) {
    // A back end that sends nothing but these would hold us without end.
    if (++live.informational > MAX_INFORMATIONAL || status < 100) throw gatewayFault('GATEWAY_ANSWER', { status });
    return;
  }
  if (live.phase === 'over') return;
  target.health.reached();
  if (job.early === true) {
    stop(live, gatewayFault('GATEWAY_REFUSED', { back_end: job.plan.to, status }));
    return;
  }
  const { answerHeaders, answerHeads, response } = job;
  const head = answerHeads.of(said, {
    ...{ answerHeaders, origin: target.upstream.url, status },
    credential: job.plan.credential,
  });
  response.writeHead(status, head.fields);
  live.phase = 'answering';
  live.status = status;
  live.length = head.length;
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
  if (chunk.length === live.length && live.length <= MAX_WHOLE_BYTES) {
    live.whole = chunk; // the parser says in this same turn that this was all
    return;
  }
  if (response.write(chunk)) return;
  controller.pause();
  response.once('drain', () => {
    live.moved = true;
    if (live.phase === 'answering') controller.resume();
  });
}

/** All came: what was held goes out with its head in one write, which costs the system half of two. */
function end(live: Live): void {
  const { job, whole, body } = live;
  live.phase = 'ended';
  live.whole = undefined;
  if (whole === undefined) job.response.end();
  else job.response.end(whole.toString('latin1'), 'latin1');
  if (body === undefined) return;
  body.stop();
  if (!body.ended()) drainRest(job.request);
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
  const { job, phase, picked, status } = live;
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
  if (!sent && live.stop === undefined) picked.target.health.missed(reasonOf(error));
  const stale = live.stop === undefined && isStaleConnection(error);
  finish(live, { kind: 'failed', fault: live.stop ?? faultOf(error, job.plan.to), sent, stale });
}

function finish(live: Live, ending: Ending): void {
  if (live.phase === 'over') return;
  live.phase = 'over';
  live.watch.delete(live);
  // After an answer that went out whole nothing listens any more; what failed is still to be answered by the line.
  if (ending.kind !== 'answered') live.job.response.off('close', live.onClose).off('error', ignore);
  live.body?.stop();
  live.resolve(ending);
}

/** Two such spans and the ticks between are less than 30 s: what is fast in one may be slow in the next alone. */
const PACE_MS = seconds(12);

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
  else if (body?.fellBehind(ms, Math.min(plan.idleTimeoutMs, PACE_MS), plan.minUploadBytesPerSecond)) {
    stop(live, httpFault('HTTP_BODY_TOO_SLOW', { min_bytes_per_s: plan.minUploadBytesPerSecond }));
  }
}

function silenceOf({ phase, body, job }: Live, uploading: boolean): TwinkeepError {
  const { to } = job.plan;
  if (phase === 'waiting') return gatewayFault('GATEWAY_BUSY', { back_end: to, retry_after_s: 1 });
  if (uploading && body?.held() === false)
    return httpFault('HTTP_BODY_TOO_SLOW', { max_s: job.plan.idleTimeoutMs / 1_000 });
  return gatewayFault('GATEWAY_TIMEOUT', { back_end: to });
}
