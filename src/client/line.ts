import { codeIn, type Problem, problemOf } from './client-error.ts';
import { isCsrf } from './csrf.ts';
import { pause, unlessAborted, wallClock } from './environment.ts';
import type { Renewal } from './renewal.ts';
import type { Tokens } from './tokens.ts';
import { isAbort, isReplayable, unreachable, type Wire } from './wire.ts';

/** What the server wants proved anew before it does what was asked. @see RFC 9470 §3 */
export interface StepUpChallenge {
  readonly code: 'ACCESS_PROOF_TOO_OLD' | 'ACCESS_SECOND_FACTOR';
  readonly problem: Problem;
}

export interface LineDeps {
  readonly wire: Wire;
  readonly tokens: Tokens;
  readonly renewal: Renewal;
  /** In cookie mode the header that an unsafe request needs. @param anew when the known one was refused */
  readonly csrfHeaders: (anew: boolean) => Promise<Readonly<Record<string, string>>>;
  readonly byCookie: boolean;
  readonly onSignedOut: () => void;
  /** True when the person has proved it and the request is to be sent again. */
  readonly onStepUp: ((challenge: StepUpChallenge) => Promise<boolean>) | undefined;
  readonly maxWaitMs: number;
}

/** Sends as whoever is signed in; each mend is tried once, so a request is sent a handful of times at most. */
export type Line = (path: string, init?: RequestInit) => Promise<Response>;

const SAFE = /^(GET|HEAD|OPTIONS)$/;
const MAX_WAITS = 2;

export function createLine(deps: LineDeps): Line {
  const { wire, tokens, renewal, csrfHeaders, byCookie, onSignedOut, onStepUp, maxWaitMs } = deps;

  async function sendOnce(url: URL, init: RequestInit, csrfAnew: boolean): Promise<Response> {
    const headers = new Headers(init.headers);
    const access = tokens.access();
    if (access !== undefined && !headers.has('authorization')) headers.set('authorization', `Bearer ${access}`);
    if (byCookie && !SAFE.test(methodOf(init)))
      for (const [name, value] of Object.entries(await csrfHeaders(csrfAnew))) headers.set(name, value);
    try {
      return await wire.send(url, init, headers);
    } catch (error) {
      if (isAbort(error, init.signal)) throw error;
      throw unreachable(error);
    }
  }

  /** What could make the next try better than this one; undefined when the answer stands. */
  async function mend(
    response: Response,
    init: RequestInit,
    stamp: string,
    tried: Set<Mend>,
  ): Promise<Mend | undefined> {
    const { status } = response;
    if (status !== 401 && status !== 403 && status !== 422) return undefined;
    const problem = await problemOf(response);
    const code = codeIn(problem);
    if (status !== 401) return byCookie && isCsrf(status, problem) && !tried.has('csrf') ? 'csrf' : undefined;
    if (code === 'ACCESS_PROOF_TOO_OLD' || code === 'ACCESS_SECOND_FACTOR') {
      if (onStepUp === undefined || tried.has('step-up')) return undefined;
      return (await onStepUp({ code, problem })) ? 'step-up' : undefined;
    }
    if (code !== undefined && !ABOUT_TOKEN.test(code)) return undefined; // a wrong code or password of the call itself
    if (tried.has('renewal')) return undefined;
    const outcome = await unlessAborted(renewal.renew(stamp), init.signal);
    if (outcome === 'signed-out') onSignedOut();
    return outcome === 'renewed' ? 'renewal' : undefined;
  }

  return async (path, init = {}) => {
    const url = wire.urlOf(path);
    const tried = new Set<Mend>();
    for (let waits = 0; ; ) {
      const stamp = tokens.stamp();
      const response = await sendOnce(url, init, tried.has('csrf'));
      const wait = waits < MAX_WAITS && SAFE.test(methodOf(init)) ? waitOf(response) : undefined;
      if (wait !== undefined && wait <= maxWaitMs) {
        waits++;
        await response.body?.cancel();
        await pause(wait, init.signal);
        continue;
      }
      const next = await mend(response, init, stamp, tried);
      if (next === undefined || !isReplayable(init.body)) return response;
      tried.add(next);
      await response.body?.cancel();
    }
  };
}

type Mend = 'renewal' | 'step-up' | 'csrf';

/** Codes of a 401 that a new token can mend; the profiles of older systems name none. */
const ABOUT_TOKEN = /^(SESSION|ACCESS)_/;

const methodOf = ({ method = 'GET' }: RequestInit): string => method.toUpperCase();

/** How long a server that is busy asks to wait; undefined where it does not say. @see RFC 9110 §10.2.3 */
function waitOf({ status, headers }: Response): number | undefined {
  const told = headers.get('retry-after');
  if ((status !== 429 && status !== 503) || told === null) return undefined;
  const ms = /^\d{1,6}$/.test(told) ? Number(told) * 1_000 : Date.parse(told) - wallClock();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
