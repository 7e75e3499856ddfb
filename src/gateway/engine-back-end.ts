import type { RelayInput } from '../http/index.ts';
import type { Target } from './back-end.ts';
import { type EngineOpen, readOpen } from './engine-packets.ts';
import { gatewayFault } from './errors.ts';
import { faultOf } from './faults.ts';
import { begun, giveBack, whenConnectable } from './places.ts';
import type { Plan } from './plan.ts';
import type { Prepared, Where } from './sockets.ts';

/** What a back end answered a request of our own. */
export interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly target: Target;
}

/** Speaks Engine.IO to a back end on behalf of a client that is known. */
export interface EngineBackEnd {
  /** Asks for a session. @returns its answer, with the session where it opened one @throws GATEWAY_* */
  handshake(plan: Plan, input: RelayInput, path: string): Promise<{ readonly said: Said; readonly open?: EngineOpen }>;
  /** Sends packets in a session. @throws GATEWAY_* */
  send(plan: Plan, input: RelayInput, where: Required<Where>, payload: string): Promise<Said>;
}

const MAX_ANSWER_BYTES = 65_536;
/** Of the client's own request, which ours is not: its body, and codings that we would have to undo. */
const NOT_OURS = /^(?:content-.*|accept-encoding|transfer-encoding|sec-websocket-.*|upgrade|connection|if-.*|range)$/i;

export function createEngineBackEnd(deps: {
  readonly prepare: (plan: Plan, input: RelayInput, where?: Where) => Prepared | Promise<Prepared>;
}): EngineBackEnd {
  async function ask(
    plan: Plan,
    input: RelayInput,
    where: Where,
    method: 'GET' | 'POST',
    body?: string,
  ): Promise<Said> {
    const { job, picked } = await deps.prepare(plan, { ...input, body: new Uint8Array() }, where);
    const { target, place } = picked;
    const head = job.head.flatMap((part, at) => {
      if (at % 2 === 1 || NOT_OURS.test(part)) return [];
      return [part, job.head[at + 1] ?? ''];
    });
    if (body !== undefined) head.push('content-type', 'text/plain;charset=UTF-8');
    try {
      await new Promise<void>((resolve) => whenConnectable(place, resolve));
      begun(place);
      const answer = await target.upstream.pool.request({
        path: where.path ?? '/',
        method,
        headers: head,
        body: body ?? null,
        headersTimeout: plan.responseTimeoutMs,
        bodyTimeout: plan.responseTimeoutMs,
      });
      target.health.reached();
      return { status: answer.statusCode, headers: answer.headers, target, text: await textOf(answer.body) };
    } catch (error) {
      throw faultOf(error, plan.to);
    } finally {
      giveBack(place);
    }
  }

  return {
    send: (plan, input, where, payload) => ask(plan, input, where, 'POST', payload),
    handshake: async (plan, input, path) => {
      const said = await ask(plan, input, { path }, 'GET');
      const open = said.status === 200 ? readOpen(said.text) : undefined;
      if (said.status === 200 && open === undefined)
        throw gatewayFault('GATEWAY_ANSWER', { reason: 'it opens no session' });
      return open === undefined ? { said } : { said, open };
    },
  };
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw gatewayFault('GATEWAY_ANSWER', { reason: 'too large' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
