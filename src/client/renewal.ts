import { ClientError, codeIn, isProblem, problemOf } from './client-error.ts';
import { isCsrf } from './csrf.ts';
import { pause } from './environment.ts';
import type { Preset } from './paths.ts';
import type { Tokens } from './tokens.ts';
import type { Turns } from './turns.ts';
import { unreachable, type Wire } from './wire.ts';

/** Gets a new access token, once for all who ask at the same time, in this tab and in others. */
export interface Renewal {
  /**
   * @param stamp of the tokens that were refused: where another tab has renewed them since, nothing is asked for
   * @throws ClientError when that could not be found out; nobody is signed out by a lost network
   */
  renew(stamp: string): Promise<'renewed' | 'signed-out'>;
}

export interface RenewalDeps {
  readonly preset: Preset;
  readonly mode: 'cookie' | 'body';
  readonly tokens: Tokens;
  readonly turns: Turns;
  readonly wire: Wire;
  /** The CSRF header of a refresh, where a cookie is its credential. @param anew when the known one was refused */
  readonly csrfHeaders: (anew: boolean) => Promise<Readonly<Record<string, string>>>;
}

const TIMEOUT_MS = 10_000;
const REPEAT_AFTER_MS = 300;

export function createRenewal({ preset, mode, tokens, turns, wire, csrfHeaders }: RenewalDeps): Renewal {
  let running: Promise<'renewed' | 'signed-out'> | undefined;
  const byCookie = mode === 'cookie' || preset.refreshBy === 'cookie';

  async function ask(path: string, csrfAnew: boolean): Promise<Response> {
    const refresh = tokens.refresh();
    const headers = new Headers({ accept: 'application/json', ...(byCookie ? await csrfHeaders(csrfAnew) : {}) });
    // In cookie mode our own route wants an object all the same; where only a cookie ever carried it, there is no body.
    const body = preset.refreshBy === 'cookie' ? undefined : JSON.stringify(byCookie ? {} : { refresh_token: refresh });
    if (body !== undefined) headers.set('content-type', 'application/json');
    const init: RequestInit = { method: 'POST', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) };
    return wire.send(wire.urlOf(path), body === undefined ? init : { ...init, body }, headers);
  }

  /** The answer may be what was lost: the server gives the same one again to who repeats the question soon. */
  async function askTwice(path: string, csrfAnew: boolean): Promise<Response> {
    try {
      const response = await ask(path, csrfAnew);
      if (response.status < 500) return response;
    } catch {
      // as after a 5xx: once more
    }
    await pause(REPEAT_AFTER_MS);
    try {
      return await ask(path, csrfAnew);
    } catch (error) {
      throw unreachable(error);
    }
  }

  async function once(stamp: string): Promise<'renewed' | 'signed-out'> {
    if (tokens.stamp() !== stamp) return tokens.isSignedIn() || byCookie ? 'renewed' : 'signed-out';
    const { refresh: path } = preset;
    if (path === undefined || (!byCookie && tokens.refresh() === undefined)) return 'signed-out';
    let response = await askTwice(path, false);
    if (byCookie && isCsrf(response.status, await problemOf(response))) response = await askTwice(path, true);
    if (response.ok) {
      const { access_token, refresh_token } = grantIn(await response.json());
      tokens.keep(access_token, refresh_token ?? tokens.refresh());
      return 'renewed';
    }
    if (await hasEnded(response)) return 'signed-out';
    throw new ClientError(response.status, `HTTP_${response.status}`, 'the session could not be renewed now');
  }

  /** The profiles of older systems have words of their own, and no codes where they speak of tokens. */
  async function hasEnded(response: Response): Promise<boolean> {
    const { status } = response;
    if (!(preset.refreshEnds ?? [401]).includes(status)) return false;
    const problem = await problemOf(response);
    const code = codeIn(problem);
    return code === undefined ? !isCsrf(status, problem) : ENDED.test(code);
  }

  return {
    renew: (stamp) => {
      running ??= turns(() => once(stamp)).finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

/** Codes of a refresh token that is good no more; with any other one the session may well live. */
const ENDED = /^(SESSION_(TOKEN_INVALID|EXPIRED|REVOKED|UNKNOWN|DEVICE)|ACCESS_UNAUTHENTICATED)$/;

/** The tokens in an answer; in cookie mode there are none. */
export function grantIn(body: unknown): { readonly access_token?: string; readonly refresh_token?: string } {
  if (!isProblem(body)) return {};
  const { access_token, refresh_token } = body;
  return {
    ...(typeof access_token === 'string' ? { access_token } : {}),
    ...(typeof refresh_token === 'string' ? { refresh_token } : {}),
  };
}
